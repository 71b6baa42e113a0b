"""The addresses that charts and live values ask, as signed-in people of two enterprises."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.parquet
import pytest
import rig
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from gongfu.data.telemetry import live, pages, services
from gongfu.kernel import bus
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.store import StoreClient
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.models import Device
from gongfu.platform.devices.services import DeviceDraft, TagDraft

pytestmark = pytest.mark.django_db
# What runs beside the request reads the database through a connection of its own.
committed = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 10, 21, 12, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    pump: Device
    rivals: Device
    engineer: User
    store: StoreClient
    node: rig.Node

    def tag(self, key: str) -> int:
        return int(self.pump.tags.get(key=key).pk)


def draft(key: str) -> DeviceDraft:
    tags = [
        TagDraft(key="flow", name="流量", name_en="Flow", unit="m³/h"),
        TagDraft(key="mode", name="方式", kind="text"),
        TagDraft(key="wave", name="振动波形", name_en="Waveform", kind="array", unit="mm/s"),
    ]
    return DeviceDraft(key=key, name="泵", type="centrifugal-pump", driver="modbus", tags=tags)


@pytest.fixture
def world(node: rig.Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    ours, theirs = accounts.create_organisation("hengrui", "恒锐"), accounts.create_organisation("huasu", "华塑")
    engineer = accounts.create_user("li", "correct-horse-9", roles={ours: Role.ENGINEER}, language="en")
    store = StoreClient(node.settings)
    monkeypatch.setattr(services, "client", lambda: store)
    monkeypatch.setattr(pages, "settings", lambda: node.settings)
    pump = devices.create_device("test", ours, draft("PUMP-1"))
    rivals = devices.create_device("test", theirs, draft("PUMP-2"))
    for device in (pump, rivals):
        flow = device.tags.get(key="flow").pk
        store.command(
            f"INSERT INTO readings SELECT {device.organisation_id}, {flow},"
            " toDateTime64('2026-10-21 12:00:00', 6, 'UTC') + toIntervalSecond(number), number / 4, 0, now()"
            " FROM numbers(60)"
        )
    mode = pump.tags.get(key="mode").pk
    store.command(f"INSERT INTO texts VALUES ({pump.organisation_id}, {mode}, '2026-10-21 12:00:01', '自动', 0, now())")
    yield World(pump, rivals, engineer, store, node)
    store.close()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


RANGE = f"from={int(NOON.timestamp() * 1000)}&to=2026-10-21T20:30:00%2B08:00"


def test_a_chart_gets_points_names_and_units(world: World) -> None:
    client = signed_in(world.engineer)
    flow, mode = world.tag("flow"), world.tag("mode")
    answer = client.get(f"/data/telemetry/history?tag={flow}&tag={mode}&{RANGE}&points=100")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    start = int(NOON.timestamp() * 1000)
    assert (found["from"], found["to"]) == (start, start + 1_800_000)
    numbers, words = found["series"]
    assert (numbers["tag"], numbers["name"], numbers["unit"]) == (flow, "Flow", "m³/h")
    assert numbers["points"][:2] == [[start, 0.0, 0], [start + 1000, 0.25, 0]]
    assert len(numbers["points"]) == 60
    assert words["points"] == [[start + 1000, "自动", 0]]


def test_another_organisations_tag_is_not_found(world: World) -> None:
    client = signed_in(world.engineer)
    theirs = world.rivals.tags.get(key="flow").pk
    for address in ("history", "export"):
        assert client.get(f"/data/telemetry/{address}?tag={theirs}&{RANGE}").status_code == 404
        assert client.get(f"/data/telemetry/{address}?tag={world.tag('flow')}&tag={theirs}&{RANGE}").status_code == 404
    assert client.get(f"/data/telemetry/live?device={world.rivals.pk}").status_code == 404
    stranger = Client().get(f"/data/telemetry/history?tag={theirs}")
    assert (stranger.status_code, stranger.json()["code"]) == (401, "sign_in_needed")
    assert Client().get(f"/data/telemetry/live?device={world.pump.pk}").status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        *("", "tag=", "tag=x", "tag=-1", "tag=99999999999", "tag={flow}&points=x", "tag={flow}&points=1"),
        *("tag={flow}&from=x", "tag={flow}&from=2026-10-21T00:00:00", "tag={flow}&from=9&to=8"),
        "tag={flow}&to=" + "9" * 30,
    ],
)
def test_questions_that_make_no_sense_say_so(world: World, query: str) -> None:
    answer = signed_in(world.engineer).get(f"/data/telemetry/history?{query.format(flow=world.tag('flow'))}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["message"]


def test_export_in_three_formats_holds_the_same_rows(world: World) -> None:
    client = signed_in(world.engineer)
    address = f"/data/telemetry/export?tag={world.tag('flow')}&{RANGE}"
    rows = list(csv.DictReader(io.StringIO(client.get(address).content.decode())))
    assert (len(rows), rows[2]["device"], rows[2]["tag"], rows[2]["value"]) == (60, "PUMP-1", "flow", "0.5")
    assert rows[2]["ts"].startswith("2026-10-21 12:00:02")
    arrow = pa.ipc.open_stream(client.get(f"{address}&format=arrow").content).read_all()
    parquet = pyarrow.parquet.read_table(io.BytesIO(client.get(f"{address}&format=parquet").content))
    assert arrow.num_rows == parquet.num_rows == 60
    assert parquet.column("value").to_pylist()[2] == 0.5
    assert client.get(f"{address}&format=xlsx").status_code == 422


def test_without_the_store_the_chart_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = rig.Node(world.node.settings.home)
    monkeypatch.setattr(services, "client", lambda: StoreClient(nowhere.settings))
    answer = signed_in(world.engineer).get(f"/data/telemetry/history?tag={world.tag('flow')}&{RANGE}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_the_api_answers_the_same(world: World) -> None:
    client = signed_in(world.engineer)
    flow = world.tag("flow")
    found = client.get(f"/api/v1/data/telemetry/history?tag={flow}&{RANGE}")
    assert found.status_code == 200, found.text
    assert len(found.json()["series"][0]["points"]) == 60
    world.store.command(f"INSERT INTO latest VALUES ({world.pump.organisation_id}, {flow}, '2026-10-21', 5, '', 1, 0)")
    last = client.get(f"/api/v1/data/telemetry/last?tag={flow}").json()
    assert last["values"] == [
        {
            "tag": flow,
            "device": "PUMP-1",
            "key": "flow",
            "unit": "m³/h",
            "time": "2026-10-21T00:00:00Z",
            "value": 5.0,
            "quality": 1,
            "length": 0,
        }
    ]
    assert Client().get(f"/api/v1/data/telemetry/last?tag={flow}").status_code == 401


def test_a_waveform_is_drawn_on_the_page_of_its_tag_and_answered_by_the_api(world: World) -> None:
    client, wave = signed_in(world.engineer), world.tag("wave")
    page = client.get(f"/platform/tags/{wave}/").content.decode()
    assert "No array has come" in page
    world.store.command(
        f"INSERT INTO arrays SELECT {world.pump.organisation_id}, {wave}, now64(6),"
        " arrayMap(x -> if(x = 1234, 9, sin(x / 20)), range(4000)), 2000, 0, now()"
    )
    page = client.get(f"/platform/tags/{wave}/").content.decode()
    assert "<polyline" in page
    assert re.search(r"0 … 2 s", page)  # 4,000 elements at 2,000 a second
    assert "9.0 mm/s" in page
    part = client.get(f"/data/telemetry/waveform/{wave}").content.decode()
    assert "<polyline" in part
    assert "<html" not in part
    (found,) = client.get(f"/api/v1/data/telemetry/waveforms?tag={wave}&points=200").json()["waveforms"]
    assert (found["device"], found["key"], found["rate"], found["length"]) == ("PUMP-1", "wave", 2000, 4000)
    assert (1234, 9.0) in map(tuple, found["points"])
    assert len(found["points"]) <= 200
    assert 0.7 < found["rms"] < 0.8
    both = client.get(f"/api/v1/data/telemetry/history?name=PUMP-1/*&{RANGE}").json()["series"]
    assert {one["tag"] for one in both} == {world.tag("flow"), world.tag("mode")}
    refused = client.get(f"/api/v1/data/telemetry/history?tag={wave}&{RANGE}")
    assert (refused.status_code, "waveforms" in refused.text) == (422, True)
    assert client.get(f"/api/v1/data/telemetry/waveforms?tag={wave}&limit=0").status_code == 422
    theirs = world.rivals.tags.get(key="wave").pk
    for address in (f"/platform/tags/{theirs}/", f"/data/telemetry/waveform/{theirs}"):
        assert client.get(address).status_code == 404
    assert client.get(f"/api/v1/data/telemetry/waveforms?tag={theirs}").status_code == 404
    flow = client.get(f"/platform/tags/{world.tag('flow')}/").content.decode()
    assert "<live-chart" in flow


async def messages(stream: AsyncIterator[bytes]) -> AsyncIterator[dict[str, list[float]]]:
    async for part in stream:
        if part.startswith(b"data: "):
            yield msgspec.json.decode(part.removeprefix(b"data: "))


@committed
async def test_live_values_arrive_and_slow_readers_miss_only_what_is_between(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "HEARTBEAT", 0.3)
    flow = await sync_to_async(world.tag)("flow")
    org, device = world.pump.organisation_id, world.pump.pk
    await sync_to_async(world.store.command)(f"INSERT INTO latest VALUES ({org}, {flow}, '2026-10-21', 5, '', 1, 0)")
    client = AsyncClient()
    await client.aforce_login(world.engineer)
    answer = await client.get(f"/data/telemetry/live?device={device}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    raw = aiter(answer.streaming_content)
    found = messages(raw)
    assert await asyncio.wait_for(anext(found), 5) == {str(flow): [1_792_540_800_000, 5.0, 1]}
    publisher = await bus.connect(world.node.settings, "test")
    now = int(datetime.now(UTC).timestamp() * 1e6)
    for n in range(500):
        data = rig.batch(org, device, [flow, flow], [now + n, now + n + 1], [0.0, float(n)], arrived=now)
        await publisher.publish(bus.readings_subject(org, device), data)
    await publisher.publish(bus.readings_subject(org, device), b"rubbish")
    await publisher.flush()
    seen = []
    while not seen or seen[-1] != 499.0:
        seen.append((await asyncio.wait_for(anext(found), 5))[str(flow)][1])
    assert len(seen) < 50
    late = rig.batch(org, device, [flow], [now - 60_000_000], [-1.0], arrived=now)
    await publisher.publish(bus.readings_subject(org, device), late)
    await publisher.flush()
    assert await asyncio.wait_for(anext(raw), 5) == b": still here\n\n"
    hub = live.hub(world.node.settings)
    assert len(hub._subscriptions) == 1
    waiting = asyncio.create_task(anext(raw))
    await asyncio.sleep(0.05)
    waiting.cancel()  # what the server does when the browser goes
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not hub._subscriptions
    await publisher.close()
    await hub.close()


@committed
async def test_a_stream_ends_when_the_right_to_see_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "HEARTBEAT", 0.05)
    monkeypatch.setattr(pages, "RECHECK", 0.1)
    client = AsyncClient()
    await client.aforce_login(world.engineer)
    answer = await client.get(f"/data/telemetry/live?device={world.pump.pk}")
    stream = aiter(answer.streaming_content)
    assert await anext(stream) == b"retry: 3000\n\n"
    await sync_to_async(world.engineer.memberships.all().delete)()

    async def rest() -> None:
        async for _ in stream:
            pass

    await asyncio.wait_for(rest(), 5)
    await live.hub(world.node.settings).close()
