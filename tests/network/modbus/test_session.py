"""Questions to a unit beside its running driver: who it is, what a register holds, and writing one."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

import pytest
from pymodbus.pdu.device import ModbusDeviceIdentification

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.cable import Cable
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Identity, Refusal, Sample
from gongfu.network.drivers.modbus import driver
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.network.drivers.modbus.wire import Framing
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("pressure", "holding:100:float32", 7.5),
    Point("status", "holding:10", 0b1010),
    Point("program", "holding:110:string8", "O1234"),
    Point("running", "coil:5", True),
    Point("door", "discrete:7", False),
    Point("other", "holding:0", 1, unit=2),
]


def device(port: int, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="compressor",
        driver="modbus",
        options={"host": "127.0.0.1", "port": port, "timeout": 0.5, **options},  # type: ignore[dict-item]
        interval=0.02,
    )


def tag(address: str, kind: str = "number", series: int = 1) -> TagConfig:
    return TagConfig(series=series, name=address, address=address, kind=kind)


@contextlib.asynccontextmanager
async def reached(transport: str, plant: ModbusSimulator) -> AsyncIterator[DeviceConfig]:
    """The plant's unit 1 over ``transport``."""
    if transport in ("tcp", "rtu-over-tcp"):
        yield device(plant.port, transport=transport)
    else:
        async with Cable("127.0.0.1", plant.port) as cable:
            yield device(1, transport=transport, line=cable.line, baud=115200)


FRAMINGS = {"tcp": None, "rtu": Framing.RTU, "ascii": Framing.ASCII, "rtu-over-tcp": Framing.RTU}
VALUES = [
    ("holding:100:float32", "number", 8.25),
    ("holding:100:float32:cdab", "number", -1.5),
    ("holding:100:int32:badc", "number", -70000.0),
    ("holding:100:uint32:dcba", "number", 4294967295.0),
    ("holding:100", "number", 65535.0),
    ("holding:101:int16", "number", -32768.0),
    ("holding:110:float64", "number", 1e-9),
    ("holding:110:int64", "number", -(2.0**53)),
    ("holding:110:uint64:cdab", "number", 2.0**53),
    ("holding:110:string8", "text", "O9999"),
    ("holding:110:string8:badc", "text", "王工"),
    ("coil:5", "boolean", False),
    ("holding:10:bit0", "boolean", True),
    ("holding:10:bit1", "boolean", False),
]


@pytest.mark.parametrize("transport", FRAMINGS)
async def test_what_is_written_is_read_back(transport: str) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS, framing=FRAMINGS[transport]) as plant:
        async with reached(transport, plant) as config, driver.open_session(config) as session:
            for address, kind, value in VALUES:
                await session.write(tag(address, kind), value)
                assert await session.read([tag(address, kind)]) == [Sample(1, value)], address
        assert plant.value("status") == 0b1001


async def test_a_bit_leaves_its_neighbours_alone_also_where_masks_are_unknown() -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.forget_functions(22)
        async with driver.open_session(device(plant.port)) as session:
            await session.write(tag("holding:10:bit15", "boolean"), True)
        assert plant.value("status") == 0b1000_0000_0000_1010
        assert plant.written[-1][0] == 6


async def test_a_device_that_writes_only_several_registers_is_written_to() -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.forget_functions(6)
        async with driver.open_session(device(plant.port)) as session:
            await session.write(tag("holding:10"), 7)
        assert plant.written == [(16, 10, [7])]


async def test_reading_keeps_the_order_and_bad_tags_do_not_spoil_the_others() -> None:
    tags = [
        tag("holding:7777", series=5),
        tag("holding:100:float32", series=0),
        tag("coil:5", "boolean", series=9),
    ]
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        assert await session.read(tags) == [
            Sample(5, None, quality=Quality.BAD),
            Sample(0, 7.5),
            Sample(9, True),
        ]
        assert await session.read([]) == []


@pytest.mark.parametrize("transport", FRAMINGS)
async def test_who_a_device_is(transport: str) -> None:
    identity = ModbusDeviceIdentification(info={0: "Acme", 1: "PM100", 2: "V1.4", 4: "Power meter"})
    plant = ModbusSimulator("127.0.0.1", 0, POINTS, framing=FRAMINGS[transport], identity=identity)
    async with plant, reached(transport, plant) as config, driver.open_session(config) as session:
        assert await session.identify() == Identity(vendor="Acme", product="Power meter", version="V1.4")


