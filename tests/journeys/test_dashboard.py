"""From nothing a person builds a dashboard with a trend and a big number, adds an alarm rule, and makes a report."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "data/telemetry"))  # the rig of the store
sys.path.insert(0, str(Path(__file__).parents[1] / "data/access"))  # two enterprises with a store of their own

import rig
from django.conf import settings
from django.test import Client
from enterprises import Served, World
from enterprises_fixtures import node, web, world
from playwright.sync_api import Browser, Page, sync_playwright

from gongfu.data.alarms.models import AlarmRule
from gongfu.data.dashboards import measuring, reporting, services
from gongfu.data.dashboards.models import Dashboard, ReportRun
from gongfu.data.dashboards.rules import Kind
from gongfu.data.telemetry import pages as telemetry_pages
from gongfu.kernel import bus
from gongfu.kernel.tasks.models import Job

__all__ = ["node", "web", "world"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.journey,
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
SHOTS = Path(os.environ["DASHBOARD_SHOTS"]) if "DASHBOARD_SHOTS" in os.environ else None


def _lately(world: World) -> None:
    """A flow that swings, every ten seconds of the last twenty hours."""
    world.store.command(
        f"INSERT INTO readings SELECT {world.ours.pk}, {world.tag('flow')},"
        " now64(6) - toIntervalSecond(10 * number), 40 + 8 * sin(number / 300), 0, now() FROM numbers(7200)"
    )


def _signed_in(browser: Browser, world: World, address: str) -> Page:
    """A page of the engineer; how people sign in is another journey's."""
    client = Client()
    client.force_login(world.engineer)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])
    return context.new_page()


def _publish(world: World, value: float) -> None:
    """A reading of now, on the bus that the page listens to. In a thread of its own: Playwright has a loop here."""

    async def work() -> None:
        client = await bus.connect(world.node.settings, "journey")
        now = time.time_ns() // 1000
        batch = rig.batch(world.ours.pk, world.pump.pk, [world_tag], [now], [value], arrived=now)
        await client.publish(bus.readings_subject(world.ours.pk, world.pump.pk), batch)
        await client.close()

    world_tag = world.tag("flow")
    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join(20)


def _drag(page: Page, handle: str, right: float, down: float) -> None:
    """Press on ``handle``, go so far in pixels, let go."""
    box = page.locator(handle).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y + down / 2, steps=3)
    page.mouse.move(x + right, y + down, steps=3)
    page.mouse.up()


def _shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.wait_for_timeout(500)
        page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium on this machine")
