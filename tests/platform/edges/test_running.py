"""Edge nodes that report, fall silent, get devices, rules and orders: what the console shows and what reaches them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from gongfu.console import needs
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Unavailable, packed
from gongfu.kernel.workflow import services as workflow
from gongfu.network.edge import contract
from gongfu.network.edge.contract import Backlog, Forward, ForwardOrder, Install, Logs, OrderAnswer, Upgrade
from gongfu.platform.commands import services as commands
from gongfu.platform.commands.models import Setpoint
from gongfu.platform.devices import applying, desk, sync
from gongfu.platform.devices.models import Device, Outbox
from gongfu.platform.edges import charting, reporting, ruling
from gongfu.platform.edges.models import Edge, EdgeOrder, EdgeRule, Happening
from tests.platform.devices.plants import PRESS, but, enterprise, person
from tests.platform.edges.machines import Machine, edge_of, joined, press_on, report, signed_in, with_a_leaf_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def plant() -> Organisation:
    return enterprise("hengrui", "恒锐")


@pytest.fixture
def li(plant: Organisation) -> User:
    return person("li", plant)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    with_a_leaf_port(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def edge(li: User, plant: Organisation) -> Edge:
    """One that has joined and reports."""
    made = edge_of(plant)
    joined(li, made)
    reporting.write({"hall-1": report()})
    made.refresh_from_db()
    return made


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(desk, "request", made.request)
    return made


def page(user: User, edge: Edge, tab: str, language: str = "en") -> str:
    answer = signed_in(user, language).get(f"/platform/edges/{edge.pk}/?tab={tab}")
    assert answer.status_code == 200
    return answer.content.decode()


# how it is


def test_what_it_reports_is_shown_and_silence_is_told(li: User, edge: Edge) -> None:
    device = press_on(li, edge.organisation, edge.code)
    sync.write_states({})
    reporting.write({"hall-1": report(backlog=Backlog(messages=1200, bytes=5_000_000, limit=50_000_000))})
    shown = page(li, edge, "state")
    assert "1,200" in shown
    assert "10 %" in shown
    assert "1 <small>/ 1" in shown
    listed = signed_in(li).get("/platform/edges/").content.decode()
    assert "1 of 1 edge node online" in listed
    Edge.objects.filter(pk=edge.pk).update(last_seen_at=timezone.now() - dt.timedelta(seconds=20))
    Device.objects.filter(pk=device.pk).update(connection="online")
    assert reporting.find_silent() == 1
    assert reporting.find_silent() == 0
    device.refresh_from_db()
    assert device.connection == "offline"
    assert "一号车间网关" in device.get_problem_display()
    assert "0 of 1 edge node online" in signed_in(li).get("/platform/edges/").content.decode()
    reporting.write({"hall-1": report()})
    kinds = [one.kind for one in Happening.objects.filter(edge=edge)]
    assert kinds == ["online", "offline", "online", "joined"]


def test_what_changed_between_two_reports_stands_among_the_happenings(edge: Edge) -> None:
    started = report().started + 5_000_000
    wrong = packed(Unavailable("x"))
    reporting.write(
        {
            "hall-1": report(
                version="0.2.0",
                started=started,
                clock_offset=-7200.0,
                rules_version=3,
                rules_problem=wrong,
                upgrade=Upgrade.DONE,
                upgrade_detail="0.2.0",
            )
        }
    )
    found = {one.kind: one.get_detail_display() for one in Happening.objects.filter(edge=edge)}
    assert {"restarted", "version", "clock", "rules", "refused", "upgrade"} <= set(found)
    assert found["version"] == "0.1.0 → 0.2.0"
    assert found["clock"] == "+7200.0 s"


def test_a_wrong_clock_and_a_full_disk_stand_out(li: User, edge: Edge) -> None:
    reporting.write(
        {"hall-1": report(clock_offset=3600.0, disk_free=100_000_000, errors=[packed(Unavailable("Bus away."))])}
    )
    shown = page(li, edge, "state")
    assert "-3600.00" in shown
    assert "set it right" in shown
    assert "Bus away." in shown
    assert "时钟" in page(li, edge, "state", "zh-hans")


def test_nobody_reports_for_another_edge_and_a_suspended_one_is_not_heard(li: User, edge: Edge) -> None:
    reporting.write({"hall-1": report("hall-2", version="9")})
    edge.refresh_from_db()
    assert edge.version == "0.1.0"
    workflow.perform(edge, "suspend", li, reason="lost")
    reporting.write({"hall-1": report(version="9"), "nobody": report("nobody")})
    edge.refresh_from_db()
    assert (edge.version, edge.state) == ("0.1.0", "suspended")


def test_numbers_out_of_this_world_do_no_harm(edge: Edge) -> None:
    reporting.write({"hall-1": report(started=2**62, backlog=Backlog(oldest=-5), errors=["x" * 5000] * 50)})
    edge.refresh_from_db()
    assert edge.started_at is None
    assert len(edge.errors) == 10


def test_the_chart_falls_while_it_catches_up_and_says_when_it_is_done() -> None:
    start = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    points = [charting.Point(start + dt.timedelta(seconds=10 * n), 1000 - 100 * n, 5000 * n) for n in range(6)]
    found = charting.chart(points)
    assert found is not None
    assert found.top == 1000
    assert found.rate == 500.0
    assert found.left == dt.timedelta(seconds=50)
    assert found.path.count("M") == 1
    later = charting.Point(start + dt.timedelta(seconds=600), 0, 30_000)
    gap = charting.chart([*points, later])
    assert gap is not None
    assert gap.path.count("M") == 2
    assert charting.chart(points[:1]) is None


# devices


def test_a_device_is_moved_withdrawn_at_the_one_and_configured_at_the_other(li: User, edge: Edge) -> None:
    device = press_on(li, edge.organisation, "local")
    Device.objects.filter(pk=device.pk).update(connection="online")
    Outbox.objects.all().delete()
    series = list(device.tags.values_list("pk", flat=True))
    answer = signed_in(li).post(f"/platform/edges/{edge.pk}/assign", {"device": device.pk})
    assert answer.status_code == 302
    device.refresh_from_db()
    assert (device.gateway, device.connection) == ("hall-1", "unknown")
    assert list(device.tags.values_list("pk", flat=True)) == series
    found = {item.gateway: item.config for item in sync.take_pending()}
    assert found["local"] is None
    assert found["hall-1"] is not None
    assert "一号压机" in page(li, edge, "devices", "zh-hans")


def test_a_new_device_set_up_from_the_edges_page_chooses_it(li: User, edge: Edge) -> None:
    shown = signed_in(li).get(f"/platform/devices/new?driver=modbus&gateway={edge.code}").content.decode()
    assert 'value="hall-1" selected' in shown
    assert "&amp;gateway=hall-1" in signed_in(li).get("/platform/devices/new?gateway=hall-1").content.decode()


def test_no_device_is_ever_given_to_anothers_edge(li: User, plant: Organisation, edge: Edge) -> None:
    other = enterprise("other", "别家")
    wang = person("wang", other)
    theirs = press_on(wang, other, "local")
    with pytest.raises(applying.WrongDocument):
        applying.put(wang, other, but(PRESS, gateway="hall-1"))
    client = signed_in(wang)
    answer = client.patch(
        f"/api/v1/platform/devices/{theirs.pk}", {"gateway": "hall-1"}, content_type="application/json"
    )
    assert answer.status_code == 404
    assert client.post(f"/platform/edges/{edge.pk}/assign", {"device": theirs.pk}).status_code == 404
    assert 'value="hall-1"' not in client.get("/platform/devices/new?driver=modbus&gateway=hall-1").content.decode()
    mine = edge_of(other, "hall-2")
    own = press_on(li, plant, "local")
    client.post(f"/platform/edges/{mine.pk}/assign", {"device": own.pk})
    for device in (theirs, own):
        device.refresh_from_db()
        assert device.gateway == "local"


def test_nobody_has_anothers_edge_try_a_connection(li: User, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(desk, "ask", lambda gateway, question: asked.append(gateway))
    wang = signed_in(person("wang", enterprise("other", "别家")))
    data = {"driver": "modbus", "opt-host": "10.0.0.9", "gateway": "hall-1", "tag-id": "0" * 12, "tag-address": "x"}
    for part in ("test", "browse", "values"):
        assert "There is no gateway hall-1" in wang.post(f"/platform/devices/try/{part}", data).content.decode(), part
    assert asked == []
    signed_in(li).post("/platform/devices/try/test", data)
    assert asked == ["hall-1"]


def test_a_spreadsheet_names_the_gateway_and_hears_of_a_wrong_one(li: User, edge: Edge) -> None:
    from gongfu.platform.devices import exchange

    press_on(li, edge.organisation, "local")
    table = "organisation,key,gateway\nhengrui,PRESS-1,{}\n"
    report_of = exchange.look(li, table.format("hall-1").encode(), "devices.csv")
    assert report_of.changed == 1, report_of.faults
    other = enterprise("other", "别家")
    edge_of(other, "hall-2")
    found = exchange.look(li, table.format("hall-2").encode(), "devices.csv")
    assert found.changed == 0
    assert found.faults


def test_an_edge_that_reads_devices_is_not_deleted_and_an_empty_one_is_told_farewell(
    li: User, edge: Edge, machine: Machine, django_capture_on_commit_callbacks: object
) -> None:
    device = press_on(li, edge.organisation, edge.code)
    client = signed_in(li)
    answer = client.post(f"/platform/edges/{edge.pk}/delete")
    assert answer.status_code == 409
    applying.put(li, edge.organisation, but(PRESS, gateway="local"))
    device.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        assert client.post(f"/platform/edges/{edge.pk}/delete").status_code == 302
    assert not Edge.objects.exists()
    subject, order = machine.orders[0]
    assert subject == "edges.hall-1.orders"
    assert isinstance(order, contract.Forget)


# rules


@pytest.fixture
def press(li: User, edge: Edge) -> Device:
    return press_on(li, edge.organisation, edge.code)


@pytest.fixture
def setpoint(press: Device) -> Setpoint:
    made = Setpoint(tag=press.tags.get(key="speed"), low=0, high=2000)
    commands.prepare(made)
    return made


def form(edge: Edge, press: Device, **more: object) -> dict[str, object]:
    flow = press.tags.get(key="flow")
    plain = {"name": "限流", "tag": flow.pk, "comparison": "above", "limit": "80", "seconds": "2", "deadband": "1"}
    return plain | {"pause": "10", "text": "", "setpoint": "", "value": "", "value_after": ""} | more


def written(user: User, edge: Edge, data: dict[str, object]) -> EdgeRule:
    answer = signed_in(user).post(f"/platform/edge-rules/new?edge={edge.pk}", data)
    assert answer.status_code == 302, answer.content.decode()
    return EdgeRule.objects.latest("pk")


def test_a_rule_that_only_says_so_is_in_force_at_once_and_signed(li: User, edge: Edge, press: Device) -> None:
    rule = written(li, edge, form(edge, press))
    assert rule.state == "active"
    made = ruling.renew(edge)
    assert made is not None
    assert made.version == 1
    assert contract.genuine(made, ruling.ticket_key(edge))
    assert not contract.genuine(made, "0" * 64)
    condition = made.rules[0].when[0]
    assert (condition.device, condition.tag, condition.limit, condition.seconds) == (press.pk, "flow", 80.0, 2.0)
    assert ruling.renew(edge) == made  # nothing changed, nothing new


def test_a_rule_that_writes_waits_for_a_second_person(li: User, edge: Edge, press: Device, setpoint: Setpoint) -> None:
    press.tags.filter(key="speed").update(scale=0.1)
    setpoint.address, setpoint.largest_step = "holding:9", 100.0
    setpoint.save()
    rule = written(li, edge, form(edge, press, setpoint=setpoint.pk, value="500", value_after="900"))
    assert rule.state == "proposed"
    assert ruling.renew(edge) is None
    client = signed_in(li)
    assert client.post(f"/platform/edge-rules/{rule.pk}/step/agree").status_code == 403
    zhang = person("zhang", edge.organisation)
    assert needs.needs(li) == []
    assert [need.url for need in needs.needs(zhang)] == ["/platform/edge-rules/?state=proposed"]
    assert signed_in(zhang).post(f"/platform/edge-rules/{rule.pk}/step/agree").status_code == 302
    made = ruling.renew(edge)
    assert made is not None
    assert needs.needs(li) == []
    writes = [one for one in made.rules[0].then if isinstance(one, contract.WriteAction)]
    # In the tag's unit: the edge node makes it raw, once.
    assert writes == [
        contract.WriteAction(device=press.pk, tag="speed", value=500.0, address="holding:9", largest_step=100.0)
    ]
    assert made.rules[0].otherwise
    # a change waits again, and the version before stays in force meanwhile
    rule.refresh_from_db()
    data = form(edge, press, setpoint=setpoint.pk, value="1500", expected=rule.number)
    assert client.post(f"/platform/edge-rules/{rule.pk}/edit", data).status_code == 302
    rule.refresh_from_db()
    assert (rule.state, rule.number, rule.in_force_number) == ("proposed", 2, 1)
    assert ruling.renew(edge) == made
    assert "v1 is in force" in page(li, edge, "rules")
    actions = list(AuditEntry.objects.filter(object_type="edges.edgerule").values_list("actor", "action"))
    assert ("zhang", "agree") in actions
    assert ("li", "create") in actions


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"value": "2500"}, "above the highest"),
        ({"value": "fast"}, "no number"),
        ({"value": ""}, "no number"),
        ({"limit": "nan"}, "Enter a number"),
        ({"pause": "0"}, "greater than or equal"),
        ({"name": ""}, "required"),
    ],
)
def test_a_rule_beyond_the_limits_is_refused_with_what_was_entered_kept(
    wrong: dict[str, object], said: str, li: User, edge: Edge, press: Device, setpoint: Setpoint
) -> None:
    data = form(edge, press, setpoint=setpoint.pk, value="500") | wrong
    answer = signed_in(li).post(f"/platform/edge-rules/new?edge={edge.pk}", data)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not EdgeRule.objects.exists()


def test_limits_that_were_narrowed_take_a_rule_from_the_edge_and_say_why(
    li: User, edge: Edge, press: Device, setpoint: Setpoint
) -> None:
    rule = written(li, edge, form(edge, press, setpoint=setpoint.pk, value="1500"))
    zhang = person("zhang", edge.organisation)
    workflow.perform(rule, "agree", zhang)
    first = ruling.renew(edge)
    assert first is not None
    assert len(first.rules) == 1
    Setpoint.objects.filter(pk=setpoint.pk).update(high=1000)
    second = ruling.renew(edge)
    assert second is not None
    assert (second.version, second.rules) == (first.version + 1, [])
    assert "above the highest" in page(li, edge, "rules")
    applying.put(li, edge.organisation, but(PRESS, gateway="local"))
    Setpoint.objects.filter(pk=setpoint.pk).update(high=2000)
    third = ruling.renew(edge)
    assert third is not None
    assert third.rules == []  # the machine is read by another gateway now
    applying.put(li, edge.organisation, but(PRESS, gateway="hall-1"))
    fourth = ruling.renew(edge)
    assert fourth is not None
    assert len(fourth.rules) == 1


def test_interlocks_of_a_set_point_become_conditions_of_its_rule(
    li: User, edge: Edge, press: Device, setpoint: Setpoint
) -> None:
    setpoint.interlocks = "flow <= 90\nspeed != 0\nflow >= 10"
    commands.prepare(setpoint)
    rule = written(li, edge, form(edge, press, setpoint=setpoint.pk, value="500"))
    workflow.perform(rule, "agree", person("zhang", edge.organisation))
    made = ruling.renew(edge)
    assert made is not None
    from gongfu.network.edge.rules import compare

    first, low, other, high = made.rules[0].when
    assert first.seconds == 2.0
    for condition, value, holds in (
        (low, 90.0, True),
        (low, 90.1, False),
        (other, 0.0, False),
        (other, 1.0, True),
        (high, 10.0, True),
        (high, 9.9, False),
    ):
        assert compare(condition, value, held=False) is holds, (condition, value)
    back = form(edge, press, setpoint=setpoint.pk, value="500", value_after="900")
    answer = signed_in(li).post(f"/platform/edge-rules/new?edge={edge.pk}", back)
    assert answer.status_code == 422
    assert "has interlocks" in answer.content.decode()
    setpoint.interlocks = "flow = open"
    commands.prepare(setpoint)
    second = ruling.renew(edge)
    assert second is not None
    assert second.rules == []
    assert "compares texts" in page(li, edge, "rules")


def test_a_rule_names_only_what_its_own_edge_reads(li: User, edge: Edge, press: Device, setpoint: Setpoint) -> None:
    other = enterprise("other", "别家")
    wang = person("wang", other)
    theirs = edge_of(other, "hall-2")
    away = press_on(wang, other, "hall-2")
    client = signed_in(wang)
    new = f"/platform/edge-rules/new?edge={theirs.pk}"
    assert client.post(f"/platform/edge-rules/new?edge={edge.pk}", form(edge, press)).status_code == 404
    assert client.post(new, form(theirs, away, tag=press.tags.get(key="flow").pk)).status_code == 422
    assert client.post(new, form(theirs, away, setpoint=setpoint.pk, value="5")).status_code == 422
    body = {"edge": theirs.pk, "name": "x", "tag": press.tags.get(key="flow").pk, "limit": 5}
    answer = client.post("/api/v1/platform/edge-rules", body, content_type="application/json")
    assert answer.status_code in (404, 422)
    rule = written(li, edge, form(edge, press))
    assert client.get(f"/platform/edge-rules/{rule.pk}/").status_code == 404
    assert client.get(f"/api/v1/platform/edge-rules/{rule.pk}").status_code == 404
    assert client.post(f"/platform/edge-rules/{rule.pk}/step/stop").status_code == 404
    operator = signed_in(person("zhao", edge.organisation, Role.OPERATOR))
    assert operator.post(f"/platform/edge-rules/new?edge={edge.pk}", form(edge, press)).status_code == 403


def test_programs_write_rules_by_the_generic_api(li: User, edge: Edge, press: Device) -> None:
    body = {"edge": edge.pk, "name": "x", "tag": press.tags.get(key="flow").pk, "limit": 5}
    answer = signed_in(li).post("/api/v1/platform/edge-rules", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["state"] == "active"
    assert ruling.renew(edge) is not None


def test_what_is_stopped_leaves_the_edge(li: User, edge: Edge, press: Device) -> None:
    rule = written(li, edge, form(edge, press))
    first = ruling.renew(edge)
    workflow.perform(rule, "stop", li)
    second = ruling.renew(edge)
    assert first is not None
    assert second is not None
    assert (second.version, second.rules) == (2, [])


# orders


def test_orders_reach_the_edge_and_stay_with_who_gave_them(li: User, edge: Edge, machine: Machine) -> None:
    client = signed_in(li)
    assert client.post(f"/platform/edges/{edge.pk}/forward", {"order": "newest"}).status_code == 302
    assert client.post(f"/platform/edges/{edge.pk}/restart", {"process": "gateway"}).status_code == 302
    machine.answer = OrderAnswer(ok=True, text="10:00 gateway <b>up</b>")
    said = client.post(f"/platform/edges/{edge.pk}/logs", {"process": "gateway"}).content.decode()
    assert "gateway &lt;b&gt;up" in said
    orders = [order for _, order in machine.orders]
    assert orders[0] == Forward(order=ForwardOrder.NEWEST)
    assert isinstance(orders[2], Logs)
    kept = list(EdgeOrder.objects.order_by("pk").values_list("kind", "state", "created_by__username"))
    assert kept == [("forward", "done", "li"), ("restart", "done", "li"), ("logs", "done", "li")]
    assert {"order_forward", "order_restart", "order_logs"} <= set(AuditEntry.objects.values_list("action", flat=True))


def test_an_edge_that_refuses_or_is_away_is_named_as_the_reason(li: User, edge: Edge, machine: Machine) -> None:
    client = signed_in(li)
    machine.answer = OrderAnswer(ok=False, problem=packed(Unavailable("No such process.")))
    answer = client.post(f"/platform/edges/{edge.pk}/restart", {"process": "gateway"}, follow=True)
    assert "No such process." in answer.content.decode()
    machine.answer = Unavailable("Nobody answered: {reason}.", reason="timeout")
    answer = client.post(f"/api/v1/platform/edges/{edge.pk}/restart", {}, content_type="application/json")
    assert answer.status_code == 503
    assert [one.state for one in EdgeOrder.objects.all()] == ["failed", "failed"]
    operator = signed_in(person("zhao", edge.organisation, Role.OPERATOR))
    assert operator.post(f"/platform/edges/{edge.pk}/restart").status_code == 403


def test_an_upgrade_offers_this_nodes_own_wheel_to_those_who_joined(
    li: User, edge: Edge, machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert signed_in(li).post(f"/platform/edges/{edge.pk}/upgrade").status_code == 302
    order = machine.orders[0][1]
    assert isinstance(order, Install)
    edge.refresh_from_db()
    assert edge.upgrade == "fetching"
    assert 'id="upgrade-state"' in page(li, edge, "orders")
    from gongfu.kernel import nats_server

    password = nats_server.edge_password(home, "hall-1")
    code = base64.b64encode(f"edge.hall-1:{password}".encode()).decode()
    stranger = Client()
    for header in ("", "Basic x", "Basic " + base64.b64encode(b"edge.hall-1:wrong").decode(), f"Bearer {code}"):
        assert stranger.get(order.path, headers={"authorization": header}).status_code == 404, header
    answer = stranger.get(order.path, headers={"authorization": f"Basic {code}"})
    assert answer.status_code == 200
    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert hashlib.sha256(data).hexdigest() == order.sha256
    wheel = home / order.path.rpartition("/")[2]
    wheel.write_bytes(data)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert "gongfu/cli/__init__.py" in names or "gongfu/cli.py" in names
    assert not [name for name in names if name.endswith(".pyc")]
    check = (
        "import sys; sys.path.insert(0, sys.argv[1]); import gongfu, importlib.metadata as m; print(gongfu.__file__)"
    )
    told = subprocess.run([sys.executable, "-I", "-c", check, str(wheel)], capture_output=True, text=True, check=True)
    assert str(wheel) in told.stdout
    workflow.perform(edge, "suspend", li, reason="x")
    assert stranger.get(order.path, headers={"authorization": f"Basic {code}"}).status_code == 404


def test_the_first_page_says_what_an_edge_node_is_for(li: User) -> None:
    shown = signed_in(li).get("/platform/edges/").content.decode()
    assert "while the network is" in shown
    assert "/platform/edges/new" in shown
