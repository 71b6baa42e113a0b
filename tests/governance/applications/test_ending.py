"""Applications that end before their time, and what a program reads of one."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import pytest
from django.test import Client
from django.utils import timezone

from gongfu.governance.applications import due, periodic, reviewing, services
from gongfu.governance.applications.models import Application
from gongfu.governance.review import judging
from gongfu.governance.review.models import Assignment, Expert, Panel
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.audit.services import verify
from gongfu.kernel.errors import Conflict, NotFound
from tests.governance.applications.world import PDF, World, approved, handed_in, signed_in, world

pytestmark = pytest.mark.django_db


def before_experts(at: World, made: Application) -> Panel:
    """In the hands of two experts who were drawn."""
    made = services.take(at.li, made, "forward")
    services.give_opinion(at.expert, made.opinions.filter(verdict="").get(), "agrees", "")
    made = services.take(at.li, made, "agree")
    weights = [one.weight for one in reviewing.CRITERIA]
    rows = reviewing.extract(made)
    return reviewing.open_panel(at.li, made, title="企业级平台", rows=rows, places=["", ""], weights=weights)


def judged(panel: Panel, points: str) -> None:
    for one in panel.assignments.all():
        assert one.expert.user is not None
        judging.accept(one.expert.user, one)
        judging.submit(one.expert.user, one, {each.key: points for each in reviewing.CRITERIA}, "意见")


def with_experts() -> World:
    at = world()
    for number in range(2):
        user = accounts.create_user(f"expert{number}", "correct-horse-9", language="en")
        Expert.objects.create(
            organisation=at.office, key=f"e{number}", name=f"专家{number}", fields="工业网络", user=user
        )
    return at


@pytest.mark.parametrize("how", ["withdraw", "refuse", "back"])
def test_experts_stop_when_the_application_leaves_their_stage(how: str) -> None:
    at = with_experts()
    made = handed_in(at)
    panel = before_experts(at, made)
    first = panel.assignments.select_related("expert__user", "panel")[0]
    assert first.expert.user is not None
    judging.accept(first.expert.user, first)
    actor = at.people[0] if how == "withdraw" else at.li
    made = services.take(actor, made, how, reason="项目终止")
    panel.refresh_from_db()
    assert (panel.state, panel.reason) == ("cancelled", "项目终止")
    with pytest.raises(NotFound):
        judging.submit(first.expert.user, first, {each.key: "86" for each in reviewing.CRITERIA}, "可行")
    ended = made.steps.get(name="panel_ended")
    assert ended.internal
    page = signed_in(at.people[0]).get(f"/governance/applications/{made.pk}/").content.decode()
    assert "panel of experts was cancelled" not in page  # the applicant is not told who judged when
    assert (
        "panel of experts was cancelled"
        in signed_in(at.li).get(f"/governance/applications/{made.pk}/").content.decode()
    )
    assert verify().broken is None


def test_after_an_appeal_that_is_granted_experts_judge_anew() -> None:
    at = with_experts()
    made = handed_in(at)
    panel = before_experts(at, made)
    judged(panel, "41")
    made = Application.objects.get(pk=made.pk)
    with pytest.raises(Conflict, match="did not pass"):
        services.take(at.li, made, "reviewed")
    made = services.take(at.li, made, "refuse", reason="评审未通过")
    panel.refresh_from_db()
    assert panel.state == "done"  # what experts came to is never taken back
    made = services.take(at.people[0], made, "appeal", reason="评审材料有误")
    made = services.take(at.wang, made, "reopen", reason="理由成立")
    again = before_experts(at, made)
    made = Application.objects.get(pk=made.pk)
    with pytest.raises(Conflict, match="not come to a result"):
        services.take(at.li, made, "reviewed")
    judged(again, "86")
    made = Application.objects.get(pk=made.pk)
    assert services.take(at.li, made, "reviewed").state == "consult"
    assert Assignment.objects.filter(panel__subject__startswith=f"applications:{made.pk}").count() == 4


@pytest.mark.parametrize("lapses", [True, False])
def test_what_is_not_completed_in_time_is_withdrawn_by_the_clock_or_shown_to_the_official(lapses: bool) -> None:
    at = world(plants=2, lapses=lapses)
    made = services.take(at.li, handed_in(at), "return", reason="请补充合同")
    early = services.take(at.li, handed_in(at, 1), "return", reason="请补充合同")
    said = (
        "counts as withdrawn"
        in signed_in(at.people[0]).get(f"/governance/applications/{made.pk}/form/").content.decode()
    )
    assert said is lapses
    assert periodic.tick() == 0  # nobody is late yet
    Application.objects.filter(pk=made.pk).update(deadline=timezone.now() - dt.timedelta(seconds=1))
    assert periodic.tick() == int(lapses)
    assert periodic.tick() == 0
    made, early = (Application.objects.get(pk=one.pk) for one in (made, early))
    assert (made.state, early.state) == ("withdrawn" if lapses else "returned", "returned")
    assert due.late_or_today(at.li).count() == int(not lapses)
    desk = signed_in(at.li).get("/governance/desk/").content.decode()
    assert (made.number in desk) is not lapses
    last = made.steps.last()
    assert last is not None
    if lapses:
        assert (last.name, last.source, last.target, last.actor) == ("lapse", "returned", "withdrawn", None)
        page = signed_in(at.people[0]).get(f"/governance/applications/{made.pk}/").content.decode()
        assert "The node, by the clock" in page
    else:
        assert services.take(at.li, made, "lapse").state == "withdrawn"
    assert verify().broken is None


def test_a_program_reads_state_story_papers_and_archive_of_its_own_applications() -> None:
    at = world(plants=2)
    made = approved(at, handed_in(at), "300000")
    here = f"/api/v1/governance/applications/{made.pk}"
    own, li, stranger = signed_in(at.people[0]), signed_in(at.li), signed_in(at.people[1])
    story = own.get(f"{here}/story").json()
    assert (story["state"], story["number"], story["approved"]) == ("approved", made.number, "300000.00")
    assert [one["place"] for one in story["course"]] == ["done"] * 6 + ["now", "ahead"]
    assert story["sum"]["due"] == "300000.00"
    assert story["sum"]["lines"][0]["cite"]
    assert [one["amount"] for one in story["instalments"]] == ["300000.00"]
    assert [one["name"] for one in story["next"]] == ["inspect"]
    assert not any(one["internal"] for one in story["steps"])
    everything = li.get(f"{here}/story").json()
    assert {"opinion", "scored"} <= {one["name"] for one in everything["steps"] if one["internal"]}
    assert {one["name"] for one in everything["next"]} == {"close"}
    paper = story["papers"][0]
    got = own.get(f"{here}/papers/{paper['id']}")
    assert b"".join(got.streaming_content) == PDF
    packed = zipfile.ZipFile(io.BytesIO(b"".join(own.get(f"{here}/archive.zip").streaming_content)))
    assert {"SHA256SUMS", "story.pdf"} <= set(packed.namelist())
    assert own.get(here).json()["state"] == "approved"
    for path in ("", "/story", f"/papers/{paper['id']}", "/archive.zip"):
        assert stranger.get(here + path).status_code == 404, path
        assert Client().get(here + path).status_code == 401, path
