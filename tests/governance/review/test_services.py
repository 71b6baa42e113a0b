"""A panel from opening to the result: by lot, blind, two people at once, everything in the audit log."""

from __future__ import annotations

import datetime as dt

import pytest

from gongfu.governance.review import judging, services
from gongfu.governance.review.drawing import verify
from gongfu.governance.review.models import Assignment, Expert, Panel
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tests.governance.review.office import BAD, FAIR, GOOD, authority, draft, expert, official, panel, seats

pytestmark = pytest.mark.django_db


@pytest.fixture
def office() -> Organisation:
    return authority()


@pytest.fixture
def li(office: Organisation) -> User:
    return official("li", office)


@pytest.fixture
def pool(office: Organisation) -> list[Expert]:
    return [expert(office, n) for n in range(6)]


def judge(one: Assignment, points: dict[str, str]) -> None:
    user = one.expert.user
    assert user is not None
    judging.accept(user, one)
    judging.submit(user, one, points, "方案可行。")


def test_a_panel_comes_to_its_result_and_tells_who_asked(li: User, office: Organisation, pool: list[Expert]) -> None:
    told: list[int] = []

    def listen(panel: Panel, **_more: object) -> None:
        told.append(panel.pk)

    services.decided.connect(listen)
    opened = panel(li, office)
    drawn = opened.draws.get()
    assert verify(drawn.drawn)
    assert drawn.digest == drawn.drawn.digest
    assert len(pool) == len(drawn.names)
    first, second = seats(opened)
    judge(first, GOOD)
    assert services.status(opened).submitted == 1
    assert services.result(li, opened) is None
    assert not services.status(opened).marks
    judge(second, FAIR)
    opened.refresh_from_db()
    assert (opened.state, str(opened.total), opened.passed) == ("done", "85.00", True)
    assert told == [opened.pk]
    assert {letter for letter, _total in services.status(opened).result.totals} == {"A", "B"}  # type: ignore[union-attr]
    entries = AuditEntry.objects.filter(object_type="review.panel").values_list("action", flat=True)
    assert [*entries.order_by("sequence")] == ["create", "draw", "accept", "submit", "accept", "submit", "decide"]


