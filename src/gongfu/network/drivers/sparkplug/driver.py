"""Devices behind Sparkplug B edge nodes that publish to this node's MQTT listener."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakValueDictionary

from gongfu.kernel.errors import Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, Feed, FeedSink, Message, Point, Refusal, Sample
from gongfu.network.drivers.sparkplug.commands import command
from gongfu.network.drivers.sparkplug.edge import EdgeNode, Kind, Said
from gongfu.network.drivers.sparkplug.wire import BDSEQ, NAMESPACE, DataType, Metric, typed
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.gateway.topics import check_filter

_QUALITIES = {192: Quality.GOOD, 0: Quality.BAD}
_UNHELD = frozenset({DataType.DATASET, DataType.TEMPLATE, DataType.BYTES, DataType.FILE})

# Devices of one edge node share what it said; it goes when the last of them goes.
_edge_nodes: WeakValueDictionary[tuple[str, str], EdgeNode] = WeakValueDictionary()


class SparkplugFeed:
    """One device of an edge node, or the edge node itself."""

    def __init__(self, device: DeviceConfig, node: EdgeNode | None = None) -> None:
        options = device.options
        group = str(options.get("group") or device.org_code)
        if group != device.org_code:
            raise BadConfiguration(
                mark("The group {group} is not the organisation's code."),
                remedy=mark("Set the group id of the edge node to {code}; its MQTT user may publish nothing else."),
                group=repr(group)[:100],
                code=device.org_code,
            )
        edge, self._device = str(options["edge_node"]), str(options.get("device", ""))
        root = f"{NAMESPACE}/{group}"
        for level in (edge, self._device or "-"):
            if set(level) & {"/", "+", "#"}:
                raise BadConfiguration(
                    mark("{name} cannot be the id of an edge node or device."),
                    remedy=mark("Leave out /, + and #."),
                    name=repr(level)[:100],
                )
        # All of the edge node's messages, not only this device's: the sequence number counts them together.
        self.filters: Sequence[str] = (
            check_filter(f"{root}/+/{edge}", root),
            check_filter(f"{root}/+/{edge}/+", root),
        )
        self._command_topic = f"{root}/DCMD/{edge}/{self._device}" if self._device else f"{root}/NCMD/{edge}"
        births = [f"{root}/NBIRTH/{edge}"]
        if self._device:
            births.append(f"{root}/DBIRTH/{edge}/{self._device}")
        self.births: Sequence[str] = births
        self.silence = float(options.get("silence", 0))
        self._series: dict[str, list[int]] = {}
        for tag in device.tags:
            self._series.setdefault(tag.address, []).append(tag.series)
        if node is None:
            node = _edge_nodes.get((group, edge)) or EdgeNode(group, edge)
            _edge_nodes[group, edge] = node
        self._node = node
        self._unheld: set[str] = set()

    def recall(self, message: Message) -> None:
        """Learn names and aliases from the last birth."""
        self._node.recall(message)

    def read(self, message: Message, sink: FeedSink) -> Sequence[Sample]:
        """The samples of this device in one message."""
        said = self._node.hear(message)
        if said is None:
            return ()
        if request := self._node.take_request():
            sink.command(self._node.command_topic, request)
        if said.kind is Kind.NDEATH or said.device != self._device:
            return self._dead(message, sink, said) if said.kind is Kind.NDEATH else ()
        if said.problem:
            sink.malformed(f"{message.topic}: {said.problem}")
            return ()
        if said.kind is Kind.DDEATH:
            return self._dead(message, sink, said)
        sink.online()
        if said.kind in (Kind.NBIRTH, Kind.DBIRTH):
            self._unheld.clear()
            if said.fault:
                sink.malformed(f"{message.topic}: {said.fault}")
        self._report_unheld(message, said, sink)
        sent = said.payload.timestamp
        return [
            _sample(series, metric, sent, message.time)
            for metric in said.metrics
            for series in self._series.get(metric.name, ())
        ]

    def _report_unheld(self, message: Message, said: Said, sink: FeedSink) -> None:
        """Metrics of types that no tag can hold: once after each birth."""
        for metric in said.metrics:
            if metric.datatype in _UNHELD and metric.name in self._series and metric.name not in self._unheld:
                self._unheld.add(metric.name)
                kind = DataType(metric.datatype).name.lower()
                sink.malformed(f"{message.topic}: {metric.name[:100]} is of type {kind}, which a tag cannot hold")

    def write(self, tag: TagConfig, value: float | bool | str, sink: FeedSink) -> None:
        """NCMD or DCMD with ``value`` in the datatype of the birth; raises ``Refusal``."""
        metric = self._node.known(self._device, tag.address)
        if metric is None:
            raise Refusal(
                mark("The edge node has announced no metric {name}, or is gone."),
                remedy=mark("Wait for its birth, or correct the address."),
                name=tag.address[:100],
            )
        sink.command(self._command_topic, command(metric, value))

    def _dead(self, message: Message, sink: FeedSink, said: Said) -> Sequence[Sample]:
        if said.kind is Kind.NDEATH:
            sink.offline(packed(Unavailable(mark("The edge node has gone (NDEATH)."))))
        else:
            sink.offline(packed(Unavailable(mark("The edge node has lost the device (DDEATH)."))))
        # A death certificate's own timestamp is from when the connection began: the arrival counts (§6.4.21).
        return [
            Sample(series, None, message.time, Quality.BAD) for all_of in self._series.values() for series in all_of
        ]


def open_feed(device: DeviceConfig) -> Feed:
    """A feed for ``device``; raises ``BadConfiguration``."""
    return SparkplugFeed(device)


def open_ear(device: DeviceConfig) -> Feed:
    """A feed that shares nothing with the one that runs: a rebirth request of that one must not get lost here."""
    return SparkplugFeed(device, EdgeNode("", ""))


def points(device: DeviceConfig, messages: Sequence[Message]) -> list[Point]:
    """The metrics in ``messages`` of the device, or of the edge node when the options name no device."""
    wanted = str(device.options.get("device", ""))
    node = EdgeNode("", "")
    found: dict[str, Point] = {}
    for message in messages:
        said = node.hear(message)
        if said is None or said.device != wanted:
            continue
        for metric in said.metrics:
            if metric.name and metric.name != BDSEQ and not metric.name.startswith("Node Control/"):
                found[metric.name] = _point(metric)
    return [found[name] for name in sorted(found)]


def _point(metric: Metric) -> Point:
    value = None if metric.is_null else typed(metric.value, metric.datatype)
    kind = "boolean" if metric.datatype == DataType.BOOLEAN else "text" if isinstance(value, str) else "number"
    if isinstance(value, bytes) or metric.datatype in _UNHELD:
        kind = ""
    name = DataType(metric.datatype).name if metric.datatype in DataType.__members__.values() else ""
    detail = name.lower() if value is None or isinstance(value, bytes) else f"{name.lower()} {value!s:.80}"
    return Point(address=metric.name, name=metric.name.rpartition("/")[2], kind=kind, detail=detail)


def _sample(series: int, metric: Metric, sent: int | None, stored: int) -> Sample:
    milliseconds = metric.timestamp or sent
    time = milliseconds * 1000 if milliseconds else stored
    quality = Quality.GOOD if metric.quality is None else _QUALITIES.get(metric.quality, Quality.UNCERTAIN)
    value = None if metric.is_null else typed(metric.value, metric.datatype)
    if isinstance(value, bytes) or metric.datatype in _UNHELD:
        value = None  # nothing that a tag can hold
    return Sample(series, value, time, quality)
