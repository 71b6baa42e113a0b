"""Offers: who may make one, ports, units, and what becomes of a client's wish to write."""

from __future__ import annotations

import pytest
from django.test import Client

from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import settings
from gongfu.network.gateway.asking import Failed
from gongfu.network.serving.offers import Permitted, WriteRequest, password
from gongfu.platform.commands import services as commands
from gongfu.platform.commands.models import Command, Setpoint
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.northbound import services
from gongfu.platform.northbound.models import Offer
from tests.platform.commands.test_commands import Machine, acme, ann, bob, machine, press, setpoint  # noqa: F401
from tests.platform.devices.plants import enterprise, person

pytestmark = pytest.mark.django_db(transaction=True)


def wish(tag: Tag, value: float, org: int) -> WriteRequest:
    return WriteRequest(org=org, series=tag.pk, value=value, by="OPC UA")


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
