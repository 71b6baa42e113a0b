"""What comes back from the network is not always what a controller would say."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable

import pytest

from gongfu.network.drivers.contract import DeviceUnavailable, Sample
from gongfu.network.drivers.ethernetip import cip, driver, wire
from gongfu.network.drivers.ethernetip.cip import Reply
from gongfu.network.drivers.ethernetip.wire import Command, ItemType, Packet
from gongfu.network.gateway.config import TagConfig

from .plants import device, plant

TAG = [TagConfig(series=1, name="x", address="Speed")]
STRING = b"\xa0\x02\xce\x0f"
Change = Callable[[Packet, int], list[bytes]]
"""What becomes of the packet a controller would answer with; and how many have been answered before."""


async def test_rubbish_from_the_network_is_unavailable_soon_and_once(recorder, rubbish_port) -> None:
    start = time.process_time()
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(driver.run(device(rubbish_port, timeout=0.3), recorder), 10)
    assert time.process_time() - start < 0.5
    assert recorder.batches == []


@pytest.fixture
async def between(serve) -> Callable[[int, Change], Awaitable[int]]:
    """A port that passes everything on to a controller, and changes what comes back."""

    async def start(port: int, change: Change) -> int:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, onward = await asyncio.open_connection("127.0.0.1", port)
            count = 0
            try:
                while True:
                    _, length = wire.decode_head(head := await reader.readexactly(wire.HEAD))
                    onward.write(head + await reader.readexactly(length))
                    packet, length = wire.decode_head(await there.readexactly(wire.HEAD))
                    data = await there.readexactly(length)
                    answer = Packet(packet.command, packet.session, packet.status, packet.context, data)
                    for made in change(answer, count):
                        writer.write(made)
                    count += 1
            finally:
                onward.close()

        return await serve(talk)

    return start


def only_replies(change: Callable[[Packet], list[bytes]], after: int = 2) -> Change:
    """Leave the beginning alone: registering, and opening a connection."""
    return lambda packet, count: change(packet) if count >= after else [wire.encode_packet(packet)]


def with_data(packet: Packet, data: bytes, **other: object) -> bytes:
    fields = {"session": packet.session, "status": packet.status, "context": packet.context} | other
    return wire.encode_packet(Packet(packet.command, data=data, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda p: [with_data(p, p.data, session=p.session ^ 1)], "an answer for session"),
        (lambda p: [with_data(p, b"", status=0x64)], "encapsulation status 0064"),
        (lambda p: [with_data(p, p.data[:-1])], "cut short"),
        (lambda p: [with_data(p, b"")], "no packet for CIP"),
        (lambda p: [wire.encode_packet(p)[:-2]], "did not answer within"),
        (lambda p: [b"\xff\xff" + wire.encode_packet(p)[2:]], "no command has the number FFFF"),
        (lambda p: [], "did not answer within"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_is_unavailable(recorder, between, change, named, connected) -> None:
    async with plant() as served:
        port = await between(served.port, only_replies(change, 2 if connected else 1))
        with pytest.raises(DeviceUnavailable, match=named):
            await asyncio.wait_for(driver.run(device(port, TAG, connected=connected, timeout=0.4), recorder), 10)
    assert recorder.batches == []


@pytest.mark.parametrize("connected", [True, False])
async def test_a_late_answer_is_not_taken_for_this_one(recorder, running, between, connected) -> None:
    earlier: list[bytes] = []

    def repeat(packet: Packet) -> list[bytes]:
        before, earlier[:] = earlier[:], [wire.encode_packet(packet)]
        return [*before, *earlier]

    async with plant() as served:
        port = await between(served.port, only_replies(repeat, 2 if connected else 1))
        async with running(driver, device(port, TAG, connected=connected), recorder):
            await recorder.until(lambda: recorder.batches)
            served.put("Speed", 7)
            await recorder.until(lambda: recorder.last()[1].value == 7.0)
            served.put("Speed", 8)
            await recorder.until(lambda: recorder.last()[1].value == 8.0)
    order = [sample.value for sample in recorder.samples]
    assert order == sorted(order, key=[1500.5, 7.0, 8.0].index)


async def test_the_answer_to_another_service_is_unavailable(recorder, between) -> None:
    def other(packet: Packet) -> list[bytes]:
        message = cip.encode_reply(Reply(0x4D, 0))
        items = [(int(ItemType.NULL), b""), (int(ItemType.UNCONNECTED_DATA), message)]
        return [with_data(packet, wire.encode_items(items))]

    async with plant() as served:
        port = await between(served.port, only_replies(other, 1))
        with pytest.raises(DeviceUnavailable, match="service 4D instead of 4C"):
            await driver.run(device(port, TAG, connected=False), recorder)


@pytest.mark.parametrize(
    ("messages", "named"),
    [
        ([Reply(0x4C, 0, b"\xca\x00" + bytes(4))], "answers to other requests"),
        ([Reply(0x4C, 0, b"\xca\x00" + bytes(4)), Reply(0x4D, 0)], "answers to other requests"),
        ([], "several messages that is cut short"),
    ],
)
async def test_answers_to_other_requests_than_those_in_the_packet_are_unavailable(
    recorder, between, messages, named
) -> None:
    def other(packet: Packet) -> list[bytes]:
        several = cip.encode_several([cip.encode_reply(reply) for reply in messages])
        message = cip.encode_reply(Reply(0x0A, 0, several))
        items = [(int(ItemType.NULL), b""), (int(ItemType.UNCONNECTED_DATA), message)]
        return [with_data(packet, wire.encode_items(items))]

    tags = [*TAG, TagConfig(series=2, name="y", address="Parts")]
    async with plant() as served:
        port = await between(served.port, only_replies(other, 1))
        with pytest.raises(DeviceUnavailable, match=named):
            await driver.run(device(port, tags, connected=False), recorder)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "a value without a type"),
        (b"\xca\x00", "0 values instead of 1"),
        (b"\xca\x00\x00\x00", "2 bytes of type 00CA"),
        (b"\x99\x00\x00\x00\x00\x00", "4 bytes of type 0099"),
        (b"\xa0\x02\x01", "a structure without a handle"),
        (STRING, "0 bytes for 1 elements"),
        (
            b"\xa0\x02\xce\x0f" + struct.pack("<i", 90) + bytes(84),
            "a structure or string: name a member, or read it as text",
        ),
    ],
)
async def test_a_value_that_is_none_is_bad(recorder, running, between, value, reason) -> None:
    def other(packet: Packet) -> list[bytes]:
        items = [(int(ItemType.NULL), b""), (int(ItemType.UNCONNECTED_DATA), cip.encode_reply(Reply(0x4C, 0, value)))]
        return [with_data(packet, wire.encode_items(items))]

    tags = [TagConfig(series=1, name="x", address="Speed", kind="text" if value[:1] == b"\xa0" else "number")]
    async with plant() as served:
        port = await between(served.port, only_replies(other, 1))
        async with running(driver, device(port, tags, connected=False), recorder):
            await recorder.until(lambda: len(recorder.batches) >= 2)
    assert [sample.value for sample in recorder.samples[:2]] == [None, None]
    assert recorder.complaints == [f"x (Speed): {reason}"]


async def test_lists_of_tags_that_do_not_end_are_unavailable(between) -> None:
    def again(packet: Packet) -> list[bytes]:
        entry = struct.pack("<IH1sH3IB", 1, 1, b"A", 0xC4, 0, 0, 0, 0)
        items = [(int(ItemType.NULL), b""), (int(ItemType.UNCONNECTED_DATA), cip.encode_reply(Reply(0x55, 6, entry)))]
        return [with_data(packet, wire.encode_items(items))]

    async with plant() as served:
        port = await between(served.port, only_replies(again, 1))
        async with driver.open_session(device(port, TAG, connected=False)) as session:
            with pytest.raises(DeviceUnavailable, match="does not end"):
                await session.browse("")


async def test_a_connection_the_controller_has_forgotten_is_opened_anew(recorder, running) -> None:
    async with plant() as served:
        task = asyncio.create_task(driver.run(device(served.port, timeout=0.3), recorder))
        await recorder.until(lambda: recorder.batches)
        for client in served._clients.values():
            client.connections.clear()
        with pytest.raises(DeviceUnavailable):
            await asyncio.wait_for(task, 10)
        count = len(recorder.batches)
        async with running(driver, device(served.port), recorder):
            await recorder.until(lambda: len(recorder.batches) > count)
    assert recorder.last()[1] == Sample(1, 1500.5)


def test_commands_are_those_of_the_standard() -> None:
    # Volume 2, table 2-3.2.
    assert (Command.REGISTER_SESSION, Command.SEND_RR_DATA, Command.SEND_UNIT_DATA) == (0x65, 0x6F, 0x70)
