"""Devices of any protocol, read and written by foreign OPC UA, Modbus and Sparkplug clients."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import aiomqtt
import msgspec
import numpy as np
import pytest
from asyncua import Client, ua
from nats.js.api import KeyValueConfig
from pymodbus.client import AsyncModbusTcpClient

from gongfu.kernel import ops
from gongfu.kernel.bus import readings_subject
from gongfu.kernel.nats_server import mqtt_password
from gongfu.kernel.readings import Readings, array, encode
from gongfu.kernel.settings import Settings
from gongfu.network.drivers.s7.simulator import Point, S7Simulator
from gongfu.network.drivers.sparkplug.wire import DataType, Metric, Payload, decode_payload, encode_payload
from gongfu.network.gateway.asking import Failed
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.serving.offers import (
    BUCKET,
    NEWEST,
    WRITES,
    NewestRequest,
    Offer,
    Partly,
    Permitted,
    Stored,
    StoredValue,
    Verdict,
    WriteRequest,
    password,
)
from gongfu.network.serving.process import serve
from gongfu.network.serving.registers import Unit
from tests.network.nats import Bus, Plane, free_ports, plane, running_bus, running_gateway

pytestmark = pytest.mark.node
T = TypeVar("T")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bus]:
    with running_bus(tmp_path) as running:
        yield running


def press(port: int, *, number: int = 1, org: int = 7) -> DeviceConfig:
    return DeviceConfig(
        device=number,
        org=org,
        org_code="acme" if org == 7 else "rival",
        name=f"PRESS-{number}",
        type="centrifugal-pump",
        driver="s7",
        options={"host": "127.0.0.1", "port": port},
        interval=0.2,
        tags=[
            TagConfig(series=10 * number, name="flow", address="DB1.DBD0:real", unit="m³/h", low=0, high=300),
            TagConfig(series=10 * number + 1, name="running", address="DB1.DBX4.0", kind="boolean"),
            TagConfig(series=10 * number + 2, name="count", address="DB1.DBD8:dint"),
        ],
    )


POINTS = [
    Point("flow", "DB1.DBD0:real", 12.5),
    Point("running", "DB1.DBX4.0", True),
    Point("count", "DB1.DBD8:dint", 1234),
]


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(serve(settings, stopping, ops.Health("northbound", "bus")))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, 15)


async def offer(node: Plane, **what: object) -> Offer:
    opcua_port, modbus_port = free_ports(2)
    made = msgspec.convert(
        {"org": 7, "org_code": "acme", "opcua_port": opcua_port, "modbus_port": modbus_port, "units": {"1": 1}, **what},
        Offer,
    )
    bucket = await node.js.create_key_value(KeyValueConfig(bucket=BUCKET))
    await bucket.put(str(made.org), msgspec.json.encode(made))
    return made


async def until(look: Callable[[], Awaitable[T]], right: Callable[[T], bool], seconds: float = 30) -> T:
    give_up = time.monotonic() + seconds
    found: T | Exception | None = None
    while time.monotonic() < give_up:
        try:
            found = await look()
            if right(found):
                return found
        except Exception as error:  # it is starting
            found = error
        await asyncio.sleep(0.1)
    raise AssertionError(f"still {found!r}")


@contextlib.asynccontextmanager
async def opcua(settings: Settings, made: Offer, user: str = "acme", word: str = "") -> AsyncIterator[Client]:
    client = Client(f"opc.tcp://127.0.0.1:{made.opcua_port}/", timeout=10)
    client.set_user(user)
    client.set_password(word or password(settings.home, "acme"))
    async with client:
        yield client


async def value(settings: Settings, made: Offer, node: str) -> ua.DataValue:
    async with opcua(settings, made) as client:
        return await client.get_node(f"ns=2;s={node}").read_data_value(raise_on_bad_status=False)


@contextlib.asynccontextmanager
async def whole(server: Bus, **what: object) -> AsyncIterator[tuple[Plane, Offer, S7Simulator]]:
    """A press on S7, a gateway that reads it, and the northbound servers."""
    async with (
        S7Simulator("127.0.0.1", 0, POINTS) as plant,
        plane(server.settings) as node,
        running_gateway(server.settings),
        serving(server.settings),
    ):
        made = await offer(node, **what)
        await node.desire(press(plant.port))
        yield node, made, plant


async def test_an_s7_press_is_read_by_an_opc_ua_client_typed_with_unit_and_range(server: Bus) -> None:
    async with whole(server) as (_, made, plant):
        settings = server.settings
        found = await until(
            lambda: value(settings, made, "PRESS-1.flow"), lambda v: v.Value is not None and v.Value.Value == 12.5
        )
        assert found.StatusCode.is_good()
        assert abs(found.SourceTimestamp.timestamp() - time.time()) < 120
        async with opcua(settings, made) as client:
            device = client.get_node("ns=2;s=PRESS-1")
            assert await device.read_type_definition() == ua.NodeId("type.centrifugal-pump", 2)
            flow = client.get_node("ns=2;s=PRESS-1.flow")
            unit = await (await flow.get_child("0:EngineeringUnits")).read_value()
            limits = await (await flow.get_child("0:EURange")).read_value()
            assert (unit.DisplayName.Text, limits.Low, limits.High) == ("m³/h", 0, 300)
            assert await client.get_node("ns=2;s=PRESS-1.running").read_value() is True
            names = [(await child.read_browse_name()).Name for child in await device.get_children()]
            assert {"flow", "running", "count"} <= set(names)
            with pytest.raises(ua.UaStatusCodeError):
                await flow.write_value(99.0)  # nothing may be written unless that is offered
        await plant.write("flow", 20.25)
        await until(
            lambda: value(settings, made, "PRESS-1.flow"), lambda v: v.Value is not None and v.Value.Value == 20.25
        )


async def test_a_waveform_is_an_array_for_opc_ua_clients_and_nothing_for_modbus(server: Bus) -> None:
    wave = TagConfig(series=30, name="vibration", address="/vib", kind="array", unit="mm/s")
    config = DeviceConfig(
        device=3, org=7, org_code="acme", name="MILL-3", driver="mqtt", tags=[wave, *press(1).tags[:1]]
    )
    async with plane(server.settings) as node, serving(server.settings):
        made = await offer(node, writes=True, units={"3": 3})
        await node.desire(config)
        values = np.sin(np.arange(2000) / 50)
        empty = np.array([], np.uint32)
        batch = Readings(
            7, 3, 0, empty, empty.astype(np.int64), empty.astype(np.float64), empty.astype(np.uint8), [],
            [array(30, 1_795_000_000_000_000, values, rate=25_600)],
        )  # fmt: skip

        async def read() -> ua.DataValue:
            await node.js.publish(readings_subject(7, 3), encode(batch))
            return await value(server.settings, made, "MILL-3.vibration")

        found = await until(read, lambda v: v.Value is not None and bool(v.Value.Value))
        assert np.allclose(found.Value.Value, values)
        assert found.SourceTimestamp.timestamp() == pytest.approx(1_795_000_000)
        async with opcua(server.settings, made) as client:
            variable = client.get_node("ns=2;s=MILL-3.vibration")
            assert await variable.read_value_rank() == ua.ValueRank.OneDimension
            with pytest.raises(ua.UaStatusCodeError):
                await variable.write_value([1.0])
    assert Unit(config).numbers == [10]


async def test_the_same_press_is_read_by_a_modbus_client(server: Bus) -> None:
    async with whole(server) as (_, made, _plant):
        client = AsyncModbusTcpClient("127.0.0.1", port=made.modbus_port, timeout=5)

        async def flow() -> float:
            if not client.connected:
                await client.connect()
            answer = await client.read_input_registers(0, count=4, device_id=1)
            first, _second = struct.unpack(">ff", struct.pack(">4H", *answer.registers))
            return float(first)

        assert await until(flow, lambda v: v == 12.5) == 12.5
        holding = await client.read_holding_registers(2, count=2, device_id=1)
        assert struct.unpack(">f", struct.pack(">2H", *holding.registers)) == (1234.0,)
        assert (await client.read_coils(0, count=1, device_id=1)).bits[0]
        assert (await client.read_input_registers(4, count=2, device_id=1)).exception_code == 2
        assert (await client.read_input_registers(0, count=2, device_id=9)).exception_code == 0x0B
        assert (await client.write_registers(0, [0, 0], device_id=1)).exception_code == 1
        client.close()


async def test_the_same_press_is_born_reports_and_dies_as_sparkplug_says(server: Bus) -> None:
    async with whole(server, sparkplug=True) as (_, _made, plant):
        async with aiomqtt.Client(
            "127.0.0.1",
            server.settings.mqtt_port,
            username="acme",
            password=mqtt_password(server.settings.home, "acme"),
        ) as client:
            await client.subscribe("spBv1.0/acme/#", qos=1)
            await client.publish(
                "spBv1.0/acme/NCMD/gongfu-local",
                encode_payload(
                    Payload(metrics=[Metric(name="Node Control/Rebirth", datatype=DataType.BOOLEAN, value=True)])
                ),
            )
            heard: dict[str, Payload] = {}
            changed = False
            async with asyncio.timeout(40):
                async for message in client.messages:
                    assert isinstance(message.payload, bytes)
                    kind = str(message.topic).split("/")[2]
                    heard[kind] = decode_payload(message.payload)
                    if {"NBIRTH", "DBIRTH"} <= heard.keys() and not changed:
                        await plant.write("flow", 33.0)
                        changed = True
                    if any(metric.value == 33.0 for metric in heard.get("DDATA", Payload()).metrics):
                        break
        names = {metric.name for metric in heard["DBIRTH"].metrics}
        assert names == {"flow", "running", "count"}


@contextlib.asynccontextmanager
async def judge(node: Plane, verdict: Callable[[WriteRequest], Verdict]) -> AsyncIterator[None]:
    """The control plane's decision over writes."""

    async def answer(message):  # type: ignore[no-untyped-def]
        await message.respond(msgspec.json.encode(verdict(msgspec.json.decode(message.data, type=WriteRequest))))

    subscription = await node.client.subscribe(WRITES, cb=answer)
    try:
        yield
    finally:
        await subscription.unsubscribe()


