"""A recording as a device of a Sparkplug B edge node, each row with its own timestamps."""

from __future__ import annotations

import asyncio
import contextlib

from aiomqtt import Client, MqttError

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.sparkplug.speaking import EdgeNode
from gongfu.network.drivers.sparkplug.wire import DataType
from gongfu.simulators.outlets.broker import RETRY, Broker
from gongfu.simulators.players.pace import Pace, Progress
from gongfu.simulators.recording import Recording

_TYPES = {"number": DataType.DOUBLE, "boolean": DataType.BOOLEAN, "text": DataType.STRING}


def check(recording: Recording) -> None:
    """Raise :class:`Invalid` when Sparkplug cannot carry the times exactly."""
    for number, row in enumerate(recording.rows, start=1):
        if row.time % 1000:
            raise Invalid(
                mark("The time of row {row} is finer than a millisecond, and Sparkplug counts milliseconds."),
                remedy=mark("Replay it over opcua, modbus or mqtt."),
                row=number,
            )


async def deliver(
    broker: Broker, organisation: str, key: str, recording: Recording, pace: Pace, progress: Progress
) -> None:
    """Play once; a lost connection begins a new life of the node at the same row.

    It ends without DDEATH: a host stores the death of a device as *bad* readings of now, which the file does not have.
    """
    metrics = {key: [(column.key, _TYPES[column.kind]) for column in recording.columns]}
    row, births = 0, 0
    pace.start()
    while row < len(recording.rows):
        node = EdgeNode(organisation, key, metrics, births)
        births += 1
        with contextlib.suppress(MqttError, OSError):
            async with broker.client(f"{organisation}-{key}", node.will()) as client:
                await node.start(client)
                commands = asyncio.create_task(node.listen(client))
                try:
                    while row < len(recording.rows):
                        await pace.wait(row)
                        await _report(node, client, key, recording, row)
                        row += 1
                        progress(row)
                finally:
                    commands.cancel()
            return
        await asyncio.sleep(RETRY[0])


async def _report(node: EdgeNode, client: Client, key: str, recording: Recording, number: int) -> None:
    row = recording.rows[number]
    values = {column.key: cell for column, cell in zip(recording.columns, row.cells, strict=True)}
    await node.report(client, key, row.time // 1000, values)
