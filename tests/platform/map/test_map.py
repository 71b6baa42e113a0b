"""The network map in console and API: what appears by itself, what people add, who sees it, what is measured."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Invalid
from gongfu.network.gateway.config import DeviceState, LinkState, Status
from gongfu.network.map.days import Moment
from gongfu.network.map.measuring import Grade
from gongfu.network.map.shapes import MOST_TARGETS, Measured, Readiness
from gongfu.platform.devices import applying
from gongfu.platform.devices.models import Device, Place
from gongfu.platform.map import demonstration, following, history, sheet
from gongfu.platform.map.following import Seen
from gongfu.platform.map.gathering import gather
from gongfu.platform.map.models import Equipment, Link, Measuring, Plan, Position, Quality, Snapshot
from tests.platform.devices.plants import PRESS, but, enterprise, person

pytestmark = pytest.mark.django_db
SHEET = """起点,起点类型,起点位置,起点端口,终点,终点类型,终点端口,链路类型,带宽,状态
SW-0,核心交换机,一厂,1,SW-1,交换机,25,光纤,10000,在用
SW-1,,一厂 / 冲压车间,3,PRESS-1,设备,LAN,网线,1000,在用
SW-0,,,48,local,网关,eth0,网线,1000,在用
SW-0,,,2,AP-1,AP,,光纤,,规划
"""


@pytest.fixture
def plant() -> Organisation:
    return enterprise("hengrui", "恒锐")


@pytest.fixture
def li(plant: Organisation) -> User:
    return person("li", plant)


@pytest.fixture
def press(plant: Organisation, li: User) -> Device:
    applying.put(li, plant, PRESS, why="new")
    device = Device.objects.get(organisation=plant, key="PRESS-1")
    device.connection = Device.Connection.ONLINE
    device.save()
    return device


@pytest.fixture
def stranger() -> User:
    return person("zhao", enterprise("huasu", "华塑"))


def signed_in(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    user.language = "en"
    user.save()
    return client


def drawn(user: User, query: str = "") -> dict[str, dict[str, Any]]:
    answer = signed_in(user).get(f"/network/map/drawing.json?{query}")
    assert answer.status_code == 200, answer.content
    data = answer.json()
    return {"nodes": {one["id"]: one for one in data["nodes"]}, "edges": {one["id"]: one for one in data["edges"]}}


def send(user: User, path: str, body: object, org: int | str = "") -> Any:
    return signed_in(user).post(
        f"/network/map/{path}?org={org}", json.dumps(body), "application/json", headers={"accept": "application/json"}
    )


def imported(user: User, text: str = SHEET) -> Any:
    return signed_in(user).post("/network/map/import", {"file": SimpleUploadedFile("links.csv", text.encode())})


def picture() -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), "white").save(out, "PNG")
    return SimpleUploadedFile("plan.exe", out.getvalue())


def test_a_device_is_on_the_map_with_its_gateway_without_anybody_drawing(press: Device, li: User) -> None:
    found = drawn(li)
    assert {f"d{press.pk}", "g:local", f"p{press.place_id}"} <= found["nodes"].keys()
    assert found["edges"][f"vd{press.pk}"] | {"load": 0.0} == {
        "id": f"vd{press.pk}",
        "a": "g:local",
        "b": f"d{press.pk}",
        "kind": "wired",
        "derived": True,
        "grade": "good",
        "build": "in_use",
        "count": 1,
        "load": 0.0,
    }
    page = signed_in(li).get("/network/map/").content.decode()
    assert "Press 1" in page
    assert "<network-map" in page


def test_an_empty_map_says_what_to_do_first(li: User) -> None:
    page = signed_in(li).get("/network/map/").content.decode()
    assert "Nothing is on the map yet." in page


def test_a_sheet_brings_switches_and_cables_and_the_drawn_way_replaces_the_derived_one(press: Device, li: User) -> None:
    answer = imported(li)
    assert answer.status_code == 200, answer.content.decode()
    assert "8 were added" in answer.content.decode()
    assert set(Equipment.objects.values_list("key", "kind")) == {
        ("SW-0", "core"),
        ("SW-1", "switch"),
        ("local", "gateway"),
        ("AP-1", "access_point"),
    }
    found = drawn(li)
    assert not any(one["derived"] for one in found["edges"].values())
    assert {one["kind"] for one in found["nodes"].values()} >= {"core", "switch", "gateway", "device"}
    assert "access_point" not in {one["kind"] for one in found["nodes"].values()}
    build = drawn(li, "view=build")
    assert {one["build"] for one in build["nodes"].values() if one["kind"] == "access_point"} == {"planned"}
    passed = {one["grade"] for one in found["nodes"].values() if one["layer"] in (2, 3, 4)}
    assert passed == {"good"}  # its readings come through all of them
    again = imported(li).content.decode()
    assert "0 were added, 0 changed, 4 were as they are" in again


WRONG = {
    "SW-9,,,,NOBODY,设备,,网线,,在用": "There is no such device here.",
    "SW-9,,,,SW-9,,,网线,,在用": "A link cannot lead back",
    "SW-9,飞船,,,PRESS-1,设备,,网线,,在用": "飞船 is none of these",
    "SW-9,,,,PRESS-1,设备,,网线,viel,在用": "no bandwidth",
    ",,,,PRESS-1,设备,,网线,,在用": "A link needs a beginning.",
    "PRESS-1,设备,,,SW-9,,,网线,,在用": "A link begins at a switch",
    "SW-0,,,1,SW-3,,,网线,,在用": "is taken",
}


def test_one_wrong_row_leaves_everything_as_it_was_and_every_wrong_cell_is_told(press: Device, li: User) -> None:
    answer = imported(li, SHEET + "\n".join(WRONG) + "\n")
    assert answer.status_code == 422
    said = answer.content.decode()
    assert not [reason for reason in WRONG.values() if reason not in said]
    assert not Equipment.objects.exists()
    assert not Link.objects.exists()


@given(st.binary(max_size=400))
def test_any_file_is_a_sheet_or_refused(data: bytes) -> None:
    try:
        rows, faults = sheet.read(data, "links.csv")
    except Invalid:
        return
    assert len(faults) <= sheet.MOST_FAULTS
    assert all(row.a.key for row in rows)


@given(st.lists(st.lists(st.text(max_size=8), max_size=17), max_size=5))
def test_any_cells_are_links_or_faults(cells: list[list[str]]) -> None:
    head = ",".join(names[0] for names in sheet.HEADINGS.values())
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
    try:
        rows, _faults = sheet.read("\n".join([head, *quoted]).encode("utf-8", "replace"), "links.csv")
    except Invalid:
        return
    assert all(row.kind in sheet.KINDS and row.build in sheet.BUILDS for row in rows)


def test_a_link_is_drawn_from_a_gateway_that_was_only_a_name(press: Device, li: User) -> None:
    switch = Equipment.objects.create(organisation=press.organisation, key="SW-1", name="SW-1")
    assert send(li, "move", {"places": {"g:local": [5, 6]}}).status_code == 200
    answer = send(li, "connect", {"a": "g:local", "b": f"e{switch.pk}", "kind": "fibre"})
    assert answer.status_code == 200, answer.content
    gateway = Equipment.objects.get(key="local")
    assert (gateway.kind, Link.objects.get().kind) == ("gateway", "fibre")
    assert drawn(li)["nodes"][f"e{gateway.pk}"]["x"] == 5  # it stays where it was put
    assert send(li, "connect", {"a": f"d{press.pk}", "b": f"e{switch.pk}"}).status_code == 200
    assert Link.objects.filter(a=switch, device=press).exists()
    assert send(li, "connect", {"a": f"e{switch.pk}", "b": f"d{press.pk}"}).status_code == 409
    assert send(li, "connect", {"a": f"d{press.pk}", "b": f"d{press.pk}"}).status_code == 422
    assert AuditEntry.objects.filter(action="create", object_type__contains="ink").exists()


def test_dragged_nodes_stay_where_they_were_put_until_put_back(press: Device, li: User) -> None:
    key = f"d{press.pk}"
    assert send(li, "move", {"places": {key: [12.5, -7]}}).json() == {"moved": 1}
    assert (drawn(li)["nodes"][key]["x"], drawn(li)["nodes"][key]["y"]) == (12.5, -7)
    assert send(li, "forget", {}).json() == {"forgotten": 1}
    assert drawn(li)["nodes"][key]["x"] != 12.5


REFUSED: tuple[tuple[object, int], ...] = (
    ({"places": {"d999999": [1, 2]}}, 404),
    ({"places": {"d1": ["NaN", 2]}}, 422),
    ({"places": {"d1": [1e300, 2]}}, 422),
    ({"places": []}, 422),
    ({"places": {}, "plan": 99}, 404),
    ([], 422),
)


def test_what_cannot_be_moved_is_refused(press: Device, li: User) -> None:
    for body, status in REFUSED:
        assert send(li, "move", body).status_code == status, body


def test_the_drawing_is_not_sent_again_while_nothing_changes(press: Device, li: User) -> None:
    client = signed_in(li)
    first = client.get("/network/map/drawing.json")
    again = client.get("/network/map/drawing.json", headers={"if-none-match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    press.connection = Device.Connection.OFFLINE
    press.save()
    assert client.get("/network/map/drawing.json", headers={"if-none-match": first.headers["ETag"]}).status_code == 200
    assert drawn(li)["nodes"][f"d{press.pk}"]["grade"] == "bad"


def test_a_plan_is_sent_shown_harmlessly_and_things_are_put_on_it(press: Device, li: User) -> None:
    site = Place.objects.get(organisation=press.organisation, parent=None)
    client = signed_in(li)
    answer = client.post("/network/plans/upload", {"place": site.pk, "name": "Works", "file": picture()})
    plan = Plan.objects.get()
    assert answer.headers["Location"] == f"/network/map/?org={press.organisation_id}&plan={plan.pk}"
    shown = client.get(f"/network/plans/{plan.pk}/image")
    assert shown.headers["Content-Type"] == "image/png"
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    data = client.get(f"/network/map/plans/{plan.pk}.json").json()
    assert [one["id"] for one in data["waiting"] if one["kind"] == "device"] == [f"d{press.pk}"]
    key = f"d{press.pk}"
    assert send(li, "move", {"places": {key: [500, 10]}, "plan": plan.pk}).status_code == 422  # beside the picture
    assert send(li, "move", {"places": {key: [100, 50]}, "plan": plan.pk}).status_code == 200
    data = client.get(f"/network/map/plans/{plan.pk}.json").json()
    assert [(one["id"], one["x"], one["y"]) for one in data["pins"]] == [(key, 100, 50)]
    assert client.get(f"/network/map/?plan={plan.pk}").status_code == 200
    assert client.get("/network/plans/").status_code == 200
    bad = client.post("/network/plans/upload", {"place": site.pk, "file": SimpleUploadedFile("a.png", b"MZ" * 50)})
    assert bad.status_code == 422
    assert "no picture" in bad.content.decode()


def test_another_organisation_finds_nothing(press: Device, li: User, stranger: User) -> None:
    imported(li)
    site = Place.objects.filter(organisation=press.organisation, parent=None)[0]
    signed_in(li).post("/network/plans/upload", {"place": site.pk, "file": picture()})
    plan, org, link = Plan.objects.get(), press.organisation_id, Link.objects.all()[0]
    client = signed_in(stranger)
    for path in (
        f"map/?org={org}",
        f"map/drawing.json?org={org}",
        f"map/node?org={org}&node=d{press.pk}",
        f"map/node?node=d{press.pk}",
        f"map/history?org={org}&node=d{press.pk}&tag=latency&from=0&to=1000",
        f"map/changes/?org={org}",
        f"map/links.csv?org={org}",
        f"map/plans/{plan.pk}.json",
        f"map/?plan={plan.pk}",
        f"plans/{plan.pk}/image",
        f"plans/{plan.pk}/",
        f"links/{link.pk}/",
        f"equipment/{link.a_id}/",
    ):
        assert client.get(f"/network/{path}").status_code == 404, path
    for query in (f"indicators?organisation={org}", f"network?organisation={org}", f"changes?organisation={org}"):
        assert client.get(f"/api/v1/platform/map/{query}").status_code == 404, query
    for path in ("move", "forget", "connect"):
        body = {"a": "x", "b": "y"} if path == "connect" else {"places": {}, "nodes": []}
        assert send(stranger, path, body, org).status_code == 404, path
    assert send(stranger, "move", {"places": {}, "plan": plan.pk}).status_code == 404
    theirs = Organisation.objects.get(code="huasu")
    form = {"organisation": theirs.pk, "a": link.a_id, "device": press.pk, "kind": "wired", "build": "in_use"}
    assert client.post("/network/links/new", form).status_code in (404, 422)
    assert not Link.objects.filter(organisation=theirs).exists()


def test_who_only_looks_changes_nothing(press: Device) -> None:
    looker = person("wu", press.organisation, Role.VIEWER)
    assert drawn(looker)["nodes"]
    assert send(looker, "move", {"places": {f"d{press.pk}": [1, 2]}}).status_code == 403
    assert send(looker, "connect", {"a": "g:local", "b": f"d{press.pk}"}).status_code == 403
    assert signed_in(looker).get("/network/map/import").status_code == 403
    assert "editable" not in signed_in(looker).get("/network/map/").content.decode()


def test_ports_are_used_once_and_links_need_one_far_end(press: Device, li: User) -> None:
    imported(li)
    core, one = Equipment.objects.get(key="SW-0"), Equipment.objects.get(key="SW-1")
    client = signed_in(li)
    base = {"organisation": press.organisation_id, "a": core.pk, "a_port": "1", "kind": "wired", "build": "in_use"}
    for form in (base | {"device": press.pk}, base | {"a_port": "9"}, base | {"b": one.pk, "device": press.pk}):
        assert client.post("/network/links/new", form).status_code in (409, 422)
    assert Link.objects.count() == 4
    assert client.post("/network/links/new", base | {"a_port": "9", "device": press.pk}).status_code == 302


def test_polling_tells_rate_volume_and_rounds_left_out(press: Device, li: User) -> None:
    def state(readings: int, cycles: int, late: int) -> DeviceState:
        link = LinkState(reconnects=2, cycles=cycles, late=late, round_trip=0.02, jitter=0.001, volume=readings * 21)
        return DeviceState(device=press.pk, status=Status.ONLINE, since=0, readings=readings, link=link)

    following.take_states([state(100, 50, 0)], {}, 10.0)
    following.take_states([state(400, 77, 3)], {press.pk: Seen(state(100, 50, 0), 10.0)}, 40.0)
    found = Quality.objects.filter(node=f"d{press.pk}").first()
    assert found is not None
    assert (found.rate, found.volume, found.reconnects) == (10.0, 210.0, 2)
    assert found.late == pytest.approx(0.1)
    assert found.round_trip == pytest.approx(20.0)
    assert found.grade == Grade.UNCERTAIN
    use = drawn(li, "view=use")
    assert use["nodes"][f"d{press.pk}"]["note"] == "10.0/s"
    assert use["edges"][f"vd{press.pk}"]["load"] == 10.0
    assert "210 B/s" in signed_in(li).get("/network/map/?view=use").content.decode()
    # A gateway that was started anew counts from nothing: no rate, and certainly no negative one.
    following.take_states([state(5, 1, 0)], {press.pk: Seen(state(400, 77, 3), 40.0)}, 70.0)
    again = Quality.objects.filter(node=f"d{press.pk}").first()
    assert again is not None
    assert again.rate is None


def test_probes_are_asked_for_only_where_somebody_wants_them(press: Device, li: User) -> None:
    assert following.order().asks == []
    wish = Measuring.objects.create(organisation=press.organisation, enabled=True, minutes=5, probes=4)
    for number in range(20):
        Equipment.objects.create(
            organisation=press.organisation, key=f"SW-{number}", name="S", address=f"192.168.9.{number}:443"
        )
    due = following.order()
    targets = [target for one in due.asks for target in one.question.targets]
    assert all(len(one.question.targets) <= MOST_TARGETS and one.question.probes == 4 for one in due.asks)
    assert {one.gateway for one in due.asks} == {"local"}
    assert ("127.0.0.1", 1502) in {(one.host, one.port) for one in targets}
    assert len(targets) == 21
    wish.measured_at = timezone.now()
    wish.save()
    assert following.order().asks == []
    assert following.order(timezone.now() + dt.timedelta(minutes=5)).asks
    assert signed_in(li).get("/network/measuring/").status_code == 200


def test_what_was_measured_is_shown_charted_and_counted(press: Device, li: User) -> None:
    key = f"d{press.pk}"
    found = Measured(
        key=key, method="icmp", times=[1.0, 3.0, 2.0, 2.0], connect=1.5, service="open", ipv6=Readiness.READY, mtu=1500
    )
    following.take_measured(press.organisation_id, [found])
    client = signed_in(li)
    panel = client.get(f"/network/map/node?node={key}").content.decode()
    for said in ("2.00 ms", "Answers over IPv6", "accepts connections", "MTU 1500", "0.0 %", "127.0.0.1:1502"):
        assert said in panel
    assert "<live-chart" in panel
    now = int(timezone.now().timestamp() * 1000)
    answer = client.get(f"/network/map/history?node={key}&tag=latency&tag=loss&tag=x&from={now - 900_000}&to={now}")
    series = {one["tag"]: one["points"] for one in answer.json()["series"]}
    assert series.keys() == {"latency", "loss"}
    assert [point[1] for point in series["latency"]] in ([2.0], [])  # the slot may have begun 5 minutes ago
    indicators = client.get("/api/v1/platform/map/indicators").json()
    told = [indicators[name] for name in ("ipv6_rate", "devices", "online", "links")]
    assert told == [100.0, 1, 1, 1]
    assert indicators["sites"][0]["latency"] == 2.0
    network = client.get("/api/v1/platform/map/network").json()
    assert next(one for one in network["nodes"] if one["key"] == key)["p95"] == pytest.approx(2.85)
    lost = msgspec.structs.replace(found, times=[None] * 4, service="silent", connect=None)
    following.take_measured(press.organisation_id, [lost])
    assert drawn(li)["nodes"][key]["grade"] == "good"  # it is polled all the same: somebody drops our probes
    press.connection = Device.Connection.UNKNOWN
    press.save()
    assert drawn(li)["nodes"][key]["grade"] == "bad"


def test_a_range_that_is_none_is_refused(press: Device, li: User) -> None:
    client = signed_in(li)
    for query in ("from=5&to=1", "from=x&to=1", "from=0&to=99999999999999", ""):
        answer = client.get(f"/network/map/history?node=d{press.pk}&tag=latency&{query}")
        assert answer.status_code == 422, query


def test_what_changed_since_yesterday_is_shown(press: Device, li: User) -> None:
    now = timezone.now()
    history.note(press.organisation_id, {f"d{press.pk}": Moment(p95=5.0, loss=0.0)}, now - dt.timedelta(days=1))
    history.take_snapshots(now - dt.timedelta(days=1))
    client = signed_in(li)
    assert "Nothing changed." in client.get("/network/map/changes/").content.decode()
    history.note(press.organisation_id, {f"d{press.pk}": Moment(p95=80.0, loss=0.25)}, now)
    applying.put(li, press.organisation, but(key="PRESS-2", name_en="Press 2"), why="new")
    press.place = Place.objects.get(organisation=press.organisation, parent=None)
    press.save()
    page = client.get("/network/map/changes/").content.decode()
    for said in ("Press 2", "5.0 → 80.0 ms", "Loss 0.0 → 25.0 %", "冲压车间 → 一厂"):
        assert said in page
    answer = client.get("/api/v1/platform/map/changes").json()
    assert {(one["news"], one["what"]) for one in answer["changes"]} == {
        ("new", ""),
        ("moved", "place"),
        ("worse", "p95"),
        ("worse", "loss"),
    }
    history.take_snapshots(now)
    yesterday, today = answer["before"], timezone.localdate().isoformat()
    between = client.get(f"/api/v1/platform/map/changes?before={yesterday}&after={today}").json()
    assert [(one["news"], one["key"]) for one in between["changes"]] == [
        (one["news"], one["key"]) for one in answer["changes"]
    ]
    back = client.get(f"/api/v1/platform/map/changes?before={today}&after={yesterday}").json()
    assert {one["news"] for one in back["changes"]} == {"gone", "moved", "better"}
    assert client.get("/network/map/changes/?before=1999-01-01").status_code == 404
    assert client.get("/network/map/changes/?before=soon").status_code == 404


def test_a_picture_a_day_is_kept_and_old_ones_go(press: Device) -> None:
    now = timezone.now()
    for hours in (0, 1, 30):
        history.take_snapshots(now - dt.timedelta(hours=hours))
    assert Snapshot.objects.count() in (2, 3)  # one hour ago may have been yesterday
    history.note(press.organisation_id, {"d1": Moment(latency=1.0)}, now)
    history.forget_old(now + dt.timedelta(days=history.KEEP_DAYS + 3))
    assert not Snapshot.objects.exists()


@pytest.mark.filterwarnings("ignore:Workbook contains no default style")
def test_links_are_exported_with_their_quality(press: Device, li: User) -> None:
    imported(li)
    client = signed_in(li)
    text = client.get("/network/map/links.csv").content.decode("utf-8-sig")
    assert "Press 1" in text
    assert len(text.strip().splitlines()) == 5
    assert client.get("/network/map/links.xlsx").content[:2] == b"PK"
    assert client.get("/network/map/links.pdf").status_code == 404
    template = client.get("/network/map/template.xlsx").content
    rows, faults = sheet.read(template, "template.xlsx")
    assert (rows, faults) == ([], [])


def test_the_map_of_many_devices_takes_few_queries(press: Device, li: User, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        Device.objects.create(organisation=press.organisation, key=f"P-{number}", name="P", driver="modbus", type="x")
    with django_assert_max_num_queries(8):
        assert len(gather(press.organisation, everything=True).devices) == 31


def test_the_demonstration_has_a_map_with_a_plan(press: Device, li: User) -> None:
    demonstration.seed(press.organisation, "local")
    demonstration.seed(press.organisation, "local")
    found = drawn(li, "view=build")
    assert {one["kind"] for one in found["nodes"].values()} >= {"core", "switch", "gateway", "base_station", "device"}
    assert not any(one["derived"] for one in found["edges"].values())
    plan = Plan.objects.get()
    assert Position.objects.filter(plan=plan, node=f"d{press.pk}").exists()
    assert Measuring.objects.get().enabled
    for path in (f"map/?plan={plan.pk}", "map/?view=use", "equipment/", "links/", "measuring/", "map/changes/"):
        assert signed_in(li).get(f"/network/{path}").status_code == 200
    for key in found["nodes"] | {one: 0 for one in found["edges"] if one[0] == "l"}:
        assert signed_in(li).get(f"/network/map/node?node={key}").status_code == 200, key
    assert Quality.objects.count() == 0
