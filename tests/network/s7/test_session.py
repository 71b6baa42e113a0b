"""Questions to a controller: who it is, its blocks, what they hold, and writing to them."""

from __future__ import annotations

import asyncio
import math

import pytest
import snap7

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Identity, Refusal, Sample
from gongfu.network.drivers.s7 import driver
from gongfu.network.drivers.s7.simulator import Point, S7Simulator
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("running", "DB1.DBX0.3", True),
    Point("byte", "DB1.DBB0", 0b1010_1000),
    Point("speed", "DB1.DBD4:real", 1500.5),
    Point("rest", "DB1.DBB16:lreal", 0),
    Point("program", "DB2.DBB20:string30", "O1234"),
    Point("operator", "DB2.DBB100:wstring10", "王工"),
    Point("lamp", "M10.0", False),
    Point("valve", "Q4.7", False),
]


def device(port: int, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="press",
        driver="s7",
        options={"host": "127.0.0.1", "port": port, "timeout": 0.6, **options},  # type: ignore[dict-item]
    )


def tag(address: str, kind: str = "number", series: int = 1) -> TagConfig:
    return TagConfig(series=series, name=address, address=address, kind=kind)


VALUES = [
    ("DB1.DBX0.0", "boolean", True),
    ("DB1.DBX0.3", "boolean", False),
    ("DB1.DBB1", "number", 255.0),
    ("DB1.DBB1:sint", "number", -128.0),
    ("DB1.DBB1:usint", "number", 7.0),
    ("DB1.DBW2", "number", 65535.0),
    ("DB1.DBW2:int", "number", -32768.0),
    ("DB1.DBW2:uint", "number", 1.0),
    ("DB1.DBD4", "number", 4294967295.0),
    ("DB1.DBD4:dint", "number", -2147483648.0),
    ("DB1.DBD4:time", "number", 60000.0),
    ("DB1.DBD4:real", "number", -0.5),
    ("DB1.DBB8:lreal", "number", 1e-9),
    ("DB1.DBB8:lint", "number", -(2.0**53)),
    ("DB1.DBB8:ulint", "number", 2.0**53),
    ("DB2.DBB20:string30", "text", "O9999 ü"),
    ("DB2.DBB20:string30", "text", ""),
    ("DB2.DBB100:wstring10", "text", "李工程师"),
    ("M10.0", "boolean", True),
    ("MB10", "number", 3.0),
    ("Q4.7", "boolean", True),
]


async def test_what_is_written_is_read_back() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        for address, kind, value in VALUES:
            await session.write(tag(address, kind), value)
            assert await session.read([tag(address, kind)]) == [Sample(1, value)], address


async def test_a_bit_leaves_its_neighbours_alone() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        await session.write(tag("DB1.DBX0.3", "boolean"), False)
        await session.write(tag("DB1.DBX0.0", "boolean"), True)
        assert plant.value("byte") == 0b1010_0001


async def test_a_string_keeps_the_length_its_block_gives_it() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        plant.write_bytes("program", bytes([10, 2]) + b"AB")
        await session.write(tag("DB2.DBB20:string30", "text"), "0123456789")
        with pytest.raises(Refusal, match="room for 10 bytes"):
            await session.write(tag("DB2.DBB20:string30", "text"), "0123456789A")

        def foreign(port: int) -> bytearray:
            client = snap7.Client()
            client.connect("127.0.0.1", 0, 1, port)
            try:
                return client.db_read(2, 20, 12)
            finally:
                client.disconnect()

        assert await asyncio.to_thread(foreign, plant.port) == bytes([10, 10]) + b"0123456789"
        plant.write_bytes("program", bytes(32))  # nobody has written to it yet
        await session.write(tag("DB2.DBB20:string30", "text"), "O1")
        assert plant.value("program") == "O1"


async def test_who_a_controller_is() -> None:
    # What python-snap7's server says of itself.
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        assert await session.identify() == Identity(
            vendor="Siemens",
            product="CPU 315-2 PN/DP 6ES7 315-2EH14-0AB0",
            version="V3.3.0",
            serial_number="S C-C2UR28922012",
        )


async def test_a_controller_that_says_nothing_of_itself() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        plant.tell_nothing()
        assert await session.identify() == Identity()
        with pytest.raises(Refusal, match="does not list its blocks"):
            await session.browse("")
        assert await session.read([tag("DB1.DBD4:real")]) == [Sample(1, 1500.5)]


