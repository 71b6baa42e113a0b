"""Questions to a server: who it is, what it holds; reading, writing, calling."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.ua_binary import struct_from_binary

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Identity, Point, Refusal
from gongfu.network.drivers.opcua import browsing, connection, driver, simulator
from gongfu.network.drivers.opcua.questions import Questions
from gongfu.network.gateway.config import DeviceConfig, TagConfig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPACE = "nsu=urn:gongfu:simulator;s="
V = ua.VariantType


def select(program: str, parts: int) -> str:
    if parts > 100:
        raise ValueError
    return f"{program} × {parts}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant() -> AsyncIterator[simulator.OpcuaSimulator]:
    points = [
        simulator.Point("PRESS", "PRESS.force", 12.5, unit="kN", limits=(0.0, 400.0)),
        simulator.Point("PRESS", "PRESS.target", 10, writable=True, type=V.Int16),
        simulator.Point("PRESS", "PRESS.speed", 1.0, writable=True, type=V.Float),
        simulator.Point("PRESS", "PRESS.order", "A1", writable=True),
        simulator.Point("PRESS", "PRESS.enabled", True, writable=True),
        simulator.Point("PRESS", "PRESS.curve", [1.0, 2.0], writable=True),
        simulator.Point("PRESS", "PRESS.empty", 0.0, pending=True),
    ]
    methods = [
        simulator.Method("PRESS", "PRESS.Select", select, {"program": V.String, "parts": V.Int32}),
        simulator.Method("PRESS", "PRESS.Reset", lambda: "done"),
    ]
    async with simulator.OpcuaSimulator("127.0.0.1", 0, points, methods=methods, events=["PRESS"]) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def session(plant: simulator.OpcuaSimulator) -> AsyncIterator[Questions]:
    config = DeviceConfig(
        device=1, org=1, org_code="acme", name="press", driver="opcua", options={"endpoint": plant.endpoint}
    )
    async with driver.open_session(config) as opened:
        yield opened


def tag(address: str, kind: str = "number", series: int = 1) -> TagConfig:
    return TagConfig(series=series, name="x", address=address, kind=kind)


async def test_a_server_says_who_it_is_and_how_it_is_reached(session) -> None:
    assert await session.identify() == Identity(
        vendor="Gongfu", product="Gongfu simulator", version="1.0 (7)", detail="None"
    )


async def test_a_folder_shows_variables_with_unit_range_and_access_methods_and_events(session) -> None:
    top = await session.browse("")
    press = next(point for point in top if point.name == "PRESS" and point.folder)
    assert press.address == f"{SPACE}PRESS"
    assert Point(address=f"event:{SPACE}PRESS", name="PRESS", kind="text", detail="events") in top
    assert await session.browse(press.address) == [
        Point(address=f"{SPACE}PRESS.force", name="force", kind="number", unit="kN", low=0, high=400, detail="Double"),
        Point(address=f"{SPACE}PRESS.target", name="target", kind="number", writable=True, detail="Int16"),
        Point(address=f"{SPACE}PRESS.speed", name="speed", kind="number", writable=True, detail="Float"),
        Point(address=f"{SPACE}PRESS.order", name="order", kind="text", writable=True, detail="String"),
        Point(address=f"{SPACE}PRESS.enabled", name="enabled", kind="boolean", writable=True, detail="Boolean"),
        Point(address=f"{SPACE}PRESS.curve", name="curve", kind="array", writable=True, detail="Double[]"),
        Point(address=f"{SPACE}PRESS.empty", name="empty", kind="number", detail="Double"),
        Point(
            address=f"method:{SPACE}PRESS/{SPACE}PRESS.Select",
            name="Select",
            kind="text",
            writable=True,
            detail="(program: String, parts: Int32)",
        ),
        Point(address=f"method:{SPACE}PRESS/{SPACE}PRESS.Reset", name="Reset", kind="text", writable=True, detail="()"),
    ]


async def test_every_address_of_the_standard_server_object_is_read_or_browsed(session) -> None:
    todo, seen = ["i=2253"], 0
    while todo and seen < 40:
        points = await session.browse(todo.pop(0))
        seen += 1
        todo += [point.address for point in points if point.folder]
        values = [tag(point.address, point.kind) for point in points if point.kind and ":" not in point.address]
        assert len(await session.read(values)) == len(values)
    assert seen > 5


@pytest.mark.parametrize("parent", [f"{SPACE}nothing", "nsu=urn:nobody;s=x", "i=999999"])
async def test_a_folder_that_is_not_there_is_refused(session, parent) -> None:
    with pytest.raises(Refusal, match="does not know"):
        await session.browse(parent)


async def test_references_that_go_in_circles_end(session, plant) -> None:
    press = plant.server.get_node(ua.NodeId("PRESS", 2))
    loop = await press.add_object(ua.NodeId("PRESS.loop", 2), "2:loop")
    await loop.add_reference(press, ua.ObjectIds.Organizes)
    try:
        assert [point.address for point in await session.browse(f"{SPACE}PRESS.loop") if point.folder] == [
            f"{SPACE}PRESS"
        ]
    finally:
        await loop.delete()


async def test_a_large_folder_comes_in_pages_and_is_cut_at_a_limit(session, plant, monkeypatch) -> None:
    """asyncua's server has no continuation points: they are put before it here (Part 4 §5.9.3)."""
    held: dict[bytes, list[ua.ReferenceDescription]] = {}
    released: list[bytes] = []
    whole = plant.server.iserver.view_service.browse

    def cut(references: list[ua.ReferenceDescription]) -> ua.BrowseResult:
        result = ua.BrowseResult(References=references[:2])
        if references[2:]:
            result.ContinuationPoint = f"at {len(held)}".encode()
            held[result.ContinuationPoint] = references[2:]
        return result

    def browse(params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        results = whole(params)
        return [cut(result.References) for result in results] if params.RequestedMaxReferencesPerNode else results

    honest = UaProcessor._process_message

    async def process(self: UaProcessor, kind: ua.NodeId, header: object, sequence: object, body: object) -> bool:
        if kind != ua.NodeId(ua.ObjectIds.BrowseNextRequest_Encoding_DefaultBinary):
            return bool(await honest(self, kind, header, sequence, body))
        params = struct_from_binary(ua.BrowseNextParameters, body)
        point = params.ContinuationPoints[0]
        response = ua.BrowseNextResponse()
        if params.ReleaseContinuationPoints:
            released.append(point)
            response.Parameters.Results = [ua.BrowseResult()]
        else:
            response.Parameters.Results = [cut(held.pop(point))]
        self.send_response(header.RequestHandle, sequence, response)  # type: ignore[attr-defined]
        return True

    monkeypatch.setattr(plant.server.iserver.view_service, "browse", browse)
    monkeypatch.setattr(UaProcessor, "_process_message", process)
    assert len(await session.browse(f"{SPACE}PRESS")) == 9
    monkeypatch.setattr(browsing, "MOST", 4)
    points = await session.browse(f"{SPACE}PRESS")
    assert [point.name for point in points] == ["force", "target", "speed", "order", "…"]
    assert points[-1].detail == "only the first 4 entries are listed"
    assert len(released) == 1


async def test_a_server_that_takes_few_nodes_at_once_is_asked_for_few(session, plant, monkeypatch) -> None:
    monkeypatch.setattr(connection, "_MOST", 500)
    sizes: list[int] = []
    whole = plant.server.iserver.attribute_service.read

    def read(params: ua.ReadParameters) -> list[ua.DataValue]:
        sizes.append(len(params.NodesToRead))
        if len(params.NodesToRead) > 3:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadTooManyOperations)
        return list(whole(params))

    monkeypatch.setattr(plant.server.iserver.attribute_service, "read", read)
    samples = await session.read([tag("ns=2;s=PRESS.force", series=i) for i in range(8)])
    assert [sample.value for sample in samples] == [12.5] * 8
    assert sizes == [8, 4, 2, 2, 2, 2]


