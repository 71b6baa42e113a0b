"""The network map in a browser: drawn, chosen, dragged, joined, on a plan, and as a list on the phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visitor

pytestmark = pytest.mark.journey


def middle(found: Locator) -> tuple[float, float]:
    box = found.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, found: Locator, to: tuple[float, float]) -> None:
    page.mouse.move(*middle(found))
    page.mouse.down()
    page.mouse.move(to[0] - 9, to[1] - 9, steps=3)
    page.mouse.move(*to, steps=3)
    page.mouse.up()


def test_a_network_is_looked_at_moved_and_joined(visit: Visitor) -> None:
    visitor = visit()
    page = visitor.page
    visitor.open("/network/map/?org=2")
    switch = page.locator(".map-node.map-layer-3").first
    expect(switch).to_be_visible()
    device = page.locator(".map-node.map-layer-5 .map-mark").first
    device.click()
    panel = page.locator("#map-panel")
    expect(panel.locator("dl")).to_contain_text("local")

    x, y = middle(switch.locator("rect"))
    before = switch.get_attribute("transform")
    with page.expect_response("**/network/map/move?*") as moved:
        drag(page, switch.locator("rect"), (x + 40, y + 25))
    assert moved.value.ok
    after = switch.get_attribute("transform")
    assert after != before
    visitor.open("/network/map/?org=2")
    expect(page.locator(".map-node.map-layer-3").first).to_have_attribute("transform", after or "")

    page.locator("[data-map=draw]").click()
    nodes = page.locator(".map-node.map-layer-3 rect")
    links = page.locator(".map-edge").count()
    with page.expect_response("**/network/map/connect?*") as drawn:
        drag(page, nodes.first, middle(nodes.last))
    assert drawn.value.ok
    expect(page.locator(".map-edge")).to_have_count(links + 1)
    visitor.photograph("map-joined")

    with page.expect_download() as saved:
        page.locator("[data-map=svg]").click()
    assert saved.value.suggested_filename.endswith(".svg")
    with page.expect_download() as saved:
        page.locator("[data-map=png]").click()
    assert saved.value.suggested_filename.endswith(".png")

    visitor.open("/network/map/?org=2&plan=1")
    pin = page.locator(".plan-board .plan-pin").last
    expect(pin).to_be_visible()
    x, y = middle(pin)
    with page.expect_response("**/network/map/move?*") as put:
        drag(page, pin, (x + 30, y + 20))
    assert put.value.ok

    phone = visit("phone")
    phone.open("/network/map/?org=2")
    expect(phone.page.locator("network-map")).not_to_be_visible()
    phone.page.locator(".map-cell summary").first.click()
    phone.page.locator(".map-cell[open] .map-pick").first.click()
    expect(phone.page.locator("#map-panel h2")).to_be_visible()
