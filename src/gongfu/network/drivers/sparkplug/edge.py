"""What one Sparkplug edge node has said: births, aliases, sequence (Sparkplug 3.0.0 §5, §6.4). No I/O.

Devices of one edge node share this, because aliases, ``seq`` and ``bdSeq`` belong to the edge node.
"""

from __future__ import annotations

import time
from enum import StrEnum

import msgspec

from gongfu.network.drivers.contract import Message
from gongfu.network.drivers.sparkplug.wire import (
    BDSEQ,
    NAMESPACE,
    REBIRTH,
    DataType,
    Malformed,
    Metric,
    Payload,
    decode_payload,
    encode_payload,
)

REBIRTH_EVERY = 10.0
"""Seconds between two requests to the same edge node; twice as long after each that no birth answered."""
REBIRTH_LONGEST = 600.0
_METRIC_LIMIT = 100_000
"""Metrics remembered of one edge node."""


class Kind(StrEnum):
    """Third level of a topic."""

    NBIRTH = "NBIRTH"
    NDATA = "NDATA"
    NDEATH = "NDEATH"
    DBIRTH = "DBIRTH"
    DDATA = "DDATA"
    DDEATH = "DDEATH"


_KINDS = frozenset(Kind)


class Said(msgspec.Struct, frozen=True):
    """One message, understood. ``device`` is empty for the edge node's own; ``metrics`` carry name and datatype."""

    kind: Kind
    device: str
    payload: Payload
    metrics: list[Metric]
    problem: str = ""
    """Why it could not be read."""
    fault: str = ""
    """What is wrong with it though it could be read; for the first who asks."""


