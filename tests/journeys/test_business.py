"""The pages of a secondary node's business: quiet, labelled and fitting; the designer by hand."""

from __future__ import annotations

import re

import pytest

from .conftest import Visitor
from .test_every_page import LOOKS, check

pytestmark = pytest.mark.journey

PAGES = {
    "business-overview": "/identity/",
    "business-mine": "/identity/mine/",
    "business-applications": "/identity/applications/",
    "business-application": "/identity/applications/1/",
    "business-review": "/identity/applications/1/?tab=review",
    "business-apply": "/identity/applications/new",
    "business-contracts": "/identity/contracts/",
    "business-contract": "/identity/contracts/1/",
    "business-revoke": "/identity/contracts/1/step/revoke",
    "business-templates": "/identity/templates/",
    "business-template": "/identity/templates/1/",
    "business-preview": "/identity/templates/1/?tab=preview",
    "business-library": "/identity/templates/library",
    "business-import": "/identity/templates/import",
    "business-register": "/identity/templates/1/register",
    "business-grants": "/identity/grants/new",
    "business-report-days": "/identity/reports/",
    "business-report-enterprises": "/identity/reports/?by=enterprise",
}


@pytest.mark.parametrize(("size", "language", "theme"), [LOOKS[0], LOOKS[3]])
def test_every_page_of_business_is_quiet_labelled_and_fits(
    visit: Visitor, size: str, language: str, theme: str
) -> None:
    visitor = visit(size, language, theme)
    for name, path in PAGES.items():
        visitor.open(path)
        if "report" in name:
            visitor.page.wait_for_selector("bar-chart canvas")
        visitor.photograph(name)
        assert check(visitor, name) == []


@pytest.mark.parametrize("scripts", [True, False])
def test_a_field_is_added_moved_and_removed_with_and_without_scripts(visit: Visitor, scripts: bool) -> None:
    visitor = visit(language="zh-hans", scripts=scripts)
    page = visitor.page
    visitor.open("/identity/templates/2/")
    page.click("form[action$='/next'] button")
    page.wait_for_url(re.compile("/design"))
    page.fill("#id_key", "colour")
    page.fill("#id_zh", "颜色")
    page.fill("#id_en", "Colour")
    page.fill("#id_example", "橙色")
    page.click("button[value=save]")
    page.wait_for_selector(".phone:has-text('橙色')")
    page.click("tr:has(td:text-is('colour')) button[value=up]")
    page.wait_for_selector("tr:has(td:text-is('colour')) + tr")
    page.click("tr:has(td:text-is('colour')) button[value=remove]")
    page.wait_for_selector("tr:has(td:text-is('colour'))", state="detached")