async def test_writes_of_foreign_clients_are_decided_by_the_guard(server: Bus) -> None:
    asked: list[WriteRequest] = []

    def verdict(wish: WriteRequest) -> Permitted | Failed:
        asked.append(wish)
        value = wish.wishes[0].value
        too_much = isinstance(value, float) and value > 100
        return Failed(problem="invalid: above the highest value") if too_much else Permitted()

    async with whole(server, writes=True) as (node, made, _plant), judge(node, verdict):
        settings = server.settings
        await until(
            lambda: value(settings, made, "PRESS-1.flow"), lambda v: v.Value is not None and v.Value.Value == 12.5
        )
        async with opcua(settings, made) as client:
            flow = client.get_node("ns=2;s=PRESS-1.flow")
            await flow.write_value(ua.DataValue(ua.Variant(50.0, ua.VariantType.Double)))
            with pytest.raises(ua.UaStatusCodeError) as refused:
                await flow.write_value(ua.DataValue(ua.Variant(500.0, ua.VariantType.Double)))
            assert refused.value.code == ua.StatusCodes.BadOutOfRange
            assert await flow.read_value() != 500.0
        modbus = AsyncModbusTcpClient("127.0.0.1", port=made.modbus_port, timeout=5)
        await modbus.connect()
        words = list(struct.unpack(">2H", struct.pack(">f", 60.0)))
        assert not (await modbus.write_registers(0, words, device_id=1)).isError()
        words = list(struct.unpack(">2H", struct.pack(">f", 600.0)))
        assert (await modbus.write_registers(0, words, device_id=1)).exception_code == 3
        assert (await modbus.write_register(0, 5, device_id=1)).exception_code == 2  # half a number
        modbus.close()
        assert [(wish.wishes[0].series, wish.wishes[0].value, wish.org) for wish in asked] == [
            (10, 50.0, 7),
            (10, 500.0, 7),
            (10, 60.0, 7),
            (10, 600.0, 7),
        ]


