"""What a newcomer does: start the node, sign in, watch a chart move, resolve an identifier, stop with Ctrl-C.

Everything is real: all processes, the demonstration plant on its sockets, the store, the resolver, the browser.
The photographs of every page in both languages come from here.
"""

from __future__ import annotations

import re
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.running import Node as Running

from .conftest import Node, Visit, Visitor
from .test_every_page import LOOKS, PAGES, check

pytestmark = [pytest.mark.journey, pytest.mark.node, pytest.mark.timeout(600)]
HANDLE = "88.118.1/CNC-0001"
HERE = PAGES | {
    "identifiers": "/identity/identifiers/",
    "identifier": f"/identity/identifiers/{HANDLE}",
    "prefixes": "/identity/prefixes/",
    "public-identifier": f"/id/{HANDLE}",
    "jobs": "/tasks/jobs/",
}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The whole node with its demonstration plant."""
    with Running(tmp_path, {"GONGFU_DEMONSTRATION": "true"}) as started:
        yield started


@pytest.fixture
def node(running: Running) -> Node:
    """As the other journeys know it, with the password that was printed once."""
    until = time.monotonic() + 30  # it is printed when every process is ready, the worker too
    while (printed := re.search(r"Password:\s+(\S+)", running.output())) is None:
        assert time.monotonic() < until, running.output()
        time.sleep(0.2)
    return Node(f"http://127.0.0.1:{running.ports['web']}", printed.group(1), alone=False)


def test_a_newcomer_watches_the_plant_and_finds_every_page_in_order(visit: Visitor, running: Running) -> None:
    desk = visit("desktop", "zh-hans", "light")
    _everything_is_online(desk)
    _a_value_and_its_chart_move(desk)
    _the_identifier_leads_to_a_public_page_and_resolves(desk, running)
    wrong: list[str] = []
    for size, language, theme in LOOKS:
        walk = visit(size, language, theme)
        for name, path in HERE.items():
            walk.open(path)
            if "device" in name or name == "home":
                walk.page.wait_for_timeout(1200)  # charts are drawn, values have arrived
            wrong += check(walk, name)
            walk.photograph(name)
        walk.page.context.close()
    desk.page.context.close()
    _ctrl_c_ends_it(running)
    assert wrong == []


def _everything_is_online(desk: Visit) -> None:
    desk.page.wait_for_function("() => document.querySelectorAll('.tile .state-online').length >= 24")
    assert desk.page.locator("html[lang='zh-hans']").count() == 1


def _a_value_and_its_chart_move(desk: Visit) -> None:
    # A meter: mains voltages never stand still, whereas a machining centre may wait for its next job.
    desk.open("/platform/devices/?q=MTR-0001")
    desk.page.locator("main table a[href^='/platform/devices/']").first.click()
    desk.page.wait_for_selector("live-value[quality='good']:not([stale])")
    desk.page.wait_for_function(
        """() => { const seen = (window.seen ??= new Set());
        document.querySelectorAll('live-value .value').forEach((e, i) => seen.add(i + ':' + e.textContent));
        return seen.size > document.querySelectorAll('live-value').length + 5; }""",
        timeout=30_000,
    )
    desk.page.wait_for_selector("live-chart canvas")
    told = "() => document.querySelector('live-chart .chart-canvas').getAttribute('aria-label')"
    desk.page.wait_for_function(told)  # newest value and its time, as drawn
    before = desk.page.evaluate(told)
    desk.page.wait_for_function(f"before => ({told})() !== before", arg=before, timeout=30_000)


def _the_identifier_leads_to_a_public_page_and_resolves(desk: Visit, running: Running) -> None:
    desk.open(f"/identity/identifiers/{HANDLE}")
    printed = desk.page.locator(".registry-qr").get_attribute("aria-label") or ""
    address = re.search(r"https?://\S+", printed)
    assert address is not None, printed
    stranger = desk.page.context.browser.new_page()  # type: ignore[union-attr]
    answer = stranger.goto(address.group().rstrip("。. "))
    assert answer is not None
    assert answer.status == 200
    assert HANDLE in stranger.inner_text("body")
    stranger.close()
    assert address.group().rstrip("。. ").encode() in _resolved(running.ports["handle"])


def _resolved(port: int) -> bytes:
    """The answer to a resolution request laid out by hand, RFC 3652 §2.2 and §3.2, over UDP."""
    name = HANDLE.encode()
    body = struct.pack(">I", len(name)) + name + struct.pack(">II", 0, 0)  # no indexes, no types: every value
    header = struct.pack(">IIIHBBII", 1, 0, 0x01000000, 0, 0, 0, 0, len(body))  # OC_RESOLUTION, public values only
    message = header + body + struct.pack(">I", 0)  # no credential
    envelope = struct.pack(">BBHIIII", 2, 1, 0, 0, 0x1234, 0, len(message))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(envelope + message, ("127.0.0.1", port))
        answer = client.recv(65_536)
    assert struct.unpack(">I", answer[8:12]) == (0x1234,)
    assert struct.unpack(">I", answer[24:28]) == (1,)  # RC_SUCCESS
    return answer


def _ctrl_c_ends_it(running: Running) -> None:
    assert running.up is not None
    running.up.send_signal(signal.SIGINT)
    assert running.up.wait(15) == 0
