"""The demonstration's plan as people see it."""

from __future__ import annotations

import pytest
from django.test import Client

from gongfu.governance.indicators import demonstration
from gongfu.governance.indicators.models import Indicator, Plan
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from tests.platform.devices.plants import enterprise

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    enterprise_ = enterprise("operator", "运营")
    demonstration.seed(enterprise_)
    user = accounts.create_user("root", "correct-horse-9", is_superuser=True)
    User.objects.filter(pk=user.pk).update(language="en")
    client = Client()
    client.force_login(user)
    return client


def test_every_page_of_the_demonstration_answers(admin: Client) -> None:
    plan = Plan.objects.get()
    for url in (
        "/governance/plan/",
        "/governance/reporting/",
        "/governance/targets/",
        *(
            f"/governance/targets/?document={key}"
            for key in ("national-2021", "shanghai-2020", "shanghai-2017", "luan-draft")
        ),
        "/governance/assignments/",
        *(f"/governance/indicators/{one.pk}/" for one in Indicator.objects.all()),
        *(f"/governance/indicators/{one.pk}/behind" for one in Indicator.objects.all()),
        f"/governance/plan/{plan.pk}/report.pdf",
        f"/governance/plan/{plan.pk}/report.xlsx",
        "/api/v1/governance/plans",
        f"/api/v1/governance/plans/{plan.pk}/indicators",
    ):
        response = admin.get(url)
        assert response.status_code == 200, (url, response.content[:500])
