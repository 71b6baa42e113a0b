"""Answers in the shape of RDAP, and how often one may ask. Pure.

RFC 9083 (JSON responses), RFC 7095 (jCard), adapted to identifiers as the IIIDAP drafts
(draft-mcd-identifier-access-response) do: object classes ``identifier`` and ``prefix`` beside ``entity``.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

CONFORMANCE = ("rdap_level_0", "iiidap_level_0")
MEDIA_TYPE = "application/rdap+json"


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of all objects: names in camel case, what is empty left out (RFC 9083 §2)."""


class Link(Shape, frozen=True, kw_only=True):
    """RFC 9083 §4.2."""

    value: str
    rel: str
    href: str
    type: str


class Event(Shape, frozen=True, kw_only=True):
    """RFC 9083 §4.5."""

    event_action: str
    event_date: str


class Notice(Shape, frozen=True, kw_only=True):
    """RFC 9083 §4.3."""

    title: str
    description: list[str]
    links: list[Link] = []


class PublicId(Shape, frozen=True, kw_only=True):
    """RFC 9083 §4.8."""

    type: str
    identifier: str


class Node(Shape, frozen=True, kw_only=True):
    """Which node holds it, and where that answers the Handle protocol."""

    name: str
    url: str
    resolution: str


class Entity(Shape, frozen=True, kw_only=True, tag_field="objectClassName", tag="entity"):
    """RFC 9083 §5.1."""

    handle: str
    roles: list[str] = []
    vcard_array: tuple[str, list[list[object]]] | None = None
    public_ids: list[PublicId] = []
    status: list[str] = []
    events: list[Event] = []
    links: list[Link] = []
    prefixes: list[str] = []
    rdap_conformance: list[str] = []
    notices: list[Notice] = []
    lang: str = ""


class IdentifierValue(Shape, frozen=True, kw_only=True):
    """One value of an identifier."""

    index: int
    type: str
    data: str
    ttl: int
    public: bool


class Identifier(Shape, frozen=True, kw_only=True, tag_field="objectClassName", tag="identifier"):
    """An identifier with its registry data."""

    handle: str
    prefix: str
    status: list[str]
    node: Node
    events: list[Event]
    entities: list[Entity]
    links: list[Link]
    values: list[IdentifierValue]
    rdap_conformance: list[str]
    notices: list[Notice]
    lang: str


class Prefix(Shape, frozen=True, kw_only=True, tag_field="objectClassName", tag="prefix"):
    """A prefix with its registry data; ``level`` is secondary or enterprise."""

    handle: str
    level: str
    parent: str
    status: list[str]
    node: Node
    events: list[Event]
    entities: list[Entity]
    links: list[Link]
    rdap_conformance: list[str]
    notices: list[Notice]
    lang: str


class Help(Shape, frozen=True, kw_only=True):
    """RFC 9083 §7."""

    rdap_conformance: list[str]
    notices: list[Notice]
    lang: str


class Failure(Shape, frozen=True, kw_only=True):
    """RFC 9083 §6."""

    error_code: int
    title: str
    description: list[str]
    rdap_conformance: list[str]
    lang: str


def moment(seconds: float) -> str:
    """Unix seconds as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def card(name: str) -> tuple[str, list[list[object]]]:
    """An organisation as jCard (RFC 7095 §3)."""
    return ("vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", name], ["kind", {}, "text", "org"]])


class Turns:
    """How often one address may ask: ``most`` at once, refilled in ``seconds``. Remembers a bounded number of them."""

    def __init__(
        self, most: int, seconds: float, *, remembered: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._rate = most / seconds
        self._remembered = remembered
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._using = threading.Lock()

    def take(self, address: str) -> float:
        """0 when ``address`` may ask now; else the seconds it must wait."""
        with self._using:
            now = self._clock()
            left, then = self._known.pop(address, (float(self._most), now))
            left = min(float(self._most), left + (now - then) * self._rate)
            wait = 0.0 if left >= 1 else (1 - left) / self._rate
            self._known[address] = (left - 1 if not wait else left, now)
            while len(self._known) > self._remembered:
                self._known.popitem(last=False)
            return wait