@pytest.mark.parametrize("answer", ["ab01", ""])
async def test_a_device_that_does_not_say_who_it_is_has_no_identity(serve, answer: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readexactly(7):
            body = await reader.readexactly(request[5] - 1)
            pdu = bytes.fromhex(answer if body[0] == 0x2B else "03020001")
            if pdu:
                writer.write(request[:4] + bytes([0, len(pdu) + 1]) + request[6:7] + pdu)

    async with driver.open_session(device(await serve(talk))) as session:
        assert await session.identify() == Identity()


async def test_a_silent_device_is_unavailable_to_every_question() -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        await plant.stop_answering()
        async with driver.open_session(device(plant.port, timeout=0.2)) as session:
            with pytest.raises(DeviceUnavailable):
                await session.identify()
            with pytest.raises(DeviceUnavailable):
                await session.read([tag("holding:10")])
            with pytest.raises(DeviceUnavailable):
                await session.write(tag("holding:10"), 1)


async def test_a_unit_its_gateway_does_not_know_is_unavailable() -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        absent = driver.open_session(device(plant.port, unit=9))
        async with absent as session:
            with pytest.raises(DeviceUnavailable, match="exception 0B"):
                await session.write(tag("holding:10"), 1)


async def test_nobody_there_is_unavailable(closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match="Nothing answers"):
        async with driver.open_session(device(closed_port)):
            pass


@pytest.mark.parametrize(
    ("address", "kind", "value", "said"),
    [
        ("holding:7777", "number", 1, "has no holding:7777"),
        ("discrete:7", "boolean", True, "can only be read"),
        ("input:7", "number", 1, "can only be read"),
        ("holding:10", "number", 65536, "outside the range of uint16"),
        ("holding:10", "number", -1, "outside the range"),
        ("holding:10", "number", 1.5, "not a whole number"),
        ("holding:10", "number", math.nan, "no number"),
        ("holding:10", "number", "five", "no number"),
        ("holding:100:float32", "number", 1e300, "outside the range of float32"),
        ("holding:110:string8", "text", "far too long", "room for 8 bytes"),
        ("holding:110:string8", "text", 5.0, "no text"),
        ("coil:5", "boolean", 2, "neither on nor off"),
        ("coil:5", "boolean", "on", "neither on nor off"),
    ],
)
async def test_what_cannot_be_written_is_refused_with_the_reason(address, kind, value, said) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        async with driver.open_session(device(plant.port)) as session:
            with pytest.raises(Refusal, match=said):
                await session.write(tag(address, kind), value)
        assert plant.written == []


async def test_a_whole_number_that_went_through_a_scale_is_written() -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        async with driver.open_session(device(plant.port)) as session:
            await session.write(tag("holding:10"), 0.3 / 0.1)
        assert plant.value("status") == 3


async def test_a_protected_value_and_a_failing_device_say_what_they_mean() -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        plant.protect("status")
        await plant.write("pressure", None, quality=Quality.BAD)
        async with driver.open_session(device(plant.port)) as session:
            with pytest.raises(Refusal, match="exception 03") as refused:
                await session.write(tag("holding:10"), 1)
            assert "异常码 03" in refused.value.text("zh-hans")
            with pytest.raises(Refusal, match="exception 04"):
                await session.write(tag("holding:100:float32"), 1)


async def test_a_wrong_address_is_a_wrong_configuration() -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        with pytest.raises(BadConfiguration):
            await session.write(tag("nonsense"), 1)
        with pytest.raises(BadConfiguration, match="holding:110:string8"):  # a number that is text
            await session.read([tag("holding:10"), tag("holding:110:string8")])
        with pytest.raises(Refusal, match="no list"):
            await session.browse("")


async def test_a_session_shares_the_connection_of_the_running_driver(recorder, running) -> None:
    async with ModbusSimulator("127.0.0.1", 0, POINTS) as plant:
        config = DeviceConfig(
            device=1,
            org=1,
            org_code="acme",
            name="c",
            driver="modbus",
            options={"host": "127.0.0.1", "port": plant.port},
            interval=0.02,
            tags=[tag("holding:10")],
        )
        async with running(driver, config, recorder):
            await recorder.until(lambda: recorder.batches)
            async with driver.open_session(config) as session:
                await session.write(tag("holding:10"), 99)
                assert plant.connections == 1
            await recorder.until(lambda: recorder.last()[1].value == 99.0)


async def test_bits_of_one_register_written_at_once_all_arrive() -> None:
    async with ModbusSimulator("127.0.0.1", 0, [Point("bits", "holding:0", 0)]) as plant:
        plant.forget_functions(22)

        async def put(bit: int) -> None:
            async with driver.open_session(device(plant.port)) as session:
                await session.write(tag(f"holding:0:bit{bit}", "boolean"), True)

        await asyncio.gather(*(put(bit) for bit in range(16)))
        assert plant.value("bits") == 0xFFFF