def test_a_person_builds_a_dashboard_an_alarm_and_a_report(
    world: World, web: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps an event loop in this thread
    monkeypatch.setattr(measuring, "client", lambda: world.store)
    monkeypatch.setattr(telemetry_pages, "settings", lambda: world.node.settings)
    _lately(world)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        _walk(browser, world, f"http://127.0.0.1:{web.port}")
        browser.close()


def _walk(browser: Browser, world: World, address: str) -> None:
    page = _signed_in(browser, world, address)
    page.set_default_timeout(30_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda found: faults.append(f"{found.text} {found.location}") if found.type == "error" else None)
    # A dashboard from nothing: a trend, then a big number, both seen at once.
    page.goto(f"{address}/data/dashboards/")
    page.locator("a[href='/data/dashboards/new']").first.click()
    page.fill("[name=name]", "Pumps")
    page.click("main form button.btn-primary")
    page.click(".dash-empty button")
    page.fill(".dash-panel input[type=search]", "flow")
    page.click(".dash-found button:has-text('Flow')")
    page.wait_for_selector(".dash-trend canvas")
    page.click("[data-add]")
    page.locator(".dash-panel select").first.select_option("number")
    page.locator(".dash-field:has-text('Calculation') select").select_option("mean")
    page.click(".dash-found button:has-text('Flow')")
    page.wait_for_selector(".dash-figure:has-text('4')")
    # Put in its place: by pointer, by keyboard.
    column = page.locator(".dash-grid").evaluate("grid => grid.getBoundingClientRect().width / 12")
    _drag(page, ".dash-number .dash-size", 2 * column, 0)
    _drag(page, ".dash-number .dash-grip", column, 0)
    page.locator(".dash-number .dash-grip").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    _shoot(page, "editing-1440")
    page.click("[data-save]")
    page.wait_for_selector("dash-board[data-saved]")
    board = Dashboard.objects.get()
    trend, number = services.document_of(board).widgets
    assert [trend.kind, number.kind] == [Kind.TREND, Kind.NUMBER]
    assert (number.w, number.h) == (5, 3)
    assert (trend.x, trend.y, trend.w, trend.h) == (0, 0, 6, 5)
    page.reload()
    page.wait_for_selector("dash-board[data-loaded] .dash-trend canvas")
    page.wait_for_selector(".dash-change b")
    _shoot(page, "board-1440")

    # A reading that comes is there without loading anything anew.
    page.evaluate("window.same = true")
    page.wait_for_selector("dash-board[data-loaded]")
    label = page.locator(".dash-trend canvas").first.locator("xpath=ancestor::*[@aria-label][1]")
    deadline = time.monotonic() + 30
    while "77.5" not in (label.get_attribute("aria-label") or ""):
        assert time.monotonic() < deadline, label.get_attribute("aria-label")
        _publish(world, 77.5)
        page.wait_for_timeout(500)
    assert page.evaluate("window.same") is True

    # On a phone one stands below the other, and nothing sticks out.
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.scrollingElement.scrollWidth <= 390")
    corner = "all => all.map(one => Math.round(one.getBoundingClientRect().{edge}))"
    lefts, tops = (page.locator(".dash-widget").evaluate_all(corner.format(edge=edge)) for edge in ("x", "y"))
    assert len(set(lefts)) == 1
    assert tops == sorted(set(tops))
    page.set_viewport_size({"width": 1440, "height": 900})

    # An alarm rule; its limit then stands in the trend of the same tag.
    page.goto(f"{address}/data/alarm-rules/new?device={world.pump.pk}&organisation={world.ours.pk}&tag=flow")
    page.fill("[name=name]", "Flow too high")
    page.fill("[name=limit]", "47")
    page.click("main form button.btn-primary")
    page.wait_for_selector("h1:has-text('Flow too high')")
    assert AlarmRule.objects.get().limit == 47

    # A report of the dashboard, made now, downloaded.
    page.goto(f"{address}/data/dashboards/{board.pk}/")
    page.click("a:has-text('Make a report')")
    page.fill("[name=name]", "Daily pumps")
    page.click("main form button.btn-primary")
    page.click("button:has-text('Make it now')")
    _until(ReportRun.objects.exists)
    run = ReportRun.objects.get()
    reporting.write.func(Job.objects.latest("pk").pk, run=run.pk)  # what the worker does
    page.goto(f"{address}/data/report-runs/")
    with page.expect_download() as download:
        page.click("a[download]")
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")
    if SHOTS:
        (SHOTS / "report.pdf").write_bytes(Path(download.value.path()).read_bytes())
        _look_around(page, address, board.pk, world)
    page.context.close()
    assert faults == []


def _look_around(page: Page, address: str, board: int, world: World) -> None:
    for name, path in {
        "board-limit": f"/data/dashboards/{board}/",
        "boards": "/data/dashboards/",
        "device": f"/platform/devices/{world.pump.pk}/?tab=dashboard",
        "versions": f"/data/dashboards/{board}/?tab=versions",
        "reports": "/data/reports/",
        "wall-choice": "/data/wall/",
    }.items():
        page.goto(address + path)
        _shoot(page, name)
    page.set_viewport_size({"width": 390, "height": 844})
    for name, path in (("board", f"/data/dashboards/{board}/"), ("editing", f"/data/dashboards/{board}/?edit=1")):
        page.goto(address + path)
        _shoot(page, f"{name}-390")
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{address}/data/wall/?board={board}")
    _shoot(page, "wall")
