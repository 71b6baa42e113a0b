"""Offers: who may make one, ports, units, and what becomes of a client's wish to write."""

from __future__ import annotations

import math

import msgspec
import pyarrow as pa
import pytest
from django.test import Client

from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.bus import MAX_PAYLOAD
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import settings
from gongfu.network.gateway.asking import Answer, Failed, Question, Write
from gongfu.network.serving.offers import (
    NewestRequest,
    Partly,
    Permitted,
    Stored,
    StoredValue,
    Wish,
    WriteRequest,
    password,
)
from gongfu.platform.commands import services as commands
from gongfu.platform.commands.models import Command, Setpoint
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.northbound import services
from gongfu.platform.northbound.models import Offer
from tests.platform.commands.test_commands import Machine, acme, ann, bob, machine, press, setpoint  # noqa: F401
from tests.platform.devices.plants import enterprise, person

pytestmark = pytest.mark.django_db(transaction=True)


def wish(tag: Tag, value: float, org: int) -> WriteRequest:
    return wishes(org, (tag, value))


def wishes(org: int, *values: tuple[Tag, float]) -> WriteRequest:
    return WriteRequest(org=org, wishes=[Wish(tag.pk, value) for tag, value in values], by="OPC UA")


def test_a_client_writes_within_the_limits_of_the_set_point_and_it_is_on_record(
    setpoint: Setpoint,  # noqa: F811
    machine: Machine,  # noqa: F811
    acme: Organisation,  # noqa: F811
) -> None:
    assert isinstance(services.decide(wish(setpoint.tag, 800.0, acme.pk)), Failed)  # nothing is offered
    services.offer_all(acme, 14841, 15021)
    assert services.decide(wish(setpoint.tag, 800.0, acme.pk)) == Permitted()
    assert machine.writes == [800.0]
    command = Command.objects.get(state="confirmed")
    assert (command.reason, command.created_by) == ("OPC UA", None)
    too_much = services.decide(wish(setpoint.tag, 5000.0, acme.pk))
    assert isinstance(too_much, Failed)
    assert too_much.problem.startswith("invalid")
    state = Tag.objects.get(device=setpoint.device, key="state")
    no_setpoint = services.decide(wish(state, 1.0, acme.pk))
    assert isinstance(no_setpoint, Failed)
    assert no_setpoint.problem.startswith("not_found")
    Setpoint.objects.update(second_person=True)
    assert isinstance(services.decide(wish(setpoint.tag, 700.0, acme.pk)), Failed)
    assert machine.writes == [800.0]


@pytest.fixture
def pressure(press: Device, setpoint: Setpoint, machine: Machine) -> Setpoint:  # noqa: F811
    """A second set-point of the press, which may only be written while it does not turn fast."""
    tag = Tag.objects.create(
        organisation=press.organisation, device=press, key="pressure", name="压力", unit="bar", address="holding:2"
    )
    machine.values["pressure"] = 10.0
    made = Setpoint(tag=tag, low=0, high=100, interlocks="speed < 900", within=0.5)
    commands.prepare(made)
    services.offer_all(press.organisation, 14841, 15021)
    return made


def test_several_values_of_one_request_are_written_in_their_order(
    setpoint: Setpoint,  # noqa: F811
    pressure: Setpoint,
    machine: Machine,  # noqa: F811
    acme: Organisation,  # noqa: F811
) -> None:
    assert services.decide(wishes(acme.pk, (setpoint.tag, 800.0), (pressure.tag, 20.0))) == Permitted()
    assert machine.writes == [800.0, 20.0]
    assert Command.objects.filter(state="confirmed").count() == 2


@pytest.mark.parametrize("refused", ["limit", "step", "interlock", "second person", "no set-point", "twice", "unread"])
def test_when_one_of_several_values_may_not_be_written_none_is(
    setpoint: Setpoint,  # noqa: F811
    pressure: Setpoint,
    machine: Machine,  # noqa: F811
    acme: Organisation,  # noqa: F811
    refused: str,
) -> None:
    last, value = pressure.tag, 20.0
    match refused:
        case "limit":
            value = 101.0
        case "step":
            Setpoint.objects.filter(pk=pressure.pk).update(largest_step=5)
        case "interlock":
            machine.values["speed"] = 950.0
        case "second person":
            Setpoint.objects.filter(pk=pressure.pk).update(second_person=True)
        case "no set-point":
            last = Tag.objects.get(device=setpoint.device, key="state")
        case "twice":
            last = setpoint.tag
        case "unread":
            machine.values["speed"] = None  # what an interlock needs cannot be read: it does not hold
    verdict = services.decide(wishes(acme.pk, (setpoint.tag, 800.0), (last, value)))
    assert isinstance(verdict, Failed), verdict
    assert machine.writes == []
    assert not Command.objects.exists()


