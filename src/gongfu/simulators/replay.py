"""A recorded file as a live device: read it, know how to reach the device, play it.

    recording = read(Path("0.csv"), "Asia/Shanghai")
    device = endpoint(settings, recording, "opcua", organisation="replay")
    ...  # the control plane enters the device with these options and tags
    await replay(settings, recording, device, speed=100)

Source times are the file's own. Times without a zone are taken in the time zone that :func:`read` is given.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.settings import Settings
from gongfu.simulators import recording as recordings
from gongfu.simulators.outlets.broker import Broker
from gongfu.simulators.players import modbus, mqtt, opcua, sparkplug
from gongfu.simulators.players.pace import Pace
from gongfu.simulators.recording import Recording

ReplayProtocol = Literal["opcua", "modbus", "mqtt", "sparkplug"]
PROTOCOLS: tuple[ReplayProtocol, ...] = ("opcua", "modbus", "mqtt", "sparkplug")
TYPE = "generic-replay"
"""Device type of every replay."""
HOST = "127.0.0.1"
PORTS = range(12, 20)
"""Ports for replays, counted from simulator_base_port; the demonstration plant has those before."""
AHEAD = 300_000_000
"""How far a gateway lets a source clock be ahead, microseconds."""


class ReplayTag(msgspec.Struct, frozen=True, kw_only=True):
    """A column as a tag of the device."""

    key: str
    name: str
    kind: Literal["number", "boolean", "text"]
    unit: str
    address: str


class ReplayDevice(msgspec.Struct, frozen=True, kw_only=True):
    """How the gateway reaches the replay: what the control plane enters as a device."""

    organisation: str
    key: str
    name: str
    driver: ReplayProtocol
    options: dict[str, str | int | float | bool]
    interval: float
    tags: list[ReplayTag]
    port: int = 0
    """Where it listens; 0 when it is a client of the MQTT broker."""


def read(file: Path, timezone: str) -> Recording:
    """The recording in ``file``. Raises :class:`Invalid` with line and reason, :class:`NotFound` for no such file."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise NotFound(mark("{file} cannot be read: {reason}."), file=file, reason=error.strerror) from error
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid(
            mark("There is no time zone {name}."), remedy=mark("Use a name such as Asia/Shanghai."), name=timezone
        ) from error
    recording = recordings.parse(data, file.name, zone)
    if recording.rows[-1].time > time.time_ns() // 1000 + AHEAD:
        raise Invalid(
            mark("The recording ends in the future."),
            remedy=mark("The node does not believe clocks that are ahead; correct the times or the time zone."),
        )
    return recording


def default_key(file: Path, protocol: str) -> str:
    """A device key from the file's name and folder, such as ``valve1-0-opcua``."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{file.absolute().parent.name}-{file.stem}").strip("-")
    return f"{words[:50] or 'file'}-{protocol}"


def endpoint(
    settings: Settings, recording: Recording, protocol: str, *, organisation: str, key: str, name: str = ""
) -> ReplayDevice:
    """Driver, options and tags of the device that ``recording`` becomes.

    Raises :class:`Invalid` for an unknown protocol and for what the protocol cannot carry exactly, and
    :class:`Conflict` when every port for replays is taken.
    """
    columns = recording.columns
    port = 0
    match protocol:
        case "opcua":
            port = _free_port(settings, key)
            options: dict[str, str | int | float | bool] = {"endpoint": f"opc.tcp://{HOST}:{port}/", "heartbeat": 0}
            addresses = [f"ns=2;s={point.name}" for point in opcua.points(key, recording)]
        case "modbus":
            addresses = modbus.addresses(recording)
            port, unit = _free_port(settings, key), modbus.unit(key)
            options = {"host": HOST, "port": port, "unit": unit, "time_address": modbus.TIME_ADDRESS}
        case "mqtt":
            options = {"topic": mqtt.topic(organisation, key), "time": mqtt.TIME_FIELD, "time_unit": "us"}
            addresses = [f"{mqtt.VALUES_FIELD}/{column.key}" for column in columns]
        case "sparkplug":
            sparkplug.check(recording)
            options = {"group": organisation, "edge_node": key, "device": key}
            addresses = [column.key for column in columns]
        case _:
            raise Invalid(
                mark("{protocol} is not a protocol of replays."),
                remedy=mark("Use one of: {known}."),
                protocol=protocol,
                known=", ".join(PROTOCOLS),
            )
    return ReplayDevice(
        organisation=organisation,
        key=key,
        name=name or recording.name,
        driver=protocol,
        options=options,
        interval=0.01 if protocol == "modbus" else 0.1,
        tags=[
            ReplayTag(key=column.key, name=column.name, kind=column.kind, unit=column.unit, address=address)
            for column, address in zip(columns, addresses, strict=True)
        ],
        port=port,
    )


async def replay(
    settings: Settings,
    recording: Recording,
    device: ReplayDevice,
    speed: float,
    progress: Callable[[int], None] = lambda rows: None,
) -> None:
    """Play the recording once, ``speed`` times as fast (0: as fast as it is taken); returns when all is delivered.

    OPC UA and Modbus wait for the gateway by themselves. Over MQTT and Sparkplug the gateway must know the
    device before the first row, because messages that nobody expects are not kept.
    """
    if not 0 <= speed < 1e9:
        raise Invalid(
            mark("The speed cannot be {speed}."), remedy=mark("Use 1 for real time, 100 to hurry."), speed=speed
        )
    pace = Pace(recording, speed)
    match device.driver:
        case "opcua":
            await opcua.deliver(HOST, device.port, device.key, recording, pace, progress)
        case "modbus":
            await modbus.deliver(HOST, device.port, device.key, recording, pace, progress)
        case "mqtt":
            broker = Broker.of(settings, device.organisation)
            await mqtt.deliver(broker, device.organisation, device.key, recording, pace, progress)
        case "sparkplug":
            broker = Broker.of(settings, device.organisation)
            await sparkplug.deliver(broker, device.organisation, device.key, recording, pace, progress)


def play(settings: Settings, recording: Recording, device: ReplayDevice, speed: float) -> None:
    """:func:`replay` with a progress bar, for the command line."""
    for library in ("asyncua", "pymodbus"):  # they tell of every client that comes and goes
        logging.getLogger(library).setLevel(logging.CRITICAL)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        waiting, playing = translate(mark("Waiting for the gateway")), translate(mark("Replaying"))
        task = bar.add_task(waiting, total=len(recording.rows))

        def show(rows: int) -> None:
            bar.update(task, completed=rows, description=playing if rows else waiting)

        asyncio.run(replay(settings, recording, device, speed, show))


def _free_port(settings: Settings, key: str) -> int:
    """The same port for the same key when it is free: the devices of earlier replays still look for theirs."""
    first = zlib.crc32(key.encode())
    for number in range(len(PORTS)):
        port = settings.simulator_base_port + PORTS[(first + number) % len(PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise Conflict(
        mark("All {count} ports for replays are taken."),
        remedy=mark("Wait for a replay to end, or set GONGFU_SIMULATOR_BASE_PORT."),
        count=len(PORTS),
    )
