"""Panels, pool and an expert's own pages as officials, experts and strangers meet them."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gongfu.console.needs import needs
from gongfu.governance.review import demonstration, judging, services
from gongfu.governance.review.models import Assignment, Expert, Panel
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.pages import xlsx
from tests.governance.review.office import FAIR, GOOD, authority, draft, expert, official, panel, seats

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Workbook contains no default style")]


def signed_in(user: User | None) -> Client:
    assert user is not None
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def office() -> Organisation:
    return authority()


@pytest.fixture
def li(office: Organisation) -> User:
    return official("li", office)


@pytest.fixture
def pool(office: Organisation) -> list[Expert]:
    return [expert(office, n) for n in range(4)]


def form(points: dict[str, str], **more: str) -> dict[str, str]:
    return {f"points-{key}": value for key, value in points.items()} | more


def test_an_expert_reads_judges_and_submits_without_learning_who_applies(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    one, other = seats(panel(li, office))
    client, address = signed_in(one.expert.user), f"/governance/reviews/{one.pk}/"
    assert "数控车间联网改造" in client.get("/governance/reviews/").content.decode()
    page = client.get(address).content.decode()
    assert "42 台机床联网" in page
    assert "恒锐" not in page
    assert other.expert.name not in page
    assert client.post(address + "draft", form(GOOD)).status_code == 409
    assert client.post(address + "answer", {"answer": "accept"}).status_code == 302
    kept = client.post(address + "draft", form({"plan": "70"}, comment="先记", version="0"))
    assert (kept.json()["version"], kept.json()["complete"]) == (1, False)
    late = client.post(address + "draft", form({"plan": "10"}, version="0"))
    assert late.status_code == 409
    assert "another window" in late.json()["error"]
    assert 'value="70"' in client.get(address).content.decode()
    wrong = client.post(address + "submit", form({"plan": "700", "effect": "3"}, comment="x"))
    assert wrong.status_code == 422
    assert 'value="700"' in wrong.content.decode()
    assert client.post(address + "submit", form(GOOD, comment="可行", version="1")).status_code == 302
    assert judging.score_of(judging.find(one.expert.user, one.pk)).locked  # type: ignore[arg-type]
    assert "readonly" in client.get(address).content.decode()


def test_an_account_that_is_only_an_experts_sees_nothing_but_its_panels(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    opened = panel(li, office)
    one, other = seats(opened)
    client = signed_in(one.expert.user)
    assert client.get("/").url == "/governance/reviews/"  # type: ignore[attr-defined]
    for path in (
        *("/governance/panels/", f"/governance/panels/{opened.pk}/", "/governance/experts/", "/platform/devices/"),
        *("/governance/support/", "/governance/plan/", "/search/", "/data/alarms/", "/administration/processes/"),
        *(f"/governance/reviews/{other.pk}/", "/governance/reviews/999999/", "/api/v1/governance/panels"),
        *("/api/v1/governance/support/documents", f"/api/v1/governance/reviews/{other.pk}"),
    ):
        assert client.get(path).status_code == 404, path
    assert client.post(f"/governance/reviews/{other.pk}/answer", {"answer": "accept"}).status_code == 404
    assert client.post(f"/governance/panels/{opened.pk}/do/draw").status_code == 404
    assert client.get("/me/").status_code == 200
    (need,) = needs(one.expert.user)  # type: ignore[arg-type]
    assert (need.count, need.url) == (1, "/governance/reviews/")
    page = client.get("/governance/reviews/").content.decode()
    assert "/governance/panels/" not in page
    assert "/platform/" not in page


def test_nobody_sees_marks_before_the_last_expert_has_submitted(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    opened = panel(li, office)
    one, other = seats(opened)
    client = signed_in(li)

    def judge(seat: Assignment, points: dict[str, str]) -> None:
        judging.accept(seat.expert.user, seat)  # type: ignore[arg-type]
        judging.submit(seat.expert.user, seat, points, f"意见{seat.letter}")  # type: ignore[arg-type]

    judge(one, {"plan": "87.5", "effect": "8.5"})
    for tab in ("progress", "changes", "details"):
        page = client.get(f"/governance/panels/{opened.pk}/?tab={tab}").content.decode()
        assert "87.5" not in page
        assert "意见A" not in page
    status = client.get(f"/api/v1/governance/panels/{opened.pk}/status").json()
    assert (status["submitted"], status["totals"]) == (1, {})
    judge(other, FAIR)
    page = client.get(f"/governance/panels/{opened.pk}/").content.decode()
    assert "87.5" in page
    assert "意见A" in page
    told = client.get(f"/api/v1/governance/panels/{opened.pk}/status").json()
    assert told["state"] == "done"
    assert told["totals"] == {"A": "86.50", "B": "80.00"}


def test_an_official_draws_replaces_and_shows_how_the_draw_came_about(
    li: User, office: Organisation, pool: list[Expert]
) -> None:
    expert(office, 9, employer="恒锐机械有限公司")
    opened = services.open_panel(li, office, draft())
    client, address = signed_in(li), f"/governance/panels/{opened.pk}/"
    assert [one.url for one in needs(li)] == ["/governance/panels/"]
    page = client.post(address + "do/draw", {"seed": "2026136"}, follow=True).content.decode()
    assert "The experts are drawn." in page
    draws = client.get(address + "?tab=draws").content.decode()
    for text in ("2026136", "Works for 恒锐机械有限公司.", "the same people"):
        assert text in draws
    seat = seats(opened)[0]
    assert "Say why" in client.post(address + "do/replace", {"seat": seat.pk}, follow=True).content.decode()
    client.post(address + "do/replace", {"seat": seat.pk, "reason": "逾期"})
    assert Assignment.objects.get(pk=seat.pk).state == "replaced"
    assert "No place" in client.post(address + "do/draw", follow=True).content.decode()
    assert "恒锐机械有限公司" in client.get(address + "?tab=seen").content.decode()
    client.post(address + "do/cancel", {"reason": "撤回"})
    opened.refresh_from_db()
    assert opened.state == "cancelled"
    assert client.post(address + "do/explode").status_code == 404


def test_what_belongs_to_another_office_is_not_found(li: User, office: Organisation, pool: list[Expert]) -> None:
    opened = panel(li, office)
    wang = signed_in(official("wang", authority("other", "外区科委")))
    viewer = signed_in(official("viewer", office, Role.VIEWER))
    for client in (wang, viewer):
        for path in (f"/governance/panels/{opened.pk}/", f"/governance/experts/{pool[0].pk}/"):
            assert client.get(path).status_code == 404
        assert client.post(f"/governance/panels/{opened.pk}/do/cancel", {"reason": "x"}).status_code == 404
        assert client.get(f"/api/v1/governance/panels/{opened.pk}/status").status_code == 404


def test_experts_come_from_a_sheet_all_or_none(li: User, office: Organisation) -> None:
    client, address = signed_in(li), "/governance/experts/import/"

    def send(name: str, data: bytes) -> tuple[int, str]:
        answer = client.post(address, {"file": SimpleUploadedFile(name, data)})
        return answer.status_code, answer.content.decode()

    template = client.get("/governance/experts/template.xlsx").content
    assert send("experts.xlsx", template)[0] == 200
    found = Expert.objects.get()
    assert found.field_list == ("工业网络", "智能制造")
    assert found.candidate(0).former[0].until is not None
    heads = ["姓名", "专业领域", "工作单位", "联系电话", "曾任职单位"]
    rows = [["王五", "财务", "某所", 13900000000.0, "某公司;;2025-02-31"], ["赵六", "", "", "", ""]]
    status, page = send("e.xlsx", xlsx.to_xlsx("e", heads, rows))
    assert (status, Expert.objects.count()) == (422, 1)
    assert "2025-02-31" in page
    status, page = send(
        "e.csv", "姓名,专业领域,工作单位\n沈建国,财务,某某大学\n=HYPERLINK(1),财务,\n".encode("gb18030")
    )
    assert (status, Expert.objects.count()) == (200, 2)
    assert Expert.objects.get(name="沈建国").fields == "财务"
    assert send("x.xlsx", b"PK\x03\x04broken")[0] == 422
    assert signed_in(official("w", authority("o2", "x"), Role.VIEWER)).get(address).status_code == 403


def test_an_expert_gets_an_account_once(li: User, office: Organisation) -> None:
    one = Expert.objects.create(organisation=office, key="e1", name="沈工", fields="财务")
    client = signed_in(li)
    page = client.post("/governance/experts/do/invite", {"pk": one.pk}, follow=True)
    if page.status_code == 404:
        from django.urls import reverse

        page = client.post(reverse("governance-experts-action", args=["invite"]), {"pk": one.pk}, follow=True)
    one.refresh_from_db()
    assert one.user is not None
    assert not one.user.memberships_cached
    assert one.user.username in page.content.decode()
    form_page = client.post(
        "/governance/experts/new",
        {"organisation": office.pk, "name": "新人", "fields": "财务", "former": "甲公司;;昨天"},
    )
    assert "昨天" in form_page.content.decode()
    client.post("/governance/experts/new", {"organisation": office.pk, "name": "新人", "fields": "财务"})
    assert Expert.objects.get(name="新人").key


def test_programs_judge_and_draw_over_the_api(li: User, office: Organisation, pool: list[Expert]) -> None:
    opened = services.open_panel(li, office, draft())
    drawn = signed_in(li).post(
        f"/api/v1/governance/panels/{opened.pk}/draw", json.dumps({"seed": "s"}), content_type="application/json"
    )
    assert drawn.status_code == 200, drawn.content
    assert len(drawn.json()["chosen"]) == 2
    one = seats(opened)[0]
    client, address = signed_in(one.expert.user), f"/api/v1/governance/reviews/{one.pk}"
    assert [found["id"] for found in client.get("/api/v1/governance/reviews").json()] == [one.pk]
    assert client.post(f"{address}/accept").json()["state"] == "accepted"
    body = json.dumps({"points": GOOD, "comment": "好", "version": 0})
    assert client.put(f"{address}/marks", body, content_type="application/json").json()["version"] == 1
    assert client.put(f"{address}/marks", body, content_type="application/json").status_code == 409
    body = json.dumps({"points": GOOD, "comment": "好"})
    assert client.post(f"{address}/submit", body, content_type="application/json").status_code == 204
    other = seats(opened)[1]
    declined = signed_in(other.expert.user).post(
        f"/api/v1/governance/reviews/{other.pk}/decline", '{"reason": "出差"}', content_type="application/json"
    )
    assert declined.status_code == 204
    assert len(seats(opened)) == 2


def test_the_demonstration_has_a_panel_that_was_drawn_and_judged_by_one(office: Organisation) -> None:
    plant = accounts.create_organisation("plant", "示范机械有限公司")
    demonstration.seed(office, plant)
    demonstration.seed(office, plant)
    one = Panel.objects.get()
    assert one.draws.get().left_out
    assert services.status(one).submitted == 1
