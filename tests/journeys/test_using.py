"""What people do with the console: search, filter, watch a chart, change how it looks, read without scripts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route, expect

from .conftest import Visitor

pytestmark = pytest.mark.journey

CHART = "/platform/devices/1/?tab=history"


def history(route: Route) -> None:
    """A wave with a hole in it, as the telemetry pages would answer."""
    asked = parse_qs(urlsplit(route.request.url).query)
    start, end = int(asked["from"][0]), int(asked["to"][0])
    step = (end - start) // 400
    points = [[start + i * step, 20 + i % 40, 1 if 50 <= i < 55 else 0] for i in range(400) if not 200 <= i < 240]
    series = [{"tag": int(tag), "name": "流量", "unit": "m³/h", "points": points} for tag in asked["tag"]]
    route.fulfill(json={"series": series, "from": start, "to": end})


def live(route: Route) -> None:
    """One message for every tag there may be, then the end of the stream: the browser will ask again."""
    now = int(time.time() * 1000)
    body = f"retry: 60000\n\ndata: {json.dumps({str(tag): [now, 41.5, tag % 3] for tag in range(1, 40)})}\n\n"
    route.fulfill(headers={"content-type": "text/event-stream"}, body=body)


def test_the_palette_finds_a_machine_by_keyboard_alone(visit: Visitor) -> None:
    page = visit().page
    page.keyboard.press("Control+k")
    page.keyboard.type("离心泵")
    expect(page.locator(".palette [role=option]").first).to_contain_text("离心泵")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/platform/devices/*/")
    expect(page.locator("h1")).to_contain_text("离心泵")


def test_a_filtered_list_has_an_address_that_can_be_sent_to_a_colleague(visit: Visitor) -> None:
    visitor = visit()
    visitor.open("/platform/devices/")
    page = visitor.page
    page.fill("#q", "注塑机")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    page.locator("#filters summary").first.click()
    page.locator("#filters input[name=connection][value=online]").check()
    page.wait_for_url("**q=*connection=online*")
    assert "sort=&" not in page.url
    page.reload()
    assert page.input_value("#q") == "注塑机"
    expect(page.locator(".chips-set .chip-on")).to_have_count(2)
    page.locator(".chips-set .chip-on").first.click()
    expect(page.locator(".chips-set .chip-on")).to_have_count(1)


def test_a_chart_shows_gaps_ranges_and_goes_out_as_a_table(visit: Visitor, tmp_path: Path) -> None:
    visitor = visit()
    page = visitor.page
    page.route("**/data/telemetry/history**", history)
    page.route("**/data/telemetry/live**", live)
    visitor.open(CHART)
    expect(page.locator("live-chart canvas")).to_be_visible()
    page.wait_for_timeout(500)
    visitor.photograph("chart")
    with page.expect_request(lambda request: "/history" in request.url) as asked:
        page.locator("live-chart button", has_text="24").click()
    query = parse_qs(urlsplit(asked.value.url).query)
    assert int(query["to"][0]) - int(query["from"][0]) == 24 * 3600_000
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    file = tmp_path / "chart.csv"
    download.value.save_as(file)
    rows = file.read_text("utf-8-sig").splitlines()
    assert rows[0] == "time,tag,unit,value,quality"
    assert len(rows) >= 361
    assert sum("uncertain" in row for row in rows) >= 5
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    download.value.save_as(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes()[:4] == b"\x89PNG"


def test_live_values_arrive_show_quality_and_grow_stale(visit: Visitor) -> None:
    visitor = visit()
    page = visitor.page
    page.route("**/data/telemetry/history**", history)
    page.route("**/data/telemetry/live**", live)
    page.clock.install()
    visitor.page.goto(visitor.node.url + "/platform/devices/1/?tab=live")
    first = page.locator("live-value[quality=good]").first
    expect(first.locator(".value")).to_contain_text("4")
    expect(first).not_to_have_attribute("stale", "")
    for quality in ("uncertain", "bad"):
        expect(page.locator(f"live-value[quality={quality}] .shape-{quality}").first).to_be_visible()
    page.unroute("**/data/telemetry/live**")
    page.route("**/data/telemetry/live**", lambda route: route.abort())
    page.clock.fast_forward(60_000)
    expect(first).to_have_attribute("stale", "")
    expect(first.locator(".since")).to_contain_text("起无更新")
    visitor.faults.clear()  # the aborted stream is what this test makes


def test_without_a_store_a_chart_says_so_and_offers_to_try_again(visit: Visitor) -> None:
    visitor = visit()
    if not visitor.node.alone:
        pytest.skip("the node has a store")
    visitor.open(CHART)
    expect(visitor.page.locator(".chart-note button")).to_be_visible()
    visitor.page.route("**/data/telemetry/history**", history)
    visitor.page.locator(".chart-note button").click()
    expect(visitor.page.locator(".chart-note")).to_be_hidden()


def test_theme_and_language_change_at_once_and_stay(visit: Visitor) -> None:
    visitor = visit()
    page = visitor.page
    page.locator("details.menu:has(a[href='/me/']) > summary").click()
    page.locator("button[name=theme][value=dark]").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.locator("form[action='/me/language'] button:visible").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator("form[action='/me/language'] button:visible").click()
    page.locator("details.menu:has(a[href='/me/']) > summary").click()
    with page.expect_response("**/me/theme"):
        page.locator("button[name=theme][value=system]").click()


def test_everything_can_be_reached_with_the_tab_key_and_the_focus_is_seen(visit: Visitor) -> None:
    page = visit().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(40):  # as many as rooms and entries stand before it
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML.slice(0, 100)")
        seen.add(page.evaluate("document.activeElement.textContent.trim()"))
    assert "设备" in seen


def test_without_scripts_pages_read_menus_open_and_lists_filter(visit: Visitor) -> None:
    visitor = visit("phone", scripts=False)
    page = visitor.page
    page.locator(".nav-open").click()
    page.locator("#navigation a[href='/platform/devices/']").click()
    page.fill("#q", "注塑机")
    page.locator("#filters button").click()
    assert page.locator("#list tbody tr").count() == 2
    page.locator("#list tbody a.row-name").first.click()
    assert "注塑机" in page.locator("h1").inner_text()


def test_the_first_page_weighs_little(visit: Visitor) -> None:
    """≤150 kB without a chart, ≤500 kB with, as they cross the wire to an empty cache."""
    visitor = visit()
    page = visitor.page
    page.route("**/data/telemetry/history**", history)
    for path, limit in (("/", 150_000), (CHART, 500_000)):
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.clearBrowserCache")
        events: list[dict[str, float]] = []

        def loaded(event: dict[str, float], events: list[dict[str, float]] = events) -> None:
            events.append(event)

        session.on("Network.loadingFinished", loaded)
        visitor.open(path)
        page.wait_for_timeout(1500)
        session.detach()
        weight = sum(event["encodedDataLength"] for event in events)
        assert 20_000 < weight <= limit, f"{path}: {weight:.0f} bytes"
        print(f"{path}: {weight:.0f} bytes")
