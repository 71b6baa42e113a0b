"""A recording as JSON messages over MQTT: QoS 1, the row's time in the payload."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from aiomqtt import MqttError

from gongfu.simulators.outlets.broker import RETRY, Broker
from gongfu.simulators.players.pace import Pace, Progress
from gongfu.simulators.recording import Recording, Row

TIME_FIELD = "/ts"
VALUES_FIELD = "/values"


def topic(organisation: str, key: str) -> str:
    """Where the rows are published."""
    return f"gongfu/{organisation}/{key}/rows"


def payload(recording: Recording, row: Row) -> bytes:
    """``{"ts": microseconds, "values": {column: value}}``; an empty cell is null."""
    values = {column.key: cell for column, cell in zip(recording.columns, row.cells, strict=True)}
    return msgspec.json.encode({"ts": row.time, "values": values})


async def deliver(
    broker: Broker, organisation: str, key: str, recording: Recording, pace: Pace, progress: Progress
) -> None:
    """Publish every row; one whose acknowledgement is lost with the connection is published again."""
    row = 0
    pace.start()
    while row < len(recording.rows):
        with contextlib.suppress(MqttError, OSError):
            async with broker.client(f"{organisation}-{key}") as client:
                while row < len(recording.rows):
                    await pace.wait(row)
                    await client.publish(topic(organisation, key), payload(recording, recording.rows[row]), qos=1)
                    row += 1
                    progress(row)
            return
        await asyncio.sleep(RETRY[0])