def written(*values: tuple[str, object, ua.VariantType]) -> ua.WriteParameters:
    """What a client sends that writes several nodes at once."""
    return ua.WriteParameters(
        NodesToWrite=[
            ua.WriteValue(
                NodeId=ua.NodeId(f"PRESS-1.{name}", 2),
                AttributeId=ua.AttributeIds.Value,
                Value=ua.DataValue(ua.Variant(value, kind)),
            )
            for name, value, kind in values
        ]
    )


async def test_each_node_of_one_opc_ua_request_has_a_status_of_its_own(server: Bus) -> None:
    asked: list[tuple[int, object]] = []

    def verdict(wish: WriteRequest) -> Permitted | Failed:
        (one,) = wish.wishes
        asked.append((one.series, one.value))
        return Failed(problem="conflict: an interlock") if one.value == 77.0 else Permitted()

    async with whole(server, writes=True) as (node, made, _plant), judge(node, verdict):
        settings = server.settings
        await until(
            lambda: value(settings, made, "PRESS-1.flow"), lambda v: v.Value is not None and v.Value.Value == 12.5
        )
        double, boolean = ua.VariantType.Double, ua.VariantType.Boolean
        async with opcua(settings, made) as client:
            codes = await client.uaclient.write(
                written(
                    ("count", 5.0, double),
                    ("flow", 77.0, double),  # refused in the middle
                    ("running", True, boolean),
                    ("count", "six", ua.VariantType.String),
                    ("nothing", 1.0, double),
                    ("count", 7.0, double),
                )
            )
            names = [ua.status_codes.get_name_and_doc(code.value)[0] for code in codes]
            assert names == ["Good", "BadInvalidState", "Good", "BadTypeMismatch", "BadNodeIdUnknown", "Good"]
            assert asked == [(12, 5.0), (10, 77.0), (11, True), (12, 7.0)]
            limit = client.get_node(ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite)
            most = await limit.read_value()
            with pytest.raises(ua.UaStatusCodeError):
                await client.uaclient.write(written(*[("count", 1.0, double)] * (most + 1)))
            assert len(asked) == 4


