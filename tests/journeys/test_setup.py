"""A person points the console at a device that nobody has configured: typed and charted in a few clicks.

Everything is real: all processes of the node, the browser, and a Modbus simulator on its socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from asyncua import Client
from playwright.sync_api import Page, expect

from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from tests.node.running import Node as Running

from .conftest import Node, Visitor

pytestmark = [pytest.mark.journey, pytest.mark.node, pytest.mark.timeout(400)]
CLICKS, SECONDS = 10, 120
LIST = (
    "flow\tholding:0:float32\nspeed\tholding:2:uint16\nvibration\tholding:9000:uint16\n"
    "bearing_temperature\tholding:4:float32"
)


@contextlib.contextmanager
def plant() -> Iterator[int]:
    """A pump on a port of its own, in a thread of its own: Playwright keeps the main one busy."""
    ports: list[int] = []
    ready, ending = threading.Event(), threading.Event()

    async def serve() -> None:
        points = [Point("flow", "holding:0:float32", 42.5), Point("speed", "holding:2:uint16", 1450)]
        points.append(Point("bearing_temperature", "holding:4:float32", 95.0))  # beyond the model's alarm limit
        async with ModbusSimulator("127.0.0.1", 0, points) as simulator:
            ports.append(simulator.port)
            ready.set()
            while not ending.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield ports[0]
    finally:
        ending.set()
        thread.join()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as started:
        yield started


@pytest.fixture
def node(running: Running) -> Node:
    until = time.monotonic() + 30
    while (printed := re.search(r"Password:\s+(\S+)", running.output())) is None:
        assert time.monotonic() < until, running.output()
        time.sleep(0.2)
    return Node(f"http://127.0.0.1:{running.ports['web']}", printed.group(1), alone=False)


class Hand:
    """Counts clicks."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.clicks += 1


def test_a_device_that_nobody_configured_is_typed_charted_alarmed_and_served_in_ten_clicks(
    visit: Visitor, running: Running
) -> None:
    desk = visit()
    page, hand = desk.page, Hand(desk.page)
    desk.open("/platform/devices/")
    with plant() as port:
        begin = time.monotonic()
        hand.click("a[href='/platform/devices/new']")
        hand.click("a[href='?driver=modbus']")
        page.fill("#opt-host", "127.0.0.1")
        page.fill("#opt-port", "1")
        hand.click("#test")
        expect(page.locator("#tested [role=alert]")).to_contain_text("127.0.0.1:1")
        page.fill("#opt-port", str(port))
        hand.click("#test")
        expect(page.locator("#reached")).to_contain_text("ms")
        page.select_option("#type", "centrifugal-pump")
        hand.clicks += 1
        page.fill("#pasted", LIST)
        hand.click("#add-pasted")
        expect(page.locator("#rows input[name=tag-key]")).to_have_count(4)
        expect(page.locator("#rows .state-good").first).to_contain_text("42.5")
        assert page.locator("#rows input[name=tag-unit]").first.input_value() == "m³/h"
        desk.photograph("setup")
        hand.click("#save")
        page.wait_for_url(re.compile(r"/platform/devices/\d+/$"))
        page.wait_for_selector("live-value[quality='good']:not([stale])", timeout=60_000)
        page.wait_for_selector("live-chart canvas")
        _alarmed(page, hand)
        _served(page)
        assert hand.clicks <= CLICKS
        assert time.monotonic() - begin < SECONDS
        _edited_and_rolled_back(page, hand)
        _seen_on_a_phone(visit, page.url)


def _alarmed(page: Page, hand: Hand) -> None:
    """The limits of the model came with the device, and one of them is exceeded."""
    hand.click("a[href='?tab=alarms']")
    until = time.monotonic() + 60
    while not page.locator("#tab a[href^='/data/alarms/']").count():
        assert time.monotonic() < until, page.locator("#tab").inner_text()
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("#tab")).to_contain_text("轴承温度过高")


def _served(page: Page) -> None:
    """Other programs reach an OPC UA server on the port that the offer says."""
    address = page.url
    page.goto(f"{address.partition('/platform')[0]}/platform/northbound/")
    found = re.search(r"\b(2\d{4}|3\d{4}|[89]\d{3})\b", page.locator("main").inner_text())
    assert found is not None, page.locator("main").inner_text()
    port = int(found.group(1))

    async def ask() -> int:
        try:
            return len(await Client(f"opc.tcp://127.0.0.1:{port}").connect_and_get_server_endpoints())
        except (OSError, TimeoutError):
            return 0  # not there yet

    until = time.monotonic() + 60
    endpoints: list[int] = []
    while not any(endpoints):
        assert time.monotonic() < until, "the northbound server did not come"
        thread = threading.Thread(target=lambda: endpoints.append(asyncio.run(ask())))
        thread.start()
        thread.join(20)
        time.sleep(0.5)
    page.goto(address.partition("?")[0])


def _edited_and_rolled_back(page: Page, hand: Hand) -> None:
    address = page.url
    page.goto(f"{address}edit")
    expect(page.locator("#opt-host")).to_have_value("127.0.0.1")
    page.fill("input[name=tag-name] >> nth=0", "出口流量")
    page.fill("input[name=why]", "as the fitters call it")
    hand.click("#rows [data-remove-row] >> nth=2")
    hand.click("#save")
    page.wait_for_url(address)
    page.goto(f"{address}?tab=configuration")
    expect(page.locator("#tab")).to_contain_text("as the fitters call it")
    page.locator("#tab a", has_text="v2").click()
    expect(page.locator(".version-lines")).to_contain_text("出口流量")
    page.goto(f"{address}?tab=configuration")
    page.locator("#tab a", has_text="v1").click()
    page.locator("form[action$='/do/roll-back'] button").click()
    page.goto(f"{address}?tab=configuration")
    expect(page.locator("#tab")).to_contain_text("v3")
    with page.expect_download() as download:
        page.locator("a[href$='/file.toml']").click()
    assert "holding:9000:uint16" in Path(download.value.path()).read_text("utf-8")


def _seen_on_a_phone(visit: Visitor, url: str) -> None:
    device = re.search(r"/platform/(devices|configurations)/\d+/", url)
    assert device is not None
    for language in ("zh-hans", "en"):
        phone = visit("phone", language)
        for path in ("/platform/devices/new", "/platform/devices/new?driver=opcua", "/platform/sheets/"):
            phone.open(path)
            wide = phone.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 1, f"{path} is {wide} px too wide"
        phone.photograph("protocols")