async def test_blocks_are_listed_with_their_length_and_words() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        blocks = await session.browse("")
        assert [(block.address, block.folder, block.detail) for block in blocks] == [
            ("DB1", True, "24 B"),
            ("DB2", True, "124 B"),
        ]
        words = await session.browse("DB1")
        assert [word.address for word in words] == [f"DB1.DBW{start}" for start in range(0, 24, 2)]
        read = await session.read([tag(word.address) for word in words])
        assert all(sample.quality is Quality.GOOD for sample in read)
        for unknown in ("DB9", "nonsense", "DB99999"):
            with pytest.raises(Refusal, match=f"no {unknown}"):
                await session.browse(unknown)


async def test_reading_keeps_the_order_and_bad_tags_do_not_spoil_the_others() -> None:
    tags = [
        tag("DB9.DBW0", series=5),
        tag("DB1.DBD4:real", series=0),
        tag("DB2.DBB20:string30", "text", series=3),
    ]
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        assert await session.read(tags) == [
            Sample(5, None, quality=Quality.BAD),
            Sample(0, 1500.5),
            Sample(3, "O1234"),
        ]


@pytest.mark.parametrize(
    ("address", "kind", "value", "said"),
    [
        ("DB1.DBW2:int", "number", 40000, "outside the range of int"),
        ("DB1.DBW2", "number", -1, "outside the range of word"),
        ("DB1.DBW2:int", "number", 0.5, "not a whole number"),
        ("DB1.DBD4:real", "number", math.inf, "no number"),
        ("DB1.DBD4:real", "number", 1e300, "outside the range of real"),
        ("DB1.DBD4:real", "number", "fast", "no number"),
        ("DB1.DBX0.3", "boolean", 2, "neither on nor off"),
        ("DB2.DBB20:string30", "text", "王", "character set latin-1"),
        ("DB2.DBB20:string30", "text", 31 * "x", "room for 30 bytes"),
        ("DB2.DBB100:wstring10", "text", 11 * "王", "room for 20 bytes"),
        ("DB9.DBW0", "number", 1, "DB9.DBW0"),
        ("DB1.DBW30", "number", 1, "DB1.DBW30"),
        ("DB1.DBB16:lreal", "number", 1, "does not allow access to DB1.DBB16:lreal"),
    ],
)
async def test_what_cannot_be_written_is_refused_with_the_reason(address, kind, value, said) -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        plant.protect("rest")
        with pytest.raises(Refusal, match=said) as refused:
            await session.write(tag(address, kind), value)
        assert not refused.value.text("zh-hans").isascii()
        assert (plant.value("speed"), plant.value("program"), plant.value("rest")) == (1500.5, "O1234", 0.0)


async def test_a_wrong_address_is_a_wrong_configuration() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        with pytest.raises(BadConfiguration):
            await session.write(tag("nonsense"), 1)
        with pytest.raises(BadConfiguration):
            await session.read([tag("nonsense")])


async def test_a_silent_controller_is_unavailable_to_every_question() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        await plant.stop_answering()
        with pytest.raises(DeviceUnavailable):
            await session.identify()
        with pytest.raises(DeviceUnavailable):
            await session.browse("")
        with pytest.raises(DeviceUnavailable):
            await session.write(tag("DB1.DBW2"), 1)


async def test_a_connection_that_breaks_is_unavailable() -> None:
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        plant.close_connections()
        with pytest.raises(DeviceUnavailable):
            await session.write(tag("DB1.DBW2"), 1)


async def test_a_session_stands_beside_the_running_driver(recorder, running) -> None:
    config = DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="press",
        driver="s7",
        options={},
        interval=0.02,
        tags=[tag("DB1.DBD4:real")],
    )
    async with S7Simulator("127.0.0.1", 0, POINTS) as plant:
        config.options.update({"host": "127.0.0.1", "port": plant.port})
        async with running(driver, config, recorder):
            await recorder.until(lambda: recorder.batches)
            async with driver.open_session(config) as session:
                await session.write(tag("DB1.DBD4:real"), 900.25)
            await recorder.until(lambda: recorder.last()[1].value == 900.25)