def test_a_machine_that_fails_in_the_middle_is_told_with_what_was_written_before(
    setpoint: Setpoint,  # noqa: F811
    pressure: Setpoint,
    machine: Machine,  # noqa: F811
    acme: Organisation,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(gateway: str, question: Question) -> Answer:
        if isinstance(question, Write) and question.tag.name == "pressure":
            return Failed(problem="invalid: the machine refuses")
        return machine.ask(gateway, question)

    monkeypatch.setattr(commands, "ask", ask)
    verdict = services.decide(wishes(acme.pk, (setpoint.tag, 800.0), (pressure.tag, 20.0)))
    assert verdict == Partly(written=1, problem="invalid: the machine refuses")
    assert machine.writes == [800.0]
    assert [command.state for command in Command.objects.order_by("pk")] == ["confirmed", "failed"]


def test_a_value_whose_interlock_an_earlier_one_of_the_request_closed_is_not_written(
    setpoint: Setpoint,  # noqa: F811
    pressure: Setpoint,
    machine: Machine,  # noqa: F811
    acme: Organisation,  # noqa: F811
) -> None:
    verdict = services.decide(wishes(acme.pk, (setpoint.tag, 1000.0), (pressure.tag, 20.0)))
    assert isinstance(verdict, Partly)
    assert verdict.written == 1
    assert machine.writes == [1000.0]


class Store:
    """The telemetry store with one answer."""

    def __init__(self, rows: list[tuple[int, int, float, str, int]]) -> None:
        self._rows = rows
        self.orgs: list[object] = []

    def query_arrow(self, sql: str, parameters: object, *, orgs: object) -> pa.Table:
        del sql, parameters
        self.orgs.append(orgs)
        names = ("series", "t", "value", "text", "quality")
        return pa.table({name: [row[at] for row in self._rows] for at, name in enumerate(names)})


def test_stored_values_are_told_of_one_organisation_and_fit_a_message() -> None:
    long = "字" * 4096
    store = Store([(1, 5, 2.5, "", 0), (2, 6, math.nan, "run", 1), (3, 7, math.nan, "", 2)])
    found = services.newest(NewestRequest(org=4, series=[1, 2, 3]), store)  # type: ignore[arg-type]
    assert found.values == [StoredValue(1, 5, 2.5, 0), StoredValue(2, 6, "run", 1), StoredValue(3, 7, None, 2)]
    assert store.orgs == [[4]]
    many = services.newest(
        NewestRequest(org=4, series=list(range(100))),
        Store([(one, 5, math.nan, long, 0) for one in range(100)]),  # type: ignore[arg-type]
    )
    assert isinstance(many, Stored)
    assert len(msgspec.json.encode(many)) < MAX_PAYLOAD
    assert sorted([one.series for one in many.values] + many.rest) == list(range(100))


def test_another_organisations_tag_is_not_found(setpoint: Setpoint, machine: Machine) -> None:  # noqa: F811
    rival = enterprise("rival", "乙厂")
    services.offer_all(rival, 14842, 15022)
    verdict = services.decide(wish(setpoint.tag, 800.0, rival.pk))
    assert isinstance(verdict, Failed)
    assert verdict.problem.startswith("not_found")
    assert machine.writes == []


def test_a_unit_is_never_given_to_another_device(press: Device, acme: Organisation) -> None:  # noqa: F811
    services.offer_all(acme, 14841, 15021)
    first = services.wanted()[acme.pk].units
    assert first == {str(press.pk): 1}
    gone = press.pk
    press.delete()
    other = Device.objects.create(organisation=acme, key="PRESS-2", name="二号", type="generic-replay", driver="modbus")
    assert services.wanted()[acme.pk].units == {str(gone): 1, str(other.pk): 2}


def test_two_offers_do_not_share_a_port() -> None:
    one, two = enterprise("one", "一"), enterprise("two", "二")
    services.offer_all(one, 14841, 15021)
    for ports in ((14841, None), (None, 14841), (15021, None), (14843, 14843)):
        with pytest.raises(GongfuError):
            services.prepare(Offer(organisation=two, opcua_port=ports[0], modbus_port=ports[1]))
    with pytest.raises(GongfuError):
        services.prepare(Offer(organisation=one, opcua_port=14850))


def test_only_administrators_see_the_password_and_strangers_nothing(
    press: Device,  # noqa: F811
    acme: Organisation,  # noqa: F811
    client: Client,
) -> None:
    made = services.offer_all(acme, 14841, 15021)
    services.wanted()
    person("boss", acme, Role.ADMIN)
    person("eve", enterprise("rival", "乙厂"), Role.ADMIN)
    place = f"/platform/northbound/{made.pk}/?tab=access"
    assert client.login(username="boss", password="correct-horse-9")
    page = client.get(place).content.decode()
    assert f"ns=2;s={press.key}.speed" in page
    word = password(settings().home, "acme")
    assert word in page
    client.logout()
    assert client.login(username="ann", password="correct-horse-9")
    page = client.get(place).content.decode()
    assert "14841" in page
    assert word not in page
    client.logout()
    assert client.login(username="eve", password="correct-horse-9")
    assert client.get(place).status_code == 404
    assert commands.Command.objects.count() == 0
