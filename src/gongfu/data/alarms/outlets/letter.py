"""What is told, and the request that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Letter:
    """One message: a title and a line for each alarm, in one language. ``facts`` is the same for programs."""

    title: str
    lines: tuple[str, ...]
    url: str = ""
    facts: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True)
class Target:
    """Where to: the outlet's address and its two secrets, either of which may be empty."""

    address: str
    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Request:
    """A POST. Never logged: its address and headers may carry secrets."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Reply:
    """What came back; ``body`` at most 64 kB."""

    status: int
    body: bytes


def cut(text: str, most: int) -> str:
    """``text`` with at most ``most`` bytes of UTF-8, and a sign where something is missing."""
    raw = text.encode()
    return text if len(raw) <= most else raw[: most - 3].decode("utf-8", "ignore") + "…"
