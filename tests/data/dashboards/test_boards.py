"""Dashboards as people of two enterprises meet them: shared, edited, answered, brought back, reported."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pypdfium2
import pytest
from django.test import Client
from django.utils import timezone, translation
from enterprises import NOON, World

from gongfu.data.alarms import sending
from gongfu.data.alarms.models import Alarm, AlarmRule, Outlet
from gongfu.data.dashboards import answering, generating, measuring, periodic, reporting, rules, services
from gongfu.data.dashboards.models import Dashboard, Picture, Report, ReportRun
from gongfu.data.dashboards.rules import Document, Kind, Source, Widget
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Forbidden, NotFound, Unavailable
from gongfu.kernel.tasks.models import Job
from gongfu.platform.devices.services import DeviceDraft, TagDraft, create_device

pytestmark = pytest.mark.django_db
HOUR = {"from": int(NOON.timestamp() * 1000), "to": int(NOON.timestamp() * 1000) + 3_600_000}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><script>alert(1)</script><rect width="9"/></svg>'


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def board(world: World, *widgets: Widget, **more: Any) -> Dashboard:
    made = Dashboard(organisation=world.ours, name="Pumps", **more)
    return services.create(world.engineer, made, Document(list(widgets)))


def ask(user: User, widget: dict[str, Any], **more: Any) -> Any:
    sent = {"widget": {"id": "a", "x": 0, "y": 0, "w": 6, "h": 4} | widget, **HOUR, "points": 200, **more}
    return signed_in(user).post("/data/boards/answer", json.dumps(sent), content_type="application/json")


def test_a_trend_shows_ones_own_tags_and_nothing_of_others(asked: World) -> None:
    ours, theirs = asked.tag("flow"), int(asked.rivals.tags.get(key="flow").pk)
    widget = {"kind": "trend", "sources": [{"tag": ours}, {"tag": theirs}]}
    found = ask(asked.engineer, widget).json()
    assert ([one["tag"] for one in found["tags"]], found["missing"]) == ([ours], 1)
    assert max(point[1] for point in found["lines"][0] if point[1] is not None) < 1000
    # The same document, opened by somebody of the other enterprise: theirs only.
    assert [one["tag"] for one in ask(asked.rival, widget).json()["tags"]] == [theirs]
    for kind in ("table", "gauge", "number", "heat", "states", "pareto", "image"):
        answer = ask(asked.engineer, {"kind": kind, "sources": [{"tag": theirs}], "of": "states"}).json()
        assert (answer["tags"], answer["missing"]) == ([], 1), kind
        assert "6660666" not in json.dumps(answer)


def test_a_big_number_is_of_its_time_and_of_the_time_before(asked: World) -> None:
    start = HOUR["from"] + 1_800_000
    for measure, now, before in (("mean", 674.875, 224.875), ("max", 899.75, 449.75), ("change", 449.75, 449.75)):
        widget = {"kind": "number", "sources": [{"tag": asked.tag("flow")}], "measure": measure}
        found = ask(asked.engineer, widget, **{"from": start}).json()
        assert (found["now"], found["before"]) == pytest.approx((now, before)), measure
    assert measuring.measured([], "mean") is None


def test_a_counter_that_begins_anew_goes_on(asked: World) -> None:
    def bucket(first: float, last: float) -> measuring.Bucket:
        return measuring.Bucket(0, 2, first, last, first + last, first, last)

    assert measuring.measured([bucket(10, 15), bucket(2, 4)], "change") == 9


def test_hours_and_alarms(asked: World) -> None:
    flow = asked.tag("flow")
    found = ask(asked.engineer, {"kind": "heat", "sources": [{"tag": flow}], "measure": "max"}).json()
    assert (found["days"], found["cells"]) == (["10-21"], [[20, 0, 899.75]])  # 12:00 UTC is 20:00 in Shanghai
    for organisation, device, name in (
        (asked.ours, asked.pump, "H"), (asked.ours, asked.pump, "H2"), (asked.theirs, asked.rivals, "X"),
    ):  # fmt: skip
        rule = AlarmRule.objects.create(organisation=organisation, device=device, tag="flow", name=name, limit=3)
        for number in range(2 if name == "H" else 1):
            Alarm.objects.create(
                organisation=organisation, rule=rule, device=device, series=1, name=name, priority=2,
                state="normal", raised_at=NOON + dt.timedelta(minutes=number + 1),
            )  # fmt: skip
    bars = ask(asked.engineer, {"kind": "pareto"}).json()["bars"]
    assert [(bar["name"], bar["value"]) for bar in bars] == [("H", 2), ("H2", 1)]
    limits = ask(asked.engineer, {"kind": "trend", "sources": [{"tag": flow}]}).json()["tags"][0]["limits"]
    assert limits == [[3.0, "H"]]


def test_a_key_means_the_tag_of_the_chosen_device(asked: World) -> None:
    widget = {"kind": "table", "sources": [{"key": "flow"}]}
    assert ask(asked.engineer, widget).json()["tags"] == []
    assert [one["tag"] for one in ask(asked.engineer, widget, device=asked.pump.pk).json()["tags"]] == [
        asked.tag("flow")
    ]
    assert ask(asked.engineer, widget, device=asked.rivals.pk).json()["tags"] == []
    assert ask(asked.engineer, widget, place=9_999).json()["tags"] == []


@pytest.mark.parametrize(
    "sent",
    [b"", b"{", b'{"widget":{}}', b"[" * 50_000, json.dumps(HOUR).encode(), b"\xff\xfe", b" " * 300_000],
    ids=lambda sent: str(sent[:8]),
)
def test_a_wrong_question_is_told_as_such(world: World, sent: bytes) -> None:
    answer = signed_in(world.engineer).post("/data/boards/answer", sent, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["message"]


def test_times_that_make_no_sense_are_refused(world: World) -> None:
    for wrong in ({"to": HOUR["from"]}, {"from": -1}, {"to": 10**18}, {"points": 10**6}, {"device": -3}):
        assert ask(world.engineer, {"kind": "trend"}, **wrong).status_code == 422, wrong


def test_a_dashboard_is_shared_as_its_author_said(world: World) -> None:
    colleague = accounts.create_user("wang", "correct-horse-9", roles={world.ours: Role.ENGINEER})
    made = board(world, share=Dashboard.Share.PRIVATE)
    page, link = f"/data/dashboards/{made.pk}/", f"/data/boards/{made.key}/"

    def seen() -> list[int]:
        return [
            signed_in(user).get(address).status_code for user in (colleague, world.rival) for address in (page, link)
        ]

    assert signed_in(world.engineer).get(page).status_code == 200
    assert seen() == [404, 404, 404, 404]
    Dashboard.objects.update(share=Dashboard.Share.LINK)
    assert seen() == [404, 200, 404, 404]
    Dashboard.objects.update(share=Dashboard.Share.ORGANISATION)
    assert seen() == [200, 200, 404, 404]
    assert signed_in(world.rival).get(f"/data/wall/?board={made.pk}").status_code == 404
    assert signed_in(colleague).get(f"/data/wall/?board={made.pk}").status_code == 200
    assert signed_in(colleague).get("/data/wall/?board=1;2").status_code == 422


def test_two_who_edit_do_not_lose_anything(world: World) -> None:
    made = board(world)
    client, address = signed_in(world.engineer), f"/data/boards/{made.pk}/document"

    def put(version: int, title: str, who: Client = client) -> Any:
        widget = {"id": "a", "kind": "text", "x": 0, "y": 0, "w": 6, "h": 4, "title": title}
        sent = json.dumps({"version": version, "document": {"widgets": [widget]}})
        return who.put(address, sent, content_type="application/json")

    assert put(1, "one").json()["version"] == 2
    late = put(1, "two")
    assert (late.status_code, late.json()["code"]) == (409, "outdated")
    newest = client.get(f"/data/boards/{made.pk}/newest").json()
    assert (newest["version"], newest["document"]["widgets"][0]["title"]) == (2, "one")
    assert put(2, "two").json()["version"] == 3
    client.post(f"/data/boards/{made.pk}/restore", {"number": "2"})
    made.refresh_from_db()
    assert (made.version, services.document_of(made).widgets[0].title) == (4, "one")
    assert put(4, "x", signed_in(world.rival)).status_code == 404
    viewer = accounts.create_user("viewer", "correct-horse-9", roles={world.ours: Role.VIEWER})
    assert put(4, "x", signed_in(viewer)).status_code == 403
    with pytest.raises(Forbidden):
        services.save(viewer, made, 4, Document())
    assert signed_in(viewer).get(f"/data/dashboards/{made.pk}/?tab=versions").status_code == 200


def test_only_so_many_versions_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "KEPT", 3)
    made = board(world)
    for number in range(1, 6):
        made = services.save(world.engineer, made, number, Document([Widget("a", Kind.TEXT, 0, number, 3, 3)]))
    assert list(made.versions.values_list("number", flat=True)) == [6, 5, 4]


def test_every_device_has_a_dashboard_and_a_copy_is_ones_own(world: World) -> None:
    tags = [TagDraft(key="state"), TagDraft(key="power"), TagDraft(key="part_count"), TagDraft(key="spindle_load")]
    draft = DeviceDraft(key="CNC-1", name="加工中心", type="cnc-machining-centre", driver="modbus", tags=tags)
    device = create_device("test", world.ours, draft)
    with translation.override("en"):
        document = generating.of_device(device)
    kinds = {one.kind for one in document.widgets}
    assert {Kind.STATES, Kind.NUMBER, Kind.TREND, Kind.PARETO} <= kinds
    assert rules.checked(document) == document
    assert "dash-board" in signed_in(world.engineer).get(f"/platform/devices/{device.pk}/?tab=dashboard").text
    client = signed_in(world.engineer)
    assert client.post("/data/boards/copy", {"device": device.pk}).status_code == 302
    made = Dashboard.objects.get()
    assert (made.share, made.created_by) == ("private", world.engineer)
    assert services.document_of(made) == document
    assert signed_in(world.rival).post("/data/boards/copy", {"device": device.pk}).status_code == 404
    assert signed_in(world.rival).post("/data/boards/copy", {"board": made.pk}).status_code == 404


def test_tags_are_found_by_words_and_only_ones_own(world: World) -> None:
    client = signed_in(world.engineer)
    found = client.get("/data/boards/tags", {"q": "泵 flow"}).json()["tags"]
    assert [one["tag"] for one in found] == [world.tag("flow")]
    assert client.get("/data/boards/tags", {"q": "\0'; DROP"}).json()["tags"] == []


def test_a_picture_does_nothing_but_show(world: World) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    client, address = signed_in(world.engineer), "/data/boards/pictures"
    sent = client.post(address, {"file": SimpleUploadedFile("plan.svg", SVG), "organisation": world.ours.pk}).json()
    shown = client.get(f"{address}/{sent['picture']}")
    assert b"script" not in shown.content
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert signed_in(world.rival).get(f"{address}/{sent['picture']}").status_code == 404
    for name, data, owner in (("a.png", b"no", world.ours), ("plan.svg", SVG, world.theirs)):
        refused = client.post(address, {"file": SimpleUploadedFile(name, data), "organisation": owner.pk})
        assert refused.status_code in (404, 422)
    assert Picture.objects.count() == 1


def test_a_report_is_made_by_the_clock_told_and_kept(
    asked: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    told: list[str] = []

    def tell(_outlet: Outlet, letter: Any) -> Unavailable | None:
        told.append(f"{letter.title} {letter.url}")
        return Unavailable("The mail server is away.") if len(told) > 1 else None

    monkeypatch.setattr(sending, "tell", tell)
    made = board(asked, Widget("a", Kind.TREND, 0, 0, 12, 5, "流量", [Source(tag=asked.tag("flow"))]))
    outlet = Outlet.objects.create(organisation=asked.ours, name="Post", address="a@b.example")
    form = {
        "organisation": asked.ours.pk, "name": "日报 Daily", "dashboard": made.pk, "device": "", "language": "zh-hans",
        "every": "day", "hour": 6, "minute": 0, "day": 1, "keep": 2, "outlet": outlet.pk, "active": "on",
    }  # fmt: skip
    client = signed_in(asked.engineer)
    assert client.post("/data/reports/new", form).status_code == 302
    report = Report.objects.get()
    assert report.next_at is not None
    assert report.next_at > timezone.now()
    for day in (21, 22, 23):
        due = dt.datetime(2026, 10, day + 1, 1, 10, tzinfo=dt.UTC)
        Report.objects.update(next_at=due)
        assert (periodic.tick(due), periodic.tick(due)) == (1, 0)
        run = ReportRun.objects.latest("pk")
        reporting.write.func(Job.objects.latest("pk").pk, run=run.pk)
    assert [run.state for run in ReportRun.objects.all()] == ["done", "done"]
    assert len(list(reporting.folder(report).iterdir())) == 2
    assert "日报 Daily" in told[0]
    assert "mail server" in ReportRun.objects.latest("ends_at").told
    first = reporting.begin(report, dt.datetime(2026, 10, 22, 1, tzinfo=dt.UTC), None)
    reporting.write.func(Job.objects.latest("pk").pk, run=first.pk)


def test_a_report_holds_what_its_organisation_may_see(asked: World) -> None:
    theirs = int(asked.rivals.tags.get(key="flow").pk)
    sources = [Source(tag=asked.tag("flow")), Source(tag=theirs)]
    made = board(
        asked,
        Widget("a", Kind.TREND, 0, 0, 12, 5, "流量走势", sources),
        Widget("b", Kind.TABLE, 0, 5, 12, 5, "最新值", sources),
    )
    report = Report.objects.create(organisation=asked.ours, name="R", dashboard=made)
    run = reporting.begin(report, dt.datetime(2026, 10, 22, 1, tzinfo=dt.UTC), asked.engineer)
    reporting.write.func(Job.objects.latest("pk").pk, run=run.pk)
    address = f"/data/report-runs/{run.pk}/file"
    body = signed_in(asked.engineer).get(address).getvalue()
    text = pypdfium2.PdfDocument(body)[0].get_textpage().get_text_bounded()
    assert "流量走势" in text
    assert "899.8" in text
    assert "6,660" not in text
    assert signed_in(asked.rival).get(address).status_code == 404
    with pytest.raises(NotFound):
        reporting.check(asked.rival, report)


def test_a_report_that_fails_says_why(asked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = board(asked, Widget("a", Kind.TREND, 0, 0, 12, 5, "", [Source(tag=asked.tag("flow"))]))
    report = Report.objects.create(organisation=asked.ours, name="R", dashboard=made)
    run = reporting.begin(report, timezone.now(), None)

    def away(*_: object, **__: object) -> None:
        raise Unavailable("The store is away.")

    monkeypatch.setattr(answering, "answer", away)
    with pytest.raises(Unavailable):
        reporting.write.func(Job.objects.latest("pk").pk, run=run.pk)
    assert "store is away" in signed_in(asked.engineer).get("/data/report-runs/").text


def test_what_is_starred_stands_on_the_start_page(world: World) -> None:
    board(world, starred=True)
    assert [str(one) for one in services.starred(world.engineer)] == ["Pumps"]
    assert services.starred(world.rival) == []
    assert services.starred(world.engineer, world.theirs) == []
