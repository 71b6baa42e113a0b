"""Writing to devices that hear JSON: what they get, what is refused, and how it is read back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from gongfu.kernel.errors import unpacked
from gongfu.network.drivers.contract import BadConfiguration, Message, Refusal
from gongfu.network.drivers.mqtt.driver import JsonFeed
from gongfu.network.gateway import asking, tickets
from gongfu.network.gateway.asking import Failed, Read, Seen, Write, Written
from gongfu.network.gateway.config import DeviceConfig, Status, TagConfig
from tests.network.nats import Bus, plane, running_bus, running_gateway
from tests.network.sparkplug.test_driver import Ear

SPEED = TagConfig(series=11, name="speed", address="/v")


def press(**options: str) -> DeviceConfig:
    return DeviceConfig(
        device=1, org=7, org_code="acme", name="press 1", driver="mqtt", options={**options}, tags=[SPEED]
    )


def sent(value: float | bool | str, tag: TagConfig = SPEED, **options: str) -> tuple[str, bytes]:
    ear = Ear()
    JsonFeed(press(**options)).write(tag, value, ear)
    [command] = ear.commands
    return command


def test_a_command_is_an_object_below_the_devices_own_topic() -> None:
    assert sent(5.0) == ("gongfu/acme/press-1/command", b'{"tag": "speed", "value": 5}')
    assert sent(0.5)[1] == b'{"tag": "speed", "value": 0.5}'
    assert sent(True)[1] == b'{"tag": "speed", "value": true}'
    assert sent('a"b')[1] == b'{"tag": "speed", "value": "a\\"b"}'


def test_topic_and_payload_follow_the_templates() -> None:
    assert sent(
        1.0, command_topic="gongfu/acme/hall/{tag}/set", command_payload='{"{tag}": {value}, "at": {address}}'
    ) == ("gongfu/acme/hall/speed/set", b'{"speed": 1, "at": "/v"}')
    assert sent("on", command_payload="{value}")[1] == b'"on"'


@pytest.mark.parametrize("topic", ["gongfu/rival/x", "gongfu/acme/#", "gongfu/acme/+/x", "x", "gongfu/acme/a{tag}"])
def test_a_command_topic_outside_the_organisation_or_with_wildcards_is_refused(topic: str) -> None:
    with pytest.raises(BadConfiguration):
        JsonFeed(press(command_topic=topic))


@pytest.mark.parametrize("payload", ["SET {value}", '{"a": {tag}', '{"a": "{nothing}}'])
def test_a_template_that_gives_no_json_is_refused(payload: str) -> None:
    with pytest.raises(BadConfiguration, match="no JSON"):
        JsonFeed(press(command_payload=payload))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_does_not_have_are_refused(value: float) -> None:
    with pytest.raises(Refusal):
        sent(value)


def test_a_tag_whose_name_is_no_topic_level_is_refused() -> None:
    odd = msgspec.structs.replace(SPEED, name="a/b")
    with pytest.raises(Refusal, match="level"):
        sent(1, odd, command_topic="gongfu/acme/{tag}/set")


@given(st.text(max_size=20), st.text(max_size=20) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_no_tag_or_value_breaks_out_of_the_template(name: str, value: float | bool | str) -> None:
    tag = TagConfig(series=1, name=name, address="/v")
    template = '{"path": "to/{tag}", "tag": {tag}, "value": {value}, "text": "{value}"}'
    said = msgspec.json.decode(sent(value, tag, command_payload=template)[1])
    assert sorted(said) == ["path", "tag", "text", "value"]
    assert (said["tag"], said["path"], said["value"]) == (name, f"to/{name}", value)


def test_a_command_is_not_taken_for_a_message_of_the_device() -> None:
    ear, feed = Ear(), JsonFeed(press())
    assert feed.read(Message("gongfu/acme/press-1/command", b'{"v": 7}', 1), ear) == ()
    assert ear.status == ""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bus]:
    with running_bus(tmp_path) as running:
        yield running


async def device(client: Client) -> None:
    """Takes over what it is told and reports it."""

    async def obey(message: Msg) -> None:
        value = msgspec.json.decode(message.data)["value"]
        await client.publish("gongfu.acme.press-1.data", b'{"v": %d}' % value)

    await client.subscribe("gongfu.acme.press-1.command", cb=obey)


async def test_a_permitted_write_reaches_the_device_and_is_read_back(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await device(node.client)
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        await node.client.publish("gongfu.acme.press-1.data", b'{"v": 3}')
        await node.state(1, Status.ONLINE)
        ticket = tickets.issue(tickets.key(server.settings.home), 1, "/v", 42.0)
        assert isinstance(
            await asking.ask(node.client, "local", Write(device=1, tag=SPEED, value=42.0, ticket=ticket)), Written
        )
        async with asyncio.timeout(20):
            while True:
                seen = await asking.ask(node.client, "local", Read(device=1, tags=[SPEED], within=0.5))
                assert isinstance(seen, Seen)
                if seen.values[0].value == 42:
                    break
        assert seen.values[0].time > 0


async def test_the_newest_value_is_told_when_nothing_new_is_heard(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press(time="/t"))
        await node.state(1, Status.CONNECTING)
        await node.client.publish("gongfu.acme.press-1.data", b'{"v": 3, "t": 1795000000}')
        await node.state(1, Status.ONLINE)
        never = TagConfig(series=0, name="never", address="/never")
        seen = await asking.ask(node.client, "local", Read(device=1, tags=[never, SPEED], within=0.2))
        assert isinstance(seen, Seen)
        assert [value.value for value in seen.values] == [None, 3]


async def test_nothing_is_written_to_a_device_that_does_not_run_or_without_a_ticket(server: Bus) -> None:
    async with plane(server.settings) as node, running_gateway(server.settings):
        await node.desire(press())
        await node.state(1, Status.CONNECTING)
        elsewhere = msgspec.structs.replace(press(), device=2)
        ticket = tickets.issue(tickets.key(server.settings.home), 2, "/v", 42.0)
        for question, reason in (
            (Write(device=1, tag=SPEED, value=42.0, ticket="made up"), "not permitted"),
            (Write(device=elsewhere, tag=SPEED, value=42.0, ticket=ticket), "is not running at this gateway"),
        ):
            answer = await asking.ask(node.client, "local", question)
            assert isinstance(answer, Failed)
            assert reason in unpacked(answer.problem, "en")
