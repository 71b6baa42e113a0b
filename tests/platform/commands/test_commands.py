"""Commands from the asking to what the machine has: permission, limits, interlocks, agreement, read-back, audit."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, Unavailable
from gongfu.kernel.readings import Quality
from gongfu.kernel.settings import settings
from gongfu.kernel.workflow import services as workflow
from gongfu.network.gateway import tickets
from gongfu.network.gateway.asking import Answer, Failed, Question, Read, Seen, Value, Write, Written
from gongfu.network.gateway.config import DeviceConfig
from gongfu.network.models.types import DeviceType, TagType, Text
from gongfu.platform.commands import services
from gongfu.platform.commands.models import Command, Setpoint
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.devices.services import DeviceDraft, TagDraft, create_device
from tests.platform.devices.plants import enterprise, person

pytestmark = pytest.mark.django_db(transaction=True)


class Machine:
    """A gateway with one press behind it, as the bus would answer for them."""

    def __init__(self) -> None:
        self.values: dict[str, float | bool | str | None] = {"speed": 500.0, "state": 1.0}
        self.writes: list[float | bool | str] = []
        self.takes = True
        self.problem = ""
        self.away = False
        self.guard = tickets.guard(tickets.key(settings().home))

    def ask(self, gateway: str, question: Question) -> Answer:
        del gateway
        match question:
            case Read():
                seen = []
                for tag in question.tags:
                    value = self.values[tag.name]
                    good = value is not None
                    number = float(value) if isinstance(value, (int, float)) else None
                    quality = Quality.GOOD if good else Quality.BAD
                    seen.append(Value(raw=value, value=number, text=str(value or ""), quality=quality))
                return Seen(values=seen, seconds=0.01)
            case Write():
                assert isinstance(question.device, int)
                try:
                    self.guard(question, _config(question.device))
                except Forbidden as error:
                    return Failed(problem=f"forbidden: {error}")
                if self.away:
                    raise Unavailable("The gateway does not answer.")
                if self.problem:
                    return Failed(problem=self.problem)
                self.writes.append(question.value)
                if self.takes:
                    self.values[question.tag.name] = question.value
                return Written(seconds=0.01)
        raise AssertionError(question)


def _config(device: int) -> DeviceConfig:
    return DeviceConfig(device=device, org=1, org_code="acme", name="press", driver="modbus")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(services, "ask", made.ask)
    return made


@pytest.fixture
def acme() -> Organisation:
    return enterprise("acme", "甲厂")


@pytest.fixture
def ann(acme: Organisation) -> User:
    return person("ann", acme)


@pytest.fixture
def bob(acme: Organisation) -> User:
    return person("bob", acme, Role.OPERATOR)


@pytest.fixture
def press(acme: Organisation, ann: User, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Device:
    draft = DeviceDraft(
        key="PRESS-1",
        name="压机",
        type="generic-replay",
        driver="modbus",
        options={"host": "127.0.0.1"},
        tags=[
            TagDraft(key="speed", name="转速", unit="r/min", address="holding:0"),
            TagDraft(key="state", name="状态", address="holding:1"),
        ],
    )
    made = create_device(ann, acme, draft)
    Device.objects.filter(pk=made.pk).update(connection=Device.Connection.ONLINE, life=Device.Life.IN_SERVICE)
    return Device.objects.get(pk=made.pk)


@pytest.fixture
def setpoint(press: Device) -> Setpoint:
    tag = Tag.objects.get(device=press, key="speed")
    made = Setpoint(tag=tag, low=0, high=3000, largest_step=600, interlocks="state != 2", within=0.5)
    services.prepare(made)
    return made


def ask_for(setpoint: Setpoint, user: User, value: str, reason: str = "换模具") -> Command:
    command = Command(setpoint=setpoint, value=value, reason=reason, created_by=user)
    with transaction.atomic():
        services.request(command)
    command.refresh_from_db()
    return command


def test_a_value_is_written_read_back_and_everything_is_on_record(
    setpoint: Setpoint, bob: User, machine: Machine
) -> None:
    command = ask_for(setpoint, bob, "800")
    assert (command.state, command.before, command.read_back) == ("confirmed", "500", "800")
    assert machine.writes == [800.0]
    assert AuditEntry.objects.filter(action="settle").exists()


@pytest.mark.parametrize("value", ["-1", "3001", "fast", "nan", ""])
def test_what_can_never_be_right_is_refused_before_anything_is_asked(
    setpoint: Setpoint, bob: User, machine: Machine, value: str
) -> None:
    with pytest.raises(Invalid):
        ask_for(setpoint, bob, value)
    assert not Command.objects.exists()
    assert machine.writes == []


def test_an_interlock_that_does_not_hold_now_refuses_it(setpoint: Setpoint, bob: User, machine: Machine) -> None:
    machine.values["state"] = 2.0
    command = ask_for(setpoint, bob, "800")
    assert command.state == "refused"
    assert "state != 2" in command.get_problem_display()
    machine.values["state"] = None
    assert ask_for(setpoint, bob, "800").state == "refused"
    assert machine.writes == []


def test_a_step_that_is_too_large_is_refused_by_the_present_value(
    setpoint: Setpoint, bob: User, machine: Machine
) -> None:
    assert ask_for(setpoint, bob, "1200").state == "refused"
    assert ask_for(setpoint, bob, "1100").state == "confirmed"
    assert ask_for(setpoint, bob, "1700").state == "confirmed"


def test_a_device_that_is_not_online_is_not_written_to(setpoint: Setpoint, bob: User, machine: Machine) -> None:
    Device.objects.update(connection=Device.Connection.OFFLINE)
    assert ask_for(setpoint, bob, "800").state == "refused"
    Device.objects.update(life=Device.Life.SUSPENDED)
    with pytest.raises(Conflict):
        ask_for(setpoint, bob, "800")
    assert machine.writes == []


def test_a_machine_that_keeps_its_value_is_unconfirmed(setpoint: Setpoint, bob: User, machine: Machine) -> None:
    machine.takes = False
    command = ask_for(setpoint, bob, "800")
    assert (command.state, command.read_back) == ("unconfirmed", "500")
    assert "500" in command.get_problem_display()


def test_a_refusal_of_the_device_and_a_gateway_that_falls_silent_are_told_apart(
    setpoint: Setpoint, bob: User, machine: Machine
) -> None:
    machine.problem = "invalid: exception 03"
    command = ask_for(setpoint, bob, "800")
    assert (command.state, command.get_problem_display()) == ("failed", "invalid: exception 03")
    machine.away = True
    assert ask_for(setpoint, bob, "800").state == "unknown"


def test_two_people_are_needed_and_they_are_two(setpoint: Setpoint, ann: User, bob: User, machine: Machine) -> None:
    Setpoint.objects.update(second_person=True)
    setpoint.refresh_from_db()
    command = ask_for(setpoint, bob, "800")
    assert command.state == "proposed"
    assert machine.writes == []
    with pytest.raises(Forbidden):
        workflow.perform(command, "agree", bob)
    workflow.perform(command, "agree", ann)
    command.refresh_from_db()
    assert (command.state, command.agreed_by, machine.writes) == ("confirmed", ann, [800.0])


def test_an_agreement_that_comes_too_late_writes_nothing(
    setpoint: Setpoint, ann: User, bob: User, machine: Machine
) -> None:
    Setpoint.objects.update(second_person=True)
    setpoint.refresh_from_db()
    command = ask_for(setpoint, bob, "800")
    Command.objects.update(valid_until=timezone.now() - dt.timedelta(seconds=1))
    with pytest.raises(GongfuError):
        workflow.perform(command, "agree", ann)
    services.settle()
    command.refresh_from_db()
    assert command.state == "expired"
    assert machine.writes == []


def test_of_two_values_on_their_way_the_second_is_refused_and_a_lost_one_is_unknown(
    setpoint: Setpoint, bob: User, machine: Machine
) -> None:
    command = ask_for(setpoint, bob, "800")
    Command.objects.filter(pk=command.pk).update(state="sending", sent_at=timezone.now())
    with pytest.raises(Conflict):
        ask_for(setpoint, bob, "900")
    Command.objects.filter(pk=command.pk).update(sent_at=timezone.now() - dt.timedelta(minutes=5))
    assert ask_for(setpoint, bob, "900").state == "confirmed"
    command.refresh_from_db()
    assert command.state == "unknown"


def test_another_organisation_neither_sees_nor_sets_anything(
    setpoint: Setpoint, bob: User, machine: Machine, client: Client
) -> None:
    command = ask_for(setpoint, bob, "800")
    person("eve", enterprise("rival", "乙厂"), Role.ADMIN)
    assert client.login(username="eve", password="correct-horse-9")
    assert client.get(f"/platform/commands/{command.pk}/").status_code == 404
    assert client.get(f"/platform/setpoints/{setpoint.pk}/").status_code == 404
    answer = client.post(
        "/api/v1/platform/commands",
        {"setpoint": setpoint.pk, "value": "900", "reason": "x"},
        content_type="application/json",
    )
    assert answer.status_code in (403, 404, 422)
    assert machine.writes == [800.0]


def test_an_operator_sets_a_value_on_the_page_and_by_the_api_and_cannot_change_the_record(
    setpoint: Setpoint, bob: User, machine: Machine, client: Client
) -> None:
    assert client.login(username="bob", password="correct-horse-9")
    form = client.get(f"/platform/commands/new?setpoint={setpoint.pk}").content.decode()
    assert f'value="{setpoint.pk}" selected' in form
    done = client.post("/platform/commands/new", {"setpoint": setpoint.pk, "value": "700", "reason": "调试"})
    assert done.status_code in (200, 302), done.content[:500]
    assert machine.writes == [700.0]
    made = client.post(
        "/api/v1/platform/commands",
        {"setpoint": setpoint.pk, "value": "900", "reason": "API"},
        content_type="application/json",
    )
    assert made.status_code in (200, 201), made.content
    command = Command.objects.latest("pk")
    assert (command.state, command.created_by, command.value) == ("confirmed", bob, "900")
    page = client.get(f"/platform/commands/{command.pk}/").content.decode()
    assert "900" in page
    assert client.post(f"/platform/commands/{command.pk}/delete").status_code == 403
    control = client.get(f"/platform/devices/{command.device_id}/?tab=control").content.decode()
    assert "0 … 3000" in control
    assert "调试" in control


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": 10.0, "high": 5.0},
        {"low": None, "high": None},
        {"interlocks": "nothing like it"},
        {"interlocks": "x = 1"},
    ],
)
def test_a_set_point_that_cannot_work_is_refused(press: Device, wrong: dict[str, object]) -> None:
    tag = Tag.objects.get(device=press, key="speed")
    with pytest.raises(Invalid):
        services.prepare(Setpoint(**{"tag": tag, "low": 0.0, "high": 5.0, **wrong}))


def test_set_points_come_from_the_model_unless_an_interlock_cannot_be_seen(
    acme: Organisation, ann: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = [
        TagType(
            key="speed", name=Text(zh="转速", en="Speed"), low=0, high=900, writable=True, interlocks=["state != 2"]
        ),
        TagType(key="flow", name=Text(zh="流量", en="Flow"), low=0, high=9, writable=True, interlocks=["door = true"]),
        TagType(key="state", name=Text(zh="状态", en="State"), low=0, high=9),
    ]
    model = DeviceType(id="test", version="1.0.0", name=Text(zh="测", en="T"), icon="", source="", tags=tags)
    monkeypatch.setattr(services.library, "types", lambda: (model,))
    device = Device.objects.create(organisation=acme, key="P", name="泵", type="test", driver="modbus")
    for key in ("speed", "flow", "state"):
        Tag.objects.create(organisation=acme, device=device, key=key, name=key, address="holding:0")
    assert client.login(username="ann", password="correct-horse-9")
    assert client.post(f"/platform/devices/{device.pk}/set-points").status_code == 302
    made = Setpoint.objects.get()
    assert (made.tag.key, made.low, made.high, made.interlocks) == ("speed", 0, 900, "state != 2")
    assert client.post(f"/platform/devices/{device.pk}/set-points").status_code == 302
    assert Setpoint.objects.count() == 1


def test_who_sees_a_machine_from_the_organisation_above_may_not_set_it(
    setpoint: Setpoint, machine: Machine, acme: Organisation, client: Client
) -> None:
    group = enterprise("group", "集团")
    Organisation.objects.filter(pk=acme.pk).update(parent=group, path=f"{group.path}{acme.path}")
    person("head", group, Role.ADMIN)
    assert client.login(username="head", password="correct-horse-9")
    assert client.get(f"/platform/setpoints/{setpoint.pk}/").status_code == 200
    sent = {"setpoint": setpoint.pk, "value": "900", "reason": "x"}
    assert client.post("/api/v1/platform/commands", sent, content_type="application/json").status_code in (
        403,
        404,
        422,
    )
    assert client.post("/platform/commands/new", sent).status_code in (403, 404, 422)
    state = Tag.objects.get(device=setpoint.device, key="state")
    assert client.post("/platform/setpoints/new", {"tag": state.pk, "low": 0, "high": 9, "within": 5}).status_code in (
        403,
        404,
        422,
    )
    assert machine.writes == []
    assert Setpoint.objects.count() == 1
