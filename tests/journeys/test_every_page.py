"""Every page, in both languages, both themes, on the desk and on the phone: quiet, labelled, and not too wide."""

from __future__ import annotations

import pytest

from .conftest import SIZES, Visit, Visitor

pytestmark = pytest.mark.journey

PAGES = {
    "home": "/",
    "devices": "/platform/devices/",
    "devices-filtered": "/platform/devices/?connection=online&sort=-name",
    "devices-nothing": "/platform/devices/?q=nothing-is-called-so",
    "device": "/platform/devices/1/",
    "device-history": "/platform/devices/1/?tab=history",
    "device-events": "/platform/devices/1/?tab=events",
    "device-nameplate": "/platform/devices/1/?tab=nameplate",
    "device-changes": "/platform/devices/1/?tab=changes",
    "device-edit": "/platform/devices/1/edit",
    "device-new": "/platform/devices/new",
    "device-setup": "/platform/devices/new?driver=opcua",
    "device-versions": "/platform/devices/1/?tab=configuration",
    "device-delete": "/platform/devices/1/delete",
    "configurations": "/platform/configurations/",
    "configuration": "/platform/configurations/1/",
    "device-sheets": "/platform/sheets/",
    "approvals": "/platform/approvals/",
    "tags": "/platform/tags/",
    "places": "/platform/places/",
    "map": "/network/map/?org=2",
    "map-build": "/network/map/?org=2&view=build",
    "map-use": "/network/map/?org=2&view=use",
    "map-plan": "/network/map/?org=2&plan=1",
    "map-changes": "/network/map/changes/",
    "map-import": "/network/map/import",
    "map-upload": "/network/plans/upload",
    "equipment": "/network/equipment/",
    "links": "/network/links/",
    "link-new": "/network/links/new",
    "measuring": "/network/measuring/",
    "models": "/network/models/",
    "models-found": "/network/models/?q=空压机",
    "model": "/network/models/20/",
    "model-behaviour": "/network/models/20/?tab=behaviour",
    "model-versions": "/network/models/20/?tab=versions",
    "models-import": "/network/models/import",
    "device-model": "/platform/devices/1/?tab=model",
    "device-model-proposals": "/network/bind/1",
    "device-model-bind": "/network/bind/1?model=20",
    "conformance": "/network/conformance/",
    "edges": "/platform/edges/",
    "edge-new": "/platform/edges/new",
    "edge-rules": "/platform/edge-rules/",
    "edge-rule-new": "/platform/edge-rules/new",
    "edge-orders": "/platform/edge-orders/",
    "organisations": "/accounts/organisations/",
    "users": "/accounts/users/",
    "audit": "/audit/entries/",
    "processes": "/administration/processes/",
    "profile": "/me/",
    "second-factor": "/me/second-factor/",
    "tokens": "/me/tokens/",
    "needs-me": "/me/needs/",
    "search": "/search/?q=泵",
    "about": "/about/",
}
LOOKS = [
    ("desktop", "zh-hans", "light"),
    ("desktop", "en", "dark"),
    ("phone", "zh-hans", "dark"),
    ("phone", "en", "light"),
]

NAMELESS = """() => [...document.querySelectorAll("input, select, textarea, button, a[href], summary")].filter((e) => {
  if (e.type === "hidden" || !e.checkVisibility()) return false;
  const by = e.getAttribute("aria-labelledby");
  const name = e.getAttribute("aria-label") || (by && document.getElementById(by)?.textContent) || e.title
    || [...(e.labels ?? [])].map((label) => label.textContent).join("") || e.textContent || e.alt;
  return !(name ?? "").trim();
}).map((e) => e.outerHTML.slice(0, 120))"""

# A phone makes its window as wide as the widest thing: what was asked for is what counts.
TOO_WIDE = """(width) => document.documentElement.scrollWidth <= width ? [] :
  [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 1)
    .slice(0, 5).map((e) => e.outerHTML.slice(0, 120))"""


def check(visit: Visit, name: str) -> list[str]:
    """What does not hold on this page and should on every page."""
    page = visit.page
    found = [f"{name}: controls without a name: {nameless}"] if (nameless := page.evaluate(NAMELESS)) else []
    found += (
        [f"{name}: wider than the window: {wide}"] if (wide := page.evaluate(TOO_WIDE, SIZES[visit.size][0])) else []
    )
    found += [f"{name}: one heading"] if page.locator("h1").count() != 1 else []
    found += [f"{name}: theme"] if page.get_attribute("html", "data-bs-theme") != visit.theme else []
    return found


@pytest.mark.parametrize(("size", "language", "theme"), LOOKS[:2])
def test_every_page_is_quiet_labelled_and_fits(visit: Visitor, size: str, language: str, theme: str) -> None:
    visitor = visit(size, language, theme)
    wrong = []
    for name, path in PAGES.items():
        visitor.open(path)
        visitor.photograph(name)
        wrong += check(visitor, name)
    assert wrong == []


def test_a_wrong_address_and_the_sign_in_page_look_like_the_rest(visit: Visitor) -> None:
    visitor = visit()
    visitor.open("/nowhere/")
    visitor.photograph("not-found")
    assert visitor.faults.pop(0).endswith("404 (Not Found)")
    assert check(visitor, "not-found") == []
    visitor.page.locator("details.menu:has(a[href='/me/']) > summary").click()
    visitor.page.click("form[action='/sign-out/'] button")
    visitor.page.wait_for_url("**/sign-in/")
    visitor.photograph("sign-in")
    assert check(visitor, "sign-in") == []