class EdgeNode:
    """One edge node. Messages are to be given in their order."""

    def __init__(self, group: str, name: str) -> None:
        self.command_topic = f"{NAMESPACE}/{group}/NCMD/{name}"
        self._bdseq: int | None = None
        self._seq: int | None = None
        self._aliases: dict[int, tuple[str, str, int]] = {}
        self._datatypes: dict[tuple[str, str], int] = {}
        self._born: set[str] = set()
        self._asked = -REBIRTH_LONGEST
        self._pause = REBIRTH_EVERY
        self._request = b""
        self._last: tuple[Message, Said | None] | None = None

    def hear(self, message: Message) -> Said | None:
        """What ``message`` says; None for a topic that is no statement of the node, and for a death of an earlier life.

        Asked again for the same message object it gives the same answer.
        """
        if self._last is None or self._last[0] is not message:
            self._last = (message, self._understand(message))
        return self._last[1]

    def take_request(self) -> bytes:
        """A rebirth request that is to be sent to :attr:`command_topic`, once; else nothing."""
        request, self._request = self._request, b""
        return request

    def known(self, device: str, name: str) -> Metric | None:
        """The metric of a birth that still holds, with alias and datatype but without value; else None."""
        if device not in self._born or (device, name) not in self._datatypes:
            return None
        alias = next((alias for alias, (of, one, _) in self._aliases.items() if (of, one) == (device, name)), None)
        return Metric(name=name, alias=alias, datatype=self._datatypes[device, name])

    def recall(self, message: Message) -> None:
        """Learn names and aliases from a birth of an earlier time."""
        place = _place(message.topic)
        if place is None:
            return
        try:
            payload = decode_payload(message.payload)
        except Malformed:
            return
        self._learn(place[1], payload)
        if place[0] is Kind.NBIRTH:
            self._bdseq = _bdseq(payload)

    def _understand(self, message: Message) -> Said | None:
        place = _place(message.topic)
        if place is None:
            return None
        kind, device = place
        try:
            payload = decode_payload(message.payload)
        except Malformed as error:
            self._ask()
            return Said(kind, device, Payload(), [], problem=str(error))
        if kind is Kind.NDEATH:
            bdseq = _bdseq(payload)
            if self._bdseq is not None and bdseq is not None and bdseq != self._bdseq:
                return None  # the will of a connection that a newer one has replaced (§6.4.21)
            self._seq = None
            self._born.clear()
            return Said(kind, device, payload, [])
        if not self._in_sequence(kind, payload.seq):
            self._ask()
        if kind in (Kind.NBIRTH, Kind.DBIRTH):
            fault = ""
            if kind is Kind.NBIRTH:
                self._bdseq = _bdseq(payload)
                self._aliases.clear()
                self._datatypes.clear()
                self._born.clear()
                self._pause = REBIRTH_EVERY
                if self._bdseq is None:
                    fault = "NBIRTH without bdSeq: its NDEATH cannot be told from an older one"
            elif "" not in self._born:
                # A device is born after its edge node (tck-id-message-flow-device-birth-publish-nbirth-wait).
                self._ask()
            fault = self._learn(device, payload) or fault
            return Said(kind, device, payload, payload.metrics, fault=fault)
        if kind is Kind.DDEATH:
            self._born.discard(device)
            return Said(kind, device, payload, [])
        metrics = [named for metric in payload.metrics if (named := self._named(device, metric)) is not None]
        unborn = any((device, metric.name) not in self._datatypes for metric in metrics)
        if len(metrics) < len(payload.metrics) or not {"", device} <= self._born:
            self._ask()
        elif unborn and len(self._datatypes) < _METRIC_LIMIT:
            self._ask()  # a birth that names it is due (tck-id-operational-behavior-data-publish-nbirth, -dbirth)
        return Said(kind, device, payload, metrics)

    def _in_sequence(self, kind: Kind, seq: int | None) -> bool:
        """Whether nothing is missing before this message; the same number again is a repeated delivery."""
        before, self._seq = self._seq, seq
        if kind is Kind.NBIRTH or before is None or seq is None:
            return True
        return seq in (before, (before + 1) % 256)

    def _learn(self, device: str, payload: Payload) -> str:
        """Remember a birth; returns what is wrong with it."""
        self._born.add(device)
        for known in [alias for alias, (of, _, _) in self._aliases.items() if of == device]:
            del self._aliases[known]
        fault = ""
        for metric in payload.metrics:
            if len(self._datatypes) >= _METRIC_LIMIT:
                return f"more than {_METRIC_LIMIT} metrics: the rest is not remembered"
            self._datatypes[device, metric.name] = metric.datatype
            if metric.alias is not None and metric.name:
                taken = self._aliases.get(metric.alias)
                if taken is not None and taken[:2] != (device, metric.name):
                    # tck-id-payloads-alias-uniqueness: on the whole edge node
                    fault = f"alias {metric.alias} of {metric.name[:100]} belongs to {taken[1][:100]} already"
                self._aliases[metric.alias] = (device, metric.name, metric.datatype)
        return fault

    def _named(self, device: str, metric: Metric) -> Metric | None:
        """``metric`` with the name and datatype of its birth; None when there was none."""
        if metric.name:
            known = self._datatypes.get((device, metric.name), metric.datatype)
            return metric if metric.datatype else msgspec.structs.replace(metric, datatype=known)
        if metric.alias is None or metric.alias not in self._aliases:
            return None
        _, name, datatype = self._aliases[metric.alias]
        return msgspec.structs.replace(metric, name=name, datatype=metric.datatype or datatype)

    def _ask(self) -> None:
        """Something is missing: prepare a rebirth request, ever more rarely while none is answered."""
        at = time.monotonic()
        if at - self._asked >= self._pause or self._asked < 0:
            self._pause = REBIRTH_EVERY if self._asked < 0 else min(self._pause * 2, REBIRTH_LONGEST)
            self._asked = at
            metric = Metric(name=REBIRTH, datatype=DataType.BOOLEAN, value=True)
            self._request = encode_payload(Payload(timestamp=time.time_ns() // 1_000_000, metrics=[metric]))


def _place(topic: str) -> tuple[Kind, str] | None:
    """Kind and device of ``spBv1.0/<group>/<kind>/<edge node>[/<device>]``."""
    levels = topic.split("/")
    if len(levels) not in (4, 5) or levels[2] not in _KINDS:
        return None
    kind = Kind(levels[2])
    device = levels[4] if len(levels) == 5 else ""
    return (kind, device) if (kind[0] == "D") == bool(device) else None


def _bdseq(payload: Payload) -> int | None:
    for metric in payload.metrics:
        if metric.name == BDSEQ and isinstance(metric.value, int):
            return metric.value
    return None