async def test_tags_are_read_and_one_bad_one_spoils_no_other(session) -> None:
    samples = await session.read(
        [
            tag("ns=2;s=PRESS.force"),
            tag("ns=2;s=PRESS.missing"),
            tag("nsu=urn:nobody;s=x"),
            tag("ns=2;s=PRESS.order", "text"),
            tag("ns=2;s=PRESS.empty"),
            tag("ns=2;s=PRESS.curve | index=1"),
            tag("event:ns=2;s=PRESS", "text"),
            tag(f"method:{SPACE}PRESS/{SPACE}PRESS.Reset", "text"),
        ]
    )
    assert [sample.value for sample in samples] == [12.5, None, None, "A1", None, 2.0, None, None]
    assert [sample.quality for sample in samples] == [
        Quality.GOOD, Quality.BAD, Quality.BAD, Quality.GOOD, Quality.BAD, Quality.GOOD, Quality.BAD, Quality.BAD,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("target", 25.0, 25),
        ("target", True, 1),
        ("speed", 7, 7.0),
        ("order", "工单 7", "工单 7"),
        ("enabled", False, False),
        ("enabled", 1, True),
        ("curve", "[3, 4.5]", [3.0, 4.5]),
    ],
)
async def test_a_value_is_written_in_the_type_of_its_node(session, plant, name, value, held) -> None:
    await session.write(tag(f"{SPACE}PRESS.{name}"), value)
    node = plant.server.get_node(ua.NodeId(f"PRESS.{name}", 2))
    assert await node.read_value() == held


