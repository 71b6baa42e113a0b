"""Devices that publish JSON over MQTT to this node."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from gongfu.network.drivers.contract import Feed, FeedSink, Message, Point, Sample
from gongfu.network.drivers.mqtt.commands import DEFAULT_PAYLOAD, Commands
from gongfu.network.drivers.payload import Malformed, Mapping, decode, fields
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.gateway.topics import check_filter, matches

_NOT_IN_AN_ADDRESS = re.compile(r"[\s\[>|#=]|^$")
_NOT_IN_A_LEVEL = re.compile(r"[\s/+#\x00-\x1f\x7f]+")


class JsonFeed:
    """One device's topic and payload mapping."""

    births: Sequence[str] = ()

    def __init__(self, device: DeviceConfig) -> None:
        self.filters: Sequence[str] = (topic_filter(device),)
        options = device.options
        self.silence = float(options.get("silence", 60))
        self._commands = _commands(device)
        self._mapping = Mapping(
            device.tags,
            str(options.get("time", "")),
            str(options.get("time_unit", "auto")),
            time_format=str(options.get("time_format", "")),
            time_zone=str(options.get("zone", "UTC")),
            items=str(options.get("items", "")),
            only=str(options.get("only", "")),
        )

    def recall(self, message: Message) -> None:
        """Nothing is learnt from earlier messages."""

    def read(self, message: Message, sink: FeedSink) -> Sequence[Sample]:
        """The samples in one payload; none in a command, which the device's own topics may contain."""
        if matches(self._commands.filter, message.topic):
            return ()
        try:
            reading = self._mapping.read(decode(message.payload), message.time, message.topic)
        except Malformed as error:
            sink.malformed(f"{message.topic}: {error}")
            return ()
        if reading.problem is not None:
            others = f" (+{reading.problems - 1})" if reading.problems > 1 else ""
            sink.malformed(f"{message.topic}: {reading.problem}{others}")
        if reading.samples or reading.problem is None:
            sink.online()
        return reading.samples

    def write(self, tag: TagConfig, value: float | bool | str, sink: FeedSink) -> None:
        """Send a command; raises ``Refusal`` for a value that JSON or the tag's address cannot carry."""
        sink.command(*self._commands.make(tag, value))


def open_feed(device: DeviceConfig) -> Feed:
    """A feed for ``device``; raises ``BadConfiguration`` for a topic outside its organisation's."""
    return JsonFeed(device)


def points(device: DeviceConfig, messages: Sequence[Message]) -> list[Point]:
    """The fields of what was heard, each address once; ``detail`` is its last value.

    Fields that several topics have are told apart by the last level of the topic.
    """
    items = str(device.options.get("items", ""))
    commands = _commands(device).filter
    last = {
        message.topic: fields(message.payload, items) for message in messages if not matches(commands, message.topic)
    }
    topics = Counter(point.address for found in last.values() for point in found)
    told: dict[str, Point] = {}
    for topic, found in last.items():
        level = topic.rpartition("/")[2]
        for point in found:
            address = point.address
            if topics[address] > 1 and not _NOT_IN_AN_ADDRESS.search(level):
                address = f"{level} > {address}".rstrip()
            told[address] = msgspec.structs.replace(point, address=address, name=point.name or level)
    return [told[address] for address in sorted(told)]


def topic_filter(device: DeviceConfig) -> str:
    """The topics of a device: its option, or ``gongfu/<organisation>/<name>/#``, the name made fit for a level."""
    return check_filter(str(device.options.get("topic") or f"{_own(device)}/#"), _root(device))


def _commands(device: DeviceConfig) -> Commands:
    return Commands(
        str(device.options.get("command_topic") or f"{_own(device)}/command"),
        str(device.options.get("command_payload") or DEFAULT_PAYLOAD),
        _root(device),
    )


def _root(device: DeviceConfig) -> str:
    return f"gongfu/{device.org_code}"


def _own(device: DeviceConfig) -> str:
    return f"{_root(device)}/{_NOT_IN_A_LEVEL.sub('-', device.name) or device.device}"
