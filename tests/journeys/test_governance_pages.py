"""Every page of governance, each opened by somebody who may: on the desk in Chinese, on the phone in English."""

from __future__ import annotations

import pytest

from .conftest import Visit, Visitor
from .test_every_page import check

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]

PAGES = {
    "plan": "plan/",
    "indicator": "indicators/4/",
    "indicator-behind": "indicators/10/behind",
    "targets": "targets/",
    "reporting": "reporting/",
    "reporting-form": "reporting/1/",
    "report": "reports/1/",
    "assignments": "assignments/",
    "assignment": "assignments/1/",
    "support": "support/",
    "support-document": "support/documents/qingpu-2022/",
    "support-try": "support/try/?document=qingpu&on=2026-06-01&clause=1.1",
    "support-what-if": "support/what-if/",
    "support-enter": "support/enter/",
    "support-import": "support/import/",
    "ledger": "ledger/",
    "ledger-entry": "ledger/1/",
    "beneficiaries": "beneficiaries/",
    "beneficiary": "beneficiaries/1/",
    "versions": "versions/",
    "desk": "desk/",
    "portal": "apply/",
    "notices": "notices/",
    "notice": "notices/1/",
    "notice-new": "notices/new/",
    "notice-results": "notices/1/publish-results/",
    "applications": "applications/",
    "application-paid": "applications/1/",
    "application-published": "applications/2/",
    "application-returned": "applications/3/",
    "application-form": "applications/5/form/",
    "publications": "publications/",
    "publication": "publications/2/",
    "panels": "panels/",
    "panel": "panels/1/",
    "panel-seen": "panels/1/?tab=seen",
    "panel-draws": "panels/1/?tab=draws",
    "experts": "experts/",
    "expert": "experts/1/",
    "expert-new": "experts/new",
    "experts-import": "experts/import/",
    "assessments": "assessments/",
    "assessment": "assessments/12/",
    "assessment-result": "assessments/11/result/",
    "assessment-review": "assessments/9/review/",
    "assessment-overview": "assessments/overview/",
    "questionnaires": "questionnaires/",
    "questionnaire": "questionnaires/integration-2026/",
    "providers": "providers/",
    "provider": "providers/1/",
    "provider-new": "providers/new",
}
EXPERT = {"reviews": "reviews/", "review": "reviews/2/"}


def looked_at(visitor: Visit, pages: dict[str, str]) -> list[str]:
    wrong = []
    for name, path in pages.items():
        visitor.open(f"/governance/{path}")
        wrong += check(visitor, name)
    return wrong


@pytest.mark.parametrize(("size", "language", "theme"), [("desktop", "zh-hans", "light"), ("phone", "en", "dark")])
def test_every_page_of_governance_is_quiet_labelled_and_fits(
    visit: Visitor, size: str, language: str, theme: str
) -> None:
    wrong = looked_at(visit(size, language, theme), PAGES)
    wrong += looked_at(visit(size, language, theme, username="reviewer1"), EXPERT)
    assert wrong == []
