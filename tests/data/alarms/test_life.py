"""The life of an alarm as operators meet it, on pages and behind them."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from django.test import Client
from django.utils import timezone

from gongfu.data.alarms import binding, figures, making, services, telling
from gongfu.data.alarms.models import Alarm, AlarmRule, Delivery, Duty, Outlet, RuleOutbox, Shelf
from gongfu.data.alarms.roster import Hours
from gongfu.data.alarms.rules import Transition
from gongfu.data.computed import binding as computing
from gongfu.data.computed.models import ComputedTag
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, Invalid
from gongfu.platform.commands import services as commands
from gongfu.platform.commands.models import Setpoint
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.devices.services import DeviceDraft, TagDraft, create_device
from tests.platform.devices.plants import enterprise, person

pytestmark = pytest.mark.django_db
S = 1_000_000
NOW = int(dt.datetime(2026, 11, 20, 6, tzinfo=dt.UTC).timestamp()) * S


@pytest.fixture
def owner() -> Organisation:
    return enterprise("works", "一厂")


@pytest.fixture
def operator(owner: Organisation) -> User:
    return person("wang", owner, Role.OPERATOR)


@pytest.fixture
def engineer(owner: Organisation) -> User:
    return person("li", owner)


@pytest.fixture
def stranger() -> User:
    return person("zhao", enterprise("other", "二厂"))


def pump(owner: Organisation, key: str = "P-1") -> Device:
    draft = DeviceDraft(
        key=key,
        name="循环泵",
        type="centrifugal-pump",
        driver="modbus",
        options={"host": "127.0.0.1", "port": 1502},
        tags=[
            TagDraft(key=name, address=f"holding:{number}:uint16")
            for number, name in enumerate(("flow", "state", "vibration"))
        ],
    )
    return create_device("test", owner, draft)


@pytest.fixture
def device(owner: Organisation) -> Device:
    return pump(owner)


def rule_of(device: Device, **more: object) -> AlarmRule:
    values = {
        "name": "流量过高",
        "name_en": "Flow high",
        "tag": "flow",
        "kind": "high",
        "limit": 80.0,
        "priority": 2,
        **more,
    }
    made = AlarmRule(organisation=device.organisation, device=device, **values)
    services.prepare(made)
    return made


def say(rule: AlarmRule, device: Device, second: float, active: bool, **more: object) -> None:
    tag = Tag.objects.get(device=device, key="flow")
    one = Transition(
        org=device.organisation_id,
        device=device.pk,
        rule=rule.pk,
        series=tag.pk,
        time=NOW + int(second * S),
        active=active,
        **more,
    )
    services.take([one])


def state(rule: AlarmRule) -> str:
    return Alarm.objects.filter(rule=rule).order_by("-raised_at").values_list("state", flat=True)[0]


def test_an_alarm_goes_the_way_of_the_standard(device: Device, operator: User) -> None:
    rule = rule_of(device)
    say(rule, device, 0, True, value=91.0)
    assert state(rule) == "unack"
    services.acknowledge(operator, Alarm.objects.get(), "看见了")
    assert state(rule) == "acked"
    with pytest.raises(Conflict):
        services.acknowledge(operator, Alarm.objects.get())
    say(rule, device, 5, False)
    assert state(rule) == "normal"
    say(rule, device, 10, True)
    say(rule, device, 12, False)
    assert state(rule) == "rtn_unack"
    services.acknowledge(operator, Alarm.objects.order_by("-raised_at")[0])
    assert state(rule) == "normal"
    assert AuditEntry.objects.filter(action="acknowledge").count() == 2


def test_the_same_message_twice_is_one_alarm(device: Device) -> None:
    rule = rule_of(device)
    for _ in range(2):
        say(rule, device, 0, True)
    for _ in range(2):
        say(rule, device, 3, False)
    say(rule, device, 0, True)
    assert Alarm.objects.count() == 1
    assert state(rule) == "rtn_unack"


def test_a_latching_alarm_waits_for_its_reset(device: Device, operator: User) -> None:
    rule = rule_of(device, latching=True)
    say(rule, device, 0, True)
    services.acknowledge(operator, Alarm.objects.get())
    say(rule, device, 5, False)
    assert state(rule) == "latched"
    services.reset(operator, Alarm.objects.get())
    assert state(rule) == "normal"


def test_a_shelved_alarm_is_quiet_until_its_time_is_up(device: Device, operator: User) -> None:
    rule = rule_of(device)
    say(rule, device, 0, True)
    with pytest.raises(Invalid):
        services.shelve(operator, rule, device, 60, " ")
    with pytest.raises(Invalid):
        services.shelve(operator, rule, device, 60 * 24 * 8, "maintenance")
    services.shelve(operator, rule, device, 60, "传感器待更换")
    assert state(rule) == "shelved"
    say(rule, device, 5, False)
    assert state(rule) == "normal"
    say(rule, device, 9, True)
    assert state(rule) == "shelved"
    services.sweep(timezone.now() + dt.timedelta(minutes=61))
    assert state(rule) == "unack"
    assert not Shelf.objects.exists()


def test_suppressed_by_design_is_no_return_to_normal(device: Device) -> None:
    rule = rule_of(device)
    say(rule, device, 0, True)
    say(rule, device, 1, False, reason="suppressed")
    assert state(rule) == "suppressed"
    services.sweep(timezone.now() + dt.timedelta(days=400))
    assert state(rule) == "normal"


def test_out_of_service_closes_and_withdraws(device: Device, engineer: User, operator: User) -> None:
    rule = rule_of(device)
    say(rule, device, 0, True)
    with pytest.raises(Forbidden):
        services.set_service(operator, rule, False)
    services.set_service(engineer, rule, False)
    assert state(rule) == "out_of_service"
    assert binding.take_pending()[-1][3] is None


def test_the_first_alarm_of_a_group_is_marked(device: Device) -> None:
    first, second = (rule_of(device, name=name, group="trip") for name in ("低油压", "停机"))
    say(first, device, 0, True)
    say(second, device, 1, True)
    assert list(Alarm.objects.order_by("raised_at").values_list("first_out", flat=True)) == [True, False]


def test_what_another_organisation_says_or_wants_is_nothing(device: Device, stranger: User) -> None:
    rule = rule_of(device)
    tag = Tag.objects.get(device=device, key="flow")
    services.take(
        [
            Transition(
                org=stranger.memberships_cached[0].organisation_id,
                device=device.pk,
                rule=rule.pk,
                series=tag.pk,
                time=NOW,
                active=True,
            )
        ]
    )
    assert not Alarm.objects.exists()
    say(rule, device, 0, True)
    alarm = Alarm.objects.get()
    with pytest.raises(Forbidden):
        services.acknowledge(stranger, alarm)
    client = Client()
    client.force_login(stranger)
    for address in (f"/data/alarms/{alarm.pk}/", f"/data/alarm-rules/{rule.pk}/", f"/data/alarm-rules/{rule.pk}/edit"):
        assert client.get(address).status_code == 404
    assert client.post(f"/data/alarms/{alarm.pk}/acknowledge").status_code == 404
    assert "流量过高" not in client.get("/data/alarms/").content.decode()
    assert client.get("/data/alarm-figures").status_code == 200


def test_pages_show_and_handle(device: Device, operator: User, engineer: User) -> None:
    rule = rule_of(device, remedy="检查阀门")
    say(rule, device, 0, True, value=91.0)
    alarm = Alarm.objects.get()
    client = Client()
    client.force_login(operator)
    listed = client.get("/data/alarms/?which=unacknowledged").content.decode()
    assert "流量过高" in listed
    assert "priority-2" in listed
    assert "1 条报警" in client.get("/").content.decode() or client.get("/needs").status_code in (200, 404)
    page = client.get(f"/data/alarms/{alarm.pk}/").content.decode()
    assert "检查阀门" in page
    for what, values in (
        ("note", {"text": "叫了机修"}),
        ("acknowledge", {"text": "处理中"}),
        ("shelve", {"minutes": "15", "text": "在修"}),
    ):
        assert client.post(f"/data/alarms/{alarm.pk}/{what}", values).status_code == 302
    alarm.refresh_from_db()
    assert (alarm.state, alarm.comment, alarm.notes.count()) == ("shelved", "处理中", 1)
    tab = client.get(f"/platform/devices/{device.pk}/?tab=alarms").content.decode()
    assert 'limits="[[80.0,&quot;H&quot;]]"' in tab
    assert client.get("/data/shelves/").status_code == 200
    assert client.get("/data/alarm-rules/new").status_code == 403
    client.force_login(engineer)
    assert client.get("/data/alarm-rules/new").status_code == 200
    assert client.get("/data/alarm-rules/from-model").status_code == 200
    assert client.post("/data/alarms/do/acknowledge", {"pk": alarm.pk}).status_code == 302


def test_a_rule_is_made_in_the_form(device: Device, engineer: User) -> None:
    client = Client()
    client.force_login(engineer)
    values = {
        **dict.fromkeys(("limit", "setpoint", "deadband", "on_delay", "off_delay", "window", "gate_value"), "0"),
        "name": "干转",
        "priority": "1",
        "organisation": device.organisation_id,
        "device": device.pk,
        "tag": "flow",
        "kind": "formula",
        "formula": "flow < 5 and state == 1",
        "direction": "both",
        "gate_operator": "=",
        "in_service": "on",
    }
    wrong = client.post("/data/alarm-rules/new", {**values, "formula": "flow < 5 and speed > 3"})
    assert wrong.status_code == 422
    assert "speed" in wrong.content.decode()
    assert client.post("/data/alarm-rules/new", {**values, "formula": "import os"}).status_code == 422
    assert client.post("/data/alarm-rules/new", values).status_code == 302
    rule = AlarmRule.objects.get()
    told = binding.bound(rule)
    tags = dict(device.tags.values_list("key", "pk"))
    assert [(one.device, one.series, one.inputs) for one in told.bindings] == [
        (device.pk, tags["flow"], [tags["flow"], tags["state"]])
    ]
    assert msgspec.json.decode(msgspec.json.encode(told), type=type(told)) == told


def test_an_array_has_no_limit_and_nothing_is_computed_with_it(device: Device, engineer: User) -> None:
    """Refused by every door at which somebody might try."""
    Tag.objects.filter(device=device, key="vibration").update(kind=Tag.Kind.ARRAY)
    wave = Tag.objects.get(device=device, key="vibration")
    rule = AlarmRule(organisation=device.organisation, device=device, tag="vibration", kind="high", limit=1.0)
    formula = AlarmRule(
        organisation=device.organisation, device=device, kind="formula", formula="vibration > 3 and flow > 1"
    )
    for one in (rule, formula):
        with pytest.raises(Invalid, match="an array, which has no limit"):
            services.prepare(one)
    computed = ComputedTag(organisation=device.organisation, device=device, key="twice", expression="vibration * 2")
    with pytest.raises(Invalid, match="nothing is computed"):
        computing.bound(computed)
    computed.expression = "{P-1.vibration} * 2"
    with pytest.raises(Invalid, match="nothing is computed"):
        computing.bound(computed)
    with pytest.raises(Invalid, match="not written"):
        commands.prepare(Setpoint(tag=wave, low=0.0, high=1.0))


def test_rules_of_a_model_follow_its_devices(device: Device, engineer: User, owner: Organisation) -> None:
    made = making.from_model(engineer, owner, "centrifugal-pump")
    assert made
    assert making.from_model(engineer, owner, "centrifugal-pump") == []
    vibration = next(rule for rule in made if rule.tag == "vibration")
    assert vibration.deadband > 0
    RuleOutbox.objects.all().delete()
    later = pump(owner, "P-2")
    told = {rule: config for _, _, rule, config in binding.take_pending()}
    config = told[vibration.pk]
    assert config is not None
    assert [one.device for one in config.bindings] == [device.pk, later.pk]


def test_every_model_of_the_library_gives_rules_that_can_be_evaluated() -> None:
    from gongfu.network.models import library

    count = 0
    for model in library.types():
        for rule in making.drafts(model):
            binding.check_rule(rule)
            count += 1
    assert count > 100


def test_who_is_told_and_when(device: Device, operator: User, owner: Organisation) -> None:
    outlet = Outlet.objects.create(organisation=owner, name="群", kind="wecom", address="https://example.com/x")
    at_once = Duty.objects.create(organisation=owner, name="值班", outlet=outlet, lowest=3)
    Duty.objects.create(organisation=owner, name="主任", outlet=outlet, lowest=2, after=15)
    Duty.objects.create(organisation=owner, name="只管紧急", outlet=outlet, lowest=1)
    say(rule_of(device), device, 0, True)
    assert set(Delivery.objects.values_list("duty__name", flat=True)) == {"值班", "主任"}
    assert Delivery.objects.get(duty=at_once).due_at <= timezone.now()
    services.acknowledge(operator, Alarm.objects.get())
    assert not telling.waiting(Delivery.objects.all()).exists()


def test_a_night_shift_ends_the_next_morning() -> None:
    night = Hours(frozenset({5}), dt.time(22), dt.time(6))
    friday = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert night.holds(friday.replace(hour=23))
    assert night.holds(friday.replace(day=21, hour=5))
    assert not night.holds(friday.replace(hour=5))
    assert night.next(friday.replace(hour=5)) == friday.replace(hour=22)
    assert night.next(friday.replace(day=21, hour=7)) == friday.replace(day=27, hour=22)
    assert Hours(frozenset(), dt.time(0), dt.time(0)).next(friday) is None
    assert Hours(frozenset(range(1, 8)), dt.time(0), dt.time(0)).holds(friday)


def test_floods_and_bad_actors_are_counted(device: Device) -> None:
    rule, quiet = rule_of(device), rule_of(device, name="静")
    now = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    for number in range(24):
        at = now - dt.timedelta(minutes=25, seconds=-5 * number)
        Alarm.objects.create(
            organisation=device.organisation,
            rule=rule,
            device=device,
            series=1,
            name="x",
            priority=2,
            state="normal",
            active=False,
            raised_at=at,
        )
    Alarm.objects.create(
        organisation=device.organisation,
        rule=quiet,
        device=device,
        series=1,
        name="y",
        priority=1,
        state="unack",
        raised_at=now - dt.timedelta(days=2),
    )
    found = figures.figures(Alarm.objects.all(), 8, now=now)
    assert (found.count, found.worst, found.judged) == (24, 24, "acceptable")
    assert found.flooded == pytest.approx(100 / 48, abs=0.1)
    assert [(one.rule, one.count, one.chattering) for one in found.actors] == [(rule.pk, 24, True)]
    assert [one.name for one in found.standing] == ["y"]