def test_whom_the_panel_must_avoid_is_not_drawn_and_the_draw_says_why(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    expert(office, 10, employer="恒锐机械有限责任公司")
    expert(office, 11, name="赵恒")
    Expert.objects.create(organisation=office, key="e012", name="没有账号", fields="财务")
    applicant = Organisation.objects.create(code="hengrui", name="恒锐机械有限公司")
    members = official("insider", applicant)
    Expert.objects.filter(pk=pool[0].pk).update(user=members)
    opened = panel(li, office, 5)
    drawn = opened.draws.get()
    reasons = {one.name: one.text("en") for one in drawn.left_out}
    assert set(reasons) == {"专家10", "赵恒", "没有账号", pool[0].name}
    assert "account" in reasons["没有账号"]
    assert reasons[pool[0].name].startswith("Declared a tie")
    assert {key for key, _fields, _employer in drawn.drawn.candidates} == {one.key for one in pool[1:]}


def test_who_declines_or_has_a_conflict_is_replaced_by_another_draw(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    opened = panel(li, office)
    first, second = seats(opened)
    judging.decline(first.expert.user, first, "出差")  # type: ignore[arg-type]
    assert opened.draws.count() == 2
    Expert.objects.filter(pk=second.expert_id).update(employer="恒锐机械有限公司")
    with pytest.raises(Conflict, match="tie"):
        judging.accept(second.expert.user, judging.find(second.expert.user, second.pk))  # type: ignore[arg-type]
    assert Assignment.objects.get(pk=second.pk).state == "conflict"
    now = seats(opened)
    assert len(now) == 2
    assert {one.expert_id for one in now}.isdisjoint({first.expert_id, second.expert_id})
    with pytest.raises(Conflict):
        judging.accept(first.expert.user, first)  # type: ignore[arg-type]
    for draw in opened.draws.all():
        assert verify(draw.drawn)


def test_an_expert_draws_a_free_place_only_and_an_empty_pool_waits_for_officials(
    li: User, office: Organisation
) -> None:
    expert(office, 1)
    opened = services.open_panel(li, office, draft())
    with pytest.raises(Conflict, match="Only 1 of 2"):
        services.draw(li, opened)
    expert(office, 2)
    services.draw(li, opened, seed="福彩 2026136 期 08 15")
    assert opened.draws.get().drawn.seed.startswith("福彩")
    with pytest.raises(Conflict, match="No place"):
        services.draw(li, opened)
    one = seats(opened)[0]
    judging.decline(one.expert.user, one, "回避", conflict=True)  # type: ignore[arg-type]
    assert services.status(opened).sitting == 1


def test_experts_who_disagree_bring_a_further_one_then_a_moderated_round(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    opened = panel(li, office)
    first, second = seats(opened)
    judge(first, GOOD)
    judge(second, BAD)
    opened.refresh_from_db()
    third = seats(opened)[2]
    assert (opened.state, len(opened.places), third.letter) == ("open", 3, "C")
    judge(third, FAIR)
    opened.refresh_from_db()
    assert opened.state == "disagreed"
    assert not judging.others(first)
    with pytest.raises(Invalid):
        services.second_round(li, opened, " ")
    services.second_round(li, opened, "请再看投资明细。")
    again = [judging.find(one.expert.user, one.pk) for one in seats(opened)]  # type: ignore[arg-type]
    assert [one.letter for one in judging.others(again[0])] == ["A", "B", "C"]
    for one in again:
        judging.submit(one.expert.user, one, BAD, "复议后意见。")  # type: ignore[arg-type]
    opened.refresh_from_db()
    assert (opened.state, str(opened.total), opened.passed) == ("done", "40.00", False)


def test_without_anybody_left_to_draw_officials_may_let_the_mean_decide(li: User, office: Organisation) -> None:
    for n in range(2):
        expert(office, n)
    opened = panel(li, office)
    for one, points in zip(seats(opened), (GOOD, BAD), strict=True):
        judge(one, points)
    opened.refresh_from_db()
    assert (opened.state, len(opened.places)) == ("disagreed", 2)
    with pytest.raises(Invalid):
        services.settle(li, opened, "")
    assert services.settle(li, opened, "分歧已说明").state == "done"
    with pytest.raises(Conflict):
        services.settle(li, opened, "again")


def test_marks_are_kept_as_drafts_locked_when_submitted_and_never_overwritten_by_another_window(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    one, other = seats(panel(li, office))
    user = one.expert.user
    assert user is not None
    with pytest.raises(Conflict, match="Accept"):
        judging.save(user, one, GOOD, "")
    judging.accept(user, one)
    assert judging.save(user, one, {"plan": "70"}, "先记", 0) == judging.Saved(1, False)
    with pytest.raises(Conflict, match="another window"):
        judging.save(user, one, GOOD, "", 0)
    with pytest.raises(Invalid, match="no mark yet"):
        judging.submit(user, one, {"plan": "70"}, "x")
    with pytest.raises(Invalid, match="reasons"):
        judging.submit(user, one, GOOD, " ")
    judging.submit(user, one, GOOD, "好", 1)
    for again in (judging.save, judging.submit):
        with pytest.raises(Conflict, match="submitted already"):
            again(user, one, BAD, "x")
    with pytest.raises(NotFound):
        judging.save(user, other, BAD, "x")
    with pytest.raises(Conflict, match="submitted"):
        judging.decline(user, one, "too late")


def test_a_title_or_row_that_names_the_applicant_is_refused(li: User, office: Organisation) -> None:
    with pytest.raises(Invalid, match="恒锐机械"):
        services.open_panel(li, office, services.PanelDraft(**{**vars(draft()), "title": "恒锐机械有限责任公司改造"}))
    with pytest.raises(Invalid, match="联系人"):
        services.open_panel(
            li, office, services.PanelDraft(**{**vars(draft()), "extract": [("联系人", "赵恒 02159731234")]})
        )


def test_one_panel_a_subject_and_only_officials_of_the_office(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    opened = panel(li, office)
    with pytest.raises(Conflict, match="already"):
        services.open_panel(li, office, draft())
    elsewhere = authority("other", "外区科委")
    stranger = official("wang", elsewhere)
    for step in (
        lambda: services.open_panel(stranger, office, draft("x")),
        lambda: services.draw(stranger, opened),
        lambda: services.cancel(stranger, opened, "x"),
        lambda: services.replace(stranger, opened, seats(opened)[0].pk, "x"),
    ):
        with pytest.raises(Forbidden):
            step()
    with pytest.raises(NotFound):
        services.result(stranger, opened)
    services.cancel(li, opened, "申报撤回")
    assert not judging.mine(pool[0].user).exists()  # type: ignore[arg-type]
    assert services.open_panel(li, office, draft()).pk != opened.pk


def test_an_expert_who_does_not_answer_is_replaced_and_the_deadline_is_in_working_days(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    opened = panel(li, office, workdays=5)
    one = seats(opened)[0]
    services.replace(li, opened, one.pk, "逾期未答复")
    assert Assignment.objects.get(pk=one.pk).state == "replaced"
    assert len(seats(opened)) == 2
    assert services.days_left(opened) == 5
    Panel.objects.filter(pk=opened.pk).update(deadline=opened.deadline - dt.timedelta(days=60))
    opened.refresh_from_db()
    assert opened.is_late
    assert services.days_left(opened) < 0