@pytest.mark.parametrize(
    ("address", "value", "message"),
    [
        (f"{SPACE}PRESS.target", 40000, "whole number -32768…32767"),
        (f"{SPACE}PRESS.target", 2.5, "whole number"),
        (f"{SPACE}PRESS.target", math.nan, "whole number"),
        (f"{SPACE}PRESS.target", "12", "whole number"),
        (f"{SPACE}PRESS.speed", 1e300, "too large for a Float"),
        (f"{SPACE}PRESS.speed", "fast", "Float is wanted"),
        (f"{SPACE}PRESS.order", 5.0, "String is wanted"),
        (f"{SPACE}PRESS.enabled", 2, "Boolean is wanted"),
        (f"{SPACE}PRESS.curve", "[1, x]", "is no JSON"),
        (f"{SPACE}PRESS.curve", 1.0, "a list is wanted"),
        (f"{SPACE}PRESS.force", 1.0, "This user may not change"),
        (f"{SPACE}PRESS.missing", 1.0, "The server does not know"),
        ("nsu=urn:nobody;s=x", 1.0, "does not know the namespace"),
        ("event:i=2253", "x", "takes no value"),
        (f"{SPACE}PRESS.curve | index=0", 1.0, "one element of an array"),
    ],
)
async def test_what_cannot_be_written_is_refused_with_its_reason(session, address, value, message) -> None:
    with pytest.raises(Refusal, match=message):
        await session.write(tag(address), value)


async def test_a_method_is_called_by_writing_and_read_for_its_result(session) -> None:
    chosen = tag(f"method:{SPACE}PRESS/{SPACE}PRESS.Select", "text")
    await session.write(chosen, '["O1234", 7]')
    assert json.loads((await session.read([chosen]))[0].value) == ["O1234 × 7"]
    reset = tag(f"method:{SPACE}PRESS/{SPACE}PRESS.Reset", "boolean")
    for value in (True, "", "[]"):
        await session.write(reset, value)
    assert (await session.read([reset]))[0].value == '["done"]'


@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        ("Select", "[]", r"takes 2 arguments: program \(String\), parts \(Int32\)"),
        ("Select", '["a", "b"]', "whole number"),
        ("Select", '["a", 101]', "is out of range"),
        ("Select", "[", "is no JSON"),
        ("Reset", "[1]", "takes 0 arguments"),
        ("Nothing", "[]", "does not know"),
    ],
)
async def test_a_call_that_cannot_be_is_refused_with_its_reason(session, method, value, message) -> None:
    with pytest.raises(Refusal, match=message):
        await session.write(tag(f"method:{SPACE}PRESS/{SPACE}PRESS.{method}", "text"), value)


async def test_two_sessions_of_the_same_gateway_live_beside_each_other(session, plant) -> None:
    config = DeviceConfig(
        device=1, org=1, org_code="acme", name="press", driver="opcua", options={"endpoint": plant.endpoint}
    )
    async with driver.open_session(config) as second:
        assert (await second.read([tag("ns=2;s=PRESS.force")]))[0].value == 12.5
        assert (await session.read([tag("ns=2;s=PRESS.force")]))[0].value == 12.5
    assert (await session.read([tag("ns=2;s=PRESS.force")]))[0].value == 12.5
