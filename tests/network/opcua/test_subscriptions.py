"""What a subscription brings, and what it does not: dead-bands, limits, lost messages, events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.server.internal_subscription import InternalSubscription

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.opcua import driver, follower
from gongfu.network.drivers.opcua.simulator import OpcuaSimulator, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig

pytestmark = pytest.mark.asyncio(loop_scope="module")

EPOCH = 1_700_000_000_000_000
POINTS = [
    *(Point("D", f"D.{name}") for name in ("a", "b", "c", "d", "e", "band", "lost", "poll", "gone")),
    Point("D", "D.on", False),
    Point("D", "D.long", ""),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant() -> AsyncIterator[OpcuaSimulator]:
    async with OpcuaSimulator("127.0.0.1", 0, POINTS, events=["D"]) as running:
        yield running


def tag(series: int, name: str, kind: str = "number", behind: str = "") -> TagConfig:
    return TagConfig(series=series, name=name, address=f"ns=2;s=D.{name}{behind}", kind=kind)


def device(plant: OpcuaSimulator, tags: list[TagConfig], **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="cnc",
        driver="opcua",
        options={"endpoint": plant.endpoint, "timeout": 2.0, "heartbeat": 0, **options},  # type: ignore[dict-item]
        interval=0.1,
        tags=tags,
    )


async def test_a_dead_band_keeps_small_changes_back(plant, recorder, running) -> None:
    tags = [tag(1, "band", behind=" | deadband=1.5 queue=10 sampling=0.05"), tag(2, "on", "boolean")]
    async with running(driver, device(plant, tags, deadband="5"), recorder):
        await recorder.until(lambda: len(recorder.last()) == 2)
        for i, value in enumerate([1.0, 1.2, 4.0, 4.5, 8.0]):
            await plant.write("D.band", value, EPOCH + i)
        await plant.write("D.on", True, EPOCH)
        await recorder.until(lambda: recorder.last()[1].value == 8.0 and recorder.last()[2].value is True)
    assert [sample.value for sample in recorder.of(1)][1:] == [4.0, 8.0]
    assert recorder.complaints == []


async def test_a_server_without_dead_bands_reports_every_change_and_is_reported(
    plant, recorder, running, monkeypatch
) -> None:
    honest = plant.server.iserver.subscription_service.create_monitored_items

    async def create(params: ua.CreateMonitoredItemsParameters) -> list[ua.MonitoredItemCreateResult]:
        if any(hasattr(item.RequestedParameters.Filter, "DeadbandType") for item in params.ItemsToCreate):
            refused = ua.StatusCode(ua.StatusCodes.BadMonitoredItemFilterUnsupported)
            return [ua.MonitoredItemCreateResult(StatusCode=refused) for _ in params.ItemsToCreate]
        return list(await honest(params))

    monkeypatch.setattr(plant.server.iserver.subscription_service, "create_monitored_items", create)
    async with running(driver, device(plant, [tag(1, "band", behind=" | deadband=2%")]), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write("D.band", 8.1, EPOCH)
        await recorder.until(lambda: recorder.last()[1].value == 8.1)
    assert recorder.complaints == [
        "band (ns=2;s=D.band | deadband=2%): the server has no dead-band for it and reports every change"
    ]


async def test_a_server_that_watches_few_items_at_once_is_asked_for_few(plant, recorder, running, monkeypatch) -> None:
    limit = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall
    node = plant.server.get_node(ua.NodeId(limit))
    sizes: list[int] = []
    honest = plant.server.iserver.subscription_service.create_monitored_items

    async def create(params: ua.CreateMonitoredItemsParameters) -> list[ua.MonitoredItemCreateResult]:
        sizes.append(len(params.ItemsToCreate))
        return list(await honest(params))

    monkeypatch.setattr(plant.server.iserver.subscription_service, "create_monitored_items", create)
    await node.write_value(ua.Variant(2, ua.VariantType.UInt32))
    try:
        tags = [tag(i, name) for i, name in enumerate("abcde")]
        async with running(driver, device(plant, tags), recorder):
            await recorder.until(lambda: len(recorder.last()) == 5)
    finally:
        await node.write_value(ua.Variant(10000, ua.VariantType.UInt32))
    assert sizes == [2, 2, 1]


async def test_a_message_that_got_lost_is_asked_for_once_more(plant, recorder, running, monkeypatch) -> None:
    honest = InternalSubscription._pop_publish_result
    lost: list[int] = []

    def pop(self: InternalSubscription) -> ua.PublishResult:
        result = honest(self)
        content = result.NotificationMessage.NotificationData
        if content and self.pub_request_callback and _values(content) == [7.0] and not lost:
            lost.append(result.NotificationMessage.SequenceNumber)
            return honest(self)  # an empty message with the next number in its place
        return result

    monkeypatch.setattr(InternalSubscription, "_pop_publish_result", pop)
    async with running(driver, device(plant, [tag(1, "lost")]), recorder):
        await recorder.until(lambda: recorder.batches)
        await plant.write("D.lost", 7, EPOCH)
        await recorder.until(lambda: lost)
        await recorder.until(lambda: recorder.last()[1].value == 7)
        await plant.write("D.lost", 8, EPOCH + 1)
        await recorder.until(lambda: recorder.last()[1].value == 8)
    assert [sample.value for sample in recorder.of(1)[1:]] == [7.0, 8.0]
    assert recorder.complaints == []


async def test_a_message_that_is_lost_for_good_is_reported(plant, recorder, running) -> None:
    async with running(driver, device(plant, [tag(1, "lost")]), recorder):
        await recorder.until(lambda: recorder.batches)
        # The first notification had number 1; a server that goes on with 4 has lost two.
        held = next(it for it in plant._subscriptions() if it.pub_request_callback and _watches(it))
        held._notification_seq += 2
        await plant.write("D.lost", 9, EPOCH)
        await recorder.until(lambda: recorder.last()[1].value == 9)
    assert recorder.complaints == [
        "message 2 of the subscription was lost",
        "message 3 of the subscription was lost",
    ]


def _watches(held: InternalSubscription) -> bool:
    return bool(held.monitored_item_srv._monitored_items)


def _values(content: list[object]) -> list[object]:
    return [
        item.Value.Value.Value
        for notification in content
        if isinstance(notification, ua.DataChangeNotification)
        for item in notification.MonitoredItems
    ]


async def test_a_server_without_subscriptions_is_read(plant, recorder, running, monkeypatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ua.UaStatusCodeError(ua.StatusCodes.BadServiceUnsupported)

    monkeypatch.setattr(plant.server.iserver.subscription_service, "create_subscription", refuse)
    await plant.write("D.poll", 1, EPOCH)
    async with running(driver, device(plant, [tag(1, "poll"), tag(2, "missing")]), recorder):
        await recorder.until(lambda: len(recorder.of(1)) >= 3)
        await plant.write("D.poll", 2, EPOCH + 1)
        await recorder.until(lambda: recorder.last()[1].value == 2)
    changes = [sample for sample in recorder.of(1) if sample.time]
    assert changes == [Sample(1, 1.0, EPOCH), Sample(1, 2.0, EPOCH + 1)]  # in between: that it still holds
    assert recorder.last()[2].quality is Quality.BAD
    assert recorder.complaints == [
        "The server has no subscriptions: BadServiceUnsupported. Tags are read instead.",
    ]


async def test_a_tag_that_the_server_will_not_watch_is_read_beside_the_others(
    plant, recorder, running, monkeypatch
) -> None:
    honest = plant.server.iserver.subscription_service.create_monitored_items

    async def create(params: ua.CreateMonitoredItemsParameters) -> list[ua.MonitoredItemCreateResult]:
        results = list(await honest(params))
        for item, result in zip(params.ItemsToCreate, results, strict=True):
            if item.ItemToMonitor.NodeId.Identifier == "D.poll":
                result.StatusCode = ua.StatusCode(ua.StatusCodes.BadTooManyMonitoredItems)
        return results

    monkeypatch.setattr(plant.server.iserver.subscription_service, "create_monitored_items", create)
    async with running(driver, device(plant, [tag(1, "poll"), tag(2, "a")]), recorder):
        await recorder.until(lambda: len(recorder.of(1)) >= 2)
        await recorder.until(lambda: recorder.of(2))
    assert recorder.complaints == ["poll (ns=2;s=D.poll): BadTooManyMonitoredItems"]


async def test_events_are_readings_of_a_text_tag(plant, recorder, running) -> None:
    tags = [TagConfig(series=5, name="alarms", address="event:nsu=urn:gongfu:simulator;s=D", kind="text"), tag(1, "a")]
    async with running(driver, device(plant, tags), recorder):
        await recorder.until(lambda: recorder.of(1))
        await plant.raise_event("D", "主轴过热", 800)
        await recorder.until(lambda: recorder.of(5))
    sample = recorder.of(5)[0]
    assert json.loads(sample.value) == {"severity": 800, "message": "主轴过热", "source": "D"}
    assert sample.time > EPOCH
    assert recorder.complaints == []


async def test_conditions_that_hold_are_asked_for_and_told_once(plant, recorder, running) -> None:
    tags = [TagConfig(series=5, name="alarms", address="event:ns=2;s=D", kind="text")]
    method = plant.server.iserver.aspace[ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh)]
    held = [(ua.NodeId(ua.ObjectIds.RefreshStartEventType), "start"), (None, "overheated"), (None, "overheated")]
    asked: list[int] = []

    async def refresh(_object: ua.NodeId, subscription: ua.Variant) -> list[ua.Variant]:
        asked.append(subscription.Value)
        event = plant._generators["D"].event
        kind, event.Time = event.EventType, ua.uatypes.datetime.now()
        for of_type, text in held:
            event.EventType, event.Message = of_type or kind, ua.LocalizedText(text)
            await plant.server.iserver.subscription_service.trigger_event(event)
        event.EventType = kind
        return []

    method.call = refresh
    try:
        async with running(driver, device(plant, tags), recorder):
            await recorder.until(lambda: recorder.of(5))
            await plant.raise_event("D", "the end")
            await recorder.until(lambda: len(recorder.of(5)) >= 2)
    finally:
        method.call = None
    assert [json.loads(sample.value)["message"] for sample in recorder.of(5)] == ["overheated", "the end"]
    assert len(asked) == 1


async def test_a_node_without_events_is_reported_and_the_rest_lives(plant, recorder, running) -> None:
    tags = [TagConfig(series=5, name="alarms", address="event:ns=2;s=D.nothing", kind="text"), tag(1, "a")]
    async with running(driver, device(plant, tags), recorder):
        await recorder.until(lambda: recorder.of(1) and recorder.complaints)
    assert len(recorder.complaints) == 1


def _delete(plant: OpcuaSimulator, name: str) -> None:
    # not by the server's own method, which forgets to await what it would tell subscriptions
    del plant.server.iserver.aspace[ua.NodeId(name, 2)]


async def test_a_node_that_is_deleted_is_bad_and_comes_back(plant, recorder, running, monkeypatch) -> None:
    monkeypatch.setattr(follower, "LOOK", 0.05)
    async with running(driver, device(plant, [tag(1, "gone")], heartbeat=0.3), recorder):
        await recorder.until(lambda: recorder.of(1))
        folder = plant.server.get_node(ua.NodeId("D", 2))
        _delete(plant, "D.gone")
        await recorder.until(lambda: recorder.last()[1].quality is Quality.BAD)
        again = await folder.add_variable(ua.NodeId("D.gone", 2), "2:gone", 5.0)
        await recorder.until(lambda: recorder.last()[1].value == 5.0)
        await recorder.until(lambda: plant.watched(["D.gone"]))
        count = len(recorder.samples)
        await again.write_value(ua.DataValue(ua.Variant(6.0), SourceTimestamp=ua.uatypes.datetime.now()))
        await recorder.until(lambda: [s for s in recorder.samples[count:] if s.value == 6.0 and s.time])
    assert len([s for s in recorder.samples if s.value == 6.0 and s.time]) == 1


async def test_a_type_that_changes_is_bad_and_said_so(plant, recorder, running, monkeypatch) -> None:
    monkeypatch.setattr(follower, "LOOK", 0.05)
    folder = plant.server.get_node(ua.NodeId("D", 2))
    async with running(driver, device(plant, [tag(1, "b"), tag(2, "a")], heartbeat=0.3), recorder):
        await recorder.until(lambda: recorder.of(1))
        _delete(plant, "D.b")
        await folder.add_variable(ua.NodeId("D.b", 2), "2:b", "now a text")
        await recorder.until(lambda: recorder.last()[1].quality is Quality.BAD and recorder.complaints)
        assert recorder.last()[2].quality is Quality.GOOD
        _delete(plant, "D.b")
        await folder.add_variable(ua.NodeId("D.b", 2), "2:b", 3)
        await recorder.until(lambda: recorder.last()[1].value == 3.0)
    assert recorder.complaints == ["b (ns=2;s=D.b): the value is String, the tag is a number"]


async def test_a_text_longer_than_a_chunk_arrives_whole(plant, recorder, running) -> None:
    text = "长" * 400_000
    async with running(driver, device(plant, [tag(1, "long", "text")]), recorder):
        await recorder.until(lambda: recorder.of(1))
        await plant.write("D.long", text, EPOCH)
        await recorder.until(lambda: recorder.last()[1].time == EPOCH)
    assert recorder.last()[1].value == text
    await plant.write("D.long", "", EPOCH)


async def test_two_gateways_of_one_name_do_not_disturb_each_other(plant, recorder, running) -> None:
    other = type(recorder)()
    config = device(plant, [tag(1, "a")])
    async with running(driver, config, recorder), running(driver, device(plant, [tag(2, "a")]), other):
        await recorder.until(lambda: recorder.of(1) and other.of(2))
        await plant.write("D.a", 77, EPOCH)
        await recorder.until(lambda: recorder.last()[1].value == 77 and other.last()[2].value == 77)
    assert recorder.times_online == other.times_online == 1


async def test_what_a_server_can_receive_does_not_limit_what_it_may_send(plant, recorder, running, monkeypatch) -> None:
    """Small panels accept 8 kB in one chunk, and answer with more (FreeOpcUa/opcua-asyncio#841, node-opcua#1263)."""
    small = TransportLimits(max_recv_buffer=65535, max_send_buffer=65535, max_chunk_count=1, max_message_size=8192)
    monkeypatch.setattr(small, "create_acknowledge_and_set_limits", lambda _hello: _small_acknowledge(), raising=False)
    monkeypatch.setattr(plant.server.bserver, "limits", small)
    text = "x" * 300_000
    await plant.write("D.long", text, EPOCH)
    async with running(driver, device(plant, [tag(1, "long", "text")]), recorder):
        await recorder.until(lambda: recorder.of(1))
    assert recorder.last()[1].value == text
    await plant.write("D.long", "", EPOCH)


def _small_acknowledge() -> ua.Acknowledge:
    return ua.Acknowledge(ReceiveBufferSize=8192, SendBufferSize=65536, MaxMessageSize=8192, MaxChunkCount=1)