async def test_several_set_points_of_one_modbus_request_are_decided_together(server: Bus) -> None:
    asked: list[list[tuple[int, object]]] = []
    verdicts: list[Verdict] = [
        Permitted(),
        Failed(problem="invalid: above the highest value"),
        Partly(written=1, problem="invalid: the machine refuses"),
    ]

    def verdict(wish: WriteRequest) -> Verdict:
        asked.append([(one.series, one.value) for one in wish.wishes])
        return verdicts[len(asked) - 1]

    async with whole(server, writes=True) as (node, made, _plant), judge(node, verdict):
        client = AsyncModbusTcpClient("127.0.0.1", port=made.modbus_port, timeout=10)
        await until(client.connect, lambda connected: connected)
        words = list(struct.unpack(">4H", struct.pack(">ff", 60.0, 7.0)))
        await until(lambda: client.read_holding_registers(0, count=4, device_id=1), lambda answer: not answer.isError())
        assert not (await client.write_registers(0, words, device_id=1)).isError()
        assert (await client.write_registers(0, words, device_id=1)).exception_code == 3  # nothing was written
        assert (await client.write_registers(0, words, device_id=1)).exception_code == 4  # something was
        assert (await client.write_registers(1, words[:2], device_id=1)).exception_code == 2  # halves of two numbers
        client.close()
        assert asked == [[(10, 60.0), (12, 7.0)]] * 3


