"""The driver beside a foreign station, as it was captured: the same questions, octet by octet."""

from __future__ import annotations

import asyncio

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.iec104 import driver
from gongfu.network.gateway.config import TagConfig

from .capture import CAPTURE, COMMANDS, frames
from .stations import device

CAPTURED = frames(CAPTURE)
TAGS = [
    TagConfig(series=1, name="single", address="10/1:sp", kind="boolean"),
    TagConfig(series=5, name="step", address="10/2:st"),
    TagConfig(series=30, name="event", address="10/11", kind="boolean"),
    TagConfig(series=99, name="ghost", address="10/99"),
]


async def test_the_driver_asks_what_the_captured_client_asked_and_reads_the_answers(recorder, running, serve) -> None:
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def next_information() -> bytes:
            while True:
                head = await reader.readexactly(2)
                asked.append(head + await reader.readexactly(head[1]))
                if not asked[-1][2] & 1 or asked[-1][2] == 0x07:
                    return asked[-1]

        await next_information()
        writer.write(CAPTURED[3][1])  # STARTDT confirmed
        await next_information()  # the general interrogation; the station says that it has just started
        writer.write(CAPTURED[5][1])
        await next_information()  # so once more
        for direction, data in CAPTURED[7:]:
            if direction == "<":
                writer.write(data)
        await reader.read()

    async with running(driver, device(await serve(talk), TAGS, clock="+02:00"), recorder):
        await recorder.until(lambda: len(recorder.last()) == len(TAGS))
    assert asked[:3] == [data for direction, data in CAPTURED[2:7] if direction == ">"]
    assert recorder.last()[1] == Sample(1, False)
    assert recorder.last()[5] == Sample(5, 0.0)
    # 08:23:04.145 on 4 July 2013 in summer time of Central Europe, 13 s before the capture's own clock (1372918997.3).
    assert recorder.of(30)[-1] == Sample(30, False, 1_372_918_984_145_000)
    assert recorder.last()[99] == Sample(99, None, quality=Quality.BAD)


COMMANDED = [
    ("10/2:sp", True, "680e040042002d0106000a0002000001"),
    ("10/1:dp", 1, "680e08004e002e0106000a0001000001"),
    ("10/14:dp", True, "680e0a0054002e0106000a000e000002"),
    ("10/1:st", 2, "680e0c005a002f0106000a0001000002"),
    ("10/3:bo", 2, "681110006600330106000a0003000002000000"),
    ("10/1:na", 0.03125, "681014007200300106000a00010000000400"),
    ("10/3:nb", 123, "681018007e00310106000a000300007b0000"),
    ("10/1:nc", 3.14, "68121c008a00320106000a00010000c3f5484000"),
]


@pytest.mark.parametrize(("address", "value", "captured"), COMMANDED)
async def test_a_command_has_the_octets_of_the_captured_client(serve, address, value, captured) -> None:
    sent = bytes.fromhex(captured)[6:]
    answers = [data for direction, data in frames(COMMANDS) if direction == "<" and data[6:7] == sent[:1]]
    received = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(6)
        writer.write(CAPTURED[3][1])
        head = await reader.readexactly(2)
        received.set_result((await reader.readexactly(head[1]))[4:])
        confirmation = next(data for data in answers if data[12:] == sent[6:] and data[8] == 7)
        writer.write(confirmation[:2] + bytes((0, 0, 2, 0)) + confirmation[6:])
        await reader.read()

    wanted = device(await serve(talk), [], select="none", termination=False)
    async with driver.open_session(wanted) as session:
        await session.write(TagConfig(series=1, name="x", address=address), value)
    assert (await received).hex() == sent.hex()
