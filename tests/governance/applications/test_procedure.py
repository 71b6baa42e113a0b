"""From the notice to the last yuan, as applicants and officials meet it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from gongfu.governance.applications import paying, reviewing, services
from gongfu.governance.applications.models import Application
from gongfu.governance.indicators import services as indicators
from gongfu.governance.review import judging
from gongfu.governance.review.models import Expert
from gongfu.governance.support.models import LedgerEntry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit.services import verify
from gongfu.kernel.errors import Conflict, Invalid
from tests.governance.applications.world import World, approved, clock, handed_in, world

pytestmark = pytest.mark.django_db


def test_an_application_goes_from_the_notice_to_the_last_yuan() -> None:
    at = world()
    made = approved(at, handed_in(at), "200000", "100000")
    assert made.approved == Decimal(300_000)
    for part in made.instalments.all():
        paying.pay(at.zhou, made, part.pk, paid_on=clock.today(), document="青财〔2026〕7号")
    made = services.take(at.li, made, "close")
    assert made.state == "closed"
    assert [one.amount for one in LedgerEntry.objects.order_by("pk")] == [Decimal(200_000), Decimal(100_000)]
    assert [one.name for one in made.steps.all()] == [
        *("begun", "attached", "submit", "forward", "opinion", "agree", "scored", "reviewed", "consulted"),
        *("published", "unopposed", "approve", "paid", "paid", "close"),
    ]
    assert verify().broken is None
    assert Application.objects.get().version == made.version


def test_experts_of_the_pool_judge_blind_and_their_result_lets_it_pass() -> None:
    at = world()
    experts = [
        _expert(at, f"expert{number}", employer) for number, employer in enumerate(("", "", "恒锐0机械有限公司"))
    ]
    made = handed_in(at, summary="恒锐0机械有限公司打通设备与排产，联系人赵工 021-59731234。")
    made = services.take(at.li, made, "forward")
    services.give_opinion(at.expert, made.opinions.get(), "agrees", "")
    made = services.take(at.li, made, "agree")
    rows = reviewing.extract(made)
    assert not any(secret in text for _label, text in rows for secret in ("恒锐0", "赵工", "59731234"))
    weights = [one.weight for one in reviewing.CRITERIA]
    draft = {"title": "企业级平台", "rows": rows, "weights": weights}
    with pytest.raises(Conflict):  # the third works for the applicant: only two can be drawn
        reviewing.open_panel(at.li, made, places=["", "", ""], **draft)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="must not see who applies"):
        reviewing.open_panel(at.li, made, places=[""], **(draft | {"title": "恒锐0机械有限公司平台"}))  # type: ignore[arg-type]
    panel = reviewing.open_panel(at.li, made, places=["", ""], **draft)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="not come to a result"):
        services.take(at.li, made, "reviewed")
    for one in panel.assignments.all():
        user = one.expert.user
        assert user is not None
        assert user in experts[:2]
        judging.accept(user, one)
        points = {each.key: "86" for each in reviewing.CRITERIA}
        judging.submit(user, one, points, "可行")
    made = Application.objects.get(pk=made.pk)
    assert services.take(at.li, made, "reviewed").state == "consult"
    story = [one.reason for one in made.steps.filter(name="scored")]
    assert story[0].startswith("86.00")


def _expert(at: World, name: str, employer: str) -> User:
    user = accounts.create_user(name, "correct-horse-9", language="en")
    Expert.objects.create(
        organisation=at.office, key=name, name=f"专家{name}", fields="工业网络", employer=employer, user=user
    )
    return user


def test_a_payment_moves_the_indicator_of_supported_projects_and_its_return_moves_it_back(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    at = world()
    plan = indicators.adopt("test", at.office, "qingpu-2021")
    supported = plan.indicators.get(target="A6")
    supported.source, supported.measure = "measured", "projects_supported"
    supported.save()
    made = approved(at, handed_in(at), "300000")
    with django_capture_on_commit_callbacks(execute=True):
        paying.pay(at.zhou, made, made.instalments.get().pk, paid_on=clock.today(), document="青财〔2026〕7号")
    assert indicators.outlook(supported).value == 1
    with django_capture_on_commit_callbacks(execute=True):
        made = paying.recover(at.li, made, Decimal(300_000), reason="虚假材料", document="青科委函〔2026〕2号")
        paying.came_back(at.li, made, Decimal(300_000), paid_on=clock.today(), document="回单1")
    assert indicators.outlook(supported).value == 0
