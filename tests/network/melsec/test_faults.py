"""What comes back from the network is not always what a controller would say."""

from __future__ import annotations

import asyncio
import time

import pytest

from gongfu.network.drivers.contract import DeviceUnavailable, Sample
from gongfu.network.drivers.melsec import driver
from gongfu.network.drivers.melsec.wire import Answer, Dialect, decode_request, encode_answer, rest_of_frame
from gongfu.network.gateway.config import TagConfig

from .test_driver import device

TAG = [TagConfig(series=1, name="x", address="D0")]


async def request(reader: asyncio.StreamReader, dialect: Dialect):
    head = await reader.readexactly(dialect.head)
    return decode_request(dialect, head + await reader.readexactly(rest_of_frame(dialect, head, answer=False)))


@pytest.mark.parametrize("code", ["binary", "ascii"])
async def test_rubbish_from_the_network_is_unavailable_soon_and_once(recorder, rubbish_port, code) -> None:
    start = time.process_time()
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(driver.run(device(rubbish_port, timeout=0.3, code=code), recorder), 10)
    assert time.process_time() - start < 0.5
    assert recorder.batches == []


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        ("d00000ffff0300" + "0300" + "0000" + "07", "1 bytes for 1 words"),
        ("d00000ffff0300" + "0600" + "0000" + "07000800", "4 bytes for 1 words"),
        ("d00000ffff0300" + "0000", "a length of 0 bytes"),
        ("d00000ffff0300" + "ffff", "a length of 65535 bytes"),
        ("d40000ffff0300" + "0400" + "0000" + "0700", "does not start"),
    ],
)
async def test_an_answer_that_is_none_is_unavailable(recorder, serve, frame, named) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader, Dialect())
        writer.write(bytes.fromhex(frame))
        await reader.read()

    with pytest.raises(DeviceUnavailable, match=named):
        await asyncio.wait_for(driver.run(device(await serve(talk), TAG), recorder), 10)


async def test_a_frame_that_stops_halfway_is_unavailable(recorder, serve) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader, Dialect())
        writer.write(bytes.fromhex("d00000ffff03000400"))
        await reader.read()

    with pytest.raises(DeviceUnavailable, match="did not answer within"):
        await asyncio.wait_for(driver.run(device(await serve(talk), TAG, timeout=0.3), recorder), 10)


async def test_the_late_answer_to_an_earlier_request_is_not_taken_for_this_one(recorder, serve, running) -> None:
    dialect = Dialect(serial=True)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = await request(reader, dialect)
            for serial, value in ((asked.serial - 1) % 0x10000, 1), (asked.serial, 2):
                earlier = type(asked)(asked.command, asked.subcommand, asked.body, asked.route, asked.timer, serial)
                writer.write(encode_answer(dialect, Answer(0, dialect.words([value])), earlier))

    async with running(driver, device(await serve(talk), TAG, frame="4E"), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 3)
    assert recorder.last()[1] == Sample(1, 2.0)
    assert {sample.value for sample in recorder.samples} == {2.0}


async def test_after_a_time_out_a_3e_connection_is_not_used_again(recorder, serve, running) -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        first = connections == 1
        while True:
            asked = await request(reader, Dialect())
            if first:
                await asyncio.sleep(0.6)  # longer than the driver waits
            writer.write(encode_answer(Dialect(), Answer(0, Dialect().words([1 if first else 2])), asked))

    port = await serve(talk)
    with pytest.raises(DeviceUnavailable, match="did not answer"):
        await asyncio.wait_for(driver.run(device(port, TAG, timeout=0.2), recorder), 10)
    async with running(driver, device(port, TAG), recorder):
        await recorder.until(lambda: recorder.batches)
    assert recorder.last()[1] == Sample(1, 2.0)