@contextlib.asynccontextmanager
async def remembering(node: Plane, stored: dict[int, StoredValue], after: int = 0) -> AsyncIterator[None]:
    """The control plane's memory; it cannot say anything the first ``after`` times."""
    times = 0

    async def answer(message):  # type: ignore[no-untyped-def]
        nonlocal times
        times += 1
        asked = msgspec.json.decode(message.data, type=NewestRequest)
        known = [stored[one] for one in asked.series if one in stored and asked.org == 7]
        found = Stored(values=known[:1], rest=[one.series for one in known[1:]])
        await message.respond(msgspec.json.encode(found if times > after else Failed(problem="unavailable: starting")))

    subscription = await node.client.subscribe(NEWEST, cb=answer)
    try:
        yield
    finally:
        await subscription.unsubscribe()


async def test_values_of_before_the_start_are_there_although_the_device_is_silent(server: Bus) -> None:
    at = 1_700_000_000_000_000
    stored = {10: StoredValue(10, at, 42.5, 1), 11: StoredValue(11, at, 1.0, 0)}
    settings = server.settings
    async with plane(settings) as node, remembering(node, stored, after=1), serving(settings):
        made = await offer(node, sparkplug=False)
        await node.desire(press(1))  # no gateway runs, and nobody answers there
        found = await until(
            lambda: value(settings, made, "PRESS-1.flow"), lambda v: v.Value is not None and v.Value.Value == 42.5
        )
        assert found.StatusCode is not None
        assert found.StatusCode.value == ua.StatusCodes.UncertainLastUsableValue
        assert found.SourceTimestamp.timestamp() * 1e6 == at
        never = await value(settings, made, "PRESS-1.count")
        assert never.StatusCode is not None
        assert never.StatusCode.value == ua.StatusCodes.BadWaitingForInitialData
        client = AsyncModbusTcpClient("127.0.0.1", port=made.modbus_port, timeout=10)
        await until(client.connect, lambda connected: connected)
        answer = await client.read_input_registers(0, count=2, device_id=1)
        assert struct.unpack(">f", struct.pack(">2H", *answer.registers)) == (42.5,)
        assert (await client.read_coils(0, count=1, device_id=1)).bits[0]
        client.close()
        await node.forget(1)
        await until(
            lambda: value(settings, made, "PRESS-1.flow"),
            lambda v: v.StatusCode is not None and v.StatusCode.value == ua.StatusCodes.BadNodeIdUnknown,
        )
        await node.desire(press(1))  # and again when it comes back
        await until(
            lambda: value(settings, made, "PRESS-1.flow"), lambda v: v.Value is not None and v.Value.Value == 42.5
        )


async def test_a_wrong_password_and_another_organisations_devices_are_not_served(server: Bus) -> None:
    async with whole(server) as (node, made, plant):
        await node.desire(press(plant.port, number=2, org=8))
        settings = server.settings
        await until(
            lambda: value(settings, made, "PRESS-1.flow"), lambda v: v.Value is not None and v.Value.Value == 12.5
        )
        with pytest.raises(ua.UaError):
            async with opcua(settings, made, word="wrong"):
                pass
        with pytest.raises(ua.UaError):
            async with opcua(settings, made, user="rival"):
                pass
        async with opcua(settings, made) as client:
            names = [(await child.read_browse_name()).Name for child in await client.nodes.objects.get_children()]
        assert "PRESS-2" not in names


async def test_a_device_that_goes_or_changes_goes_or_changes_there_too(server: Bus) -> None:
    async with whole(server) as (node, made, plant):
        settings = server.settings
        await until(
            lambda: value(settings, made, "PRESS-1.flow"), lambda v: v.Value is not None and v.Value.Value == 12.5
        )
        renamed = msgspec.structs.replace(press(plant.port), name="PRESS-X")
        await node.desire(renamed)
        await until(
            lambda: value(settings, made, "PRESS-X.flow"), lambda v: v.Value is not None and v.Value.Value == 12.5
        )
        await node.forget(1)
        gone = await until(
            lambda: value(settings, made, "PRESS-X.flow"),
            lambda v: v.StatusCode is not None and v.StatusCode.value == ua.StatusCodes.BadNodeIdUnknown,
        )
        assert gone.Value is None or gone.Value.Value is None
