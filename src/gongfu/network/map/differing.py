"""What changed between two pictures of a network. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from gongfu.network.map.measuring import Grade

FACTOR, LEAST_MS = 1.5, 5.0
"""A latency counts as worse when it is both so many times and so many milliseconds more."""
LEAST_LOSS = 0.02
"""A loss counts as worse when it is so much more, as a share of all probes."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A device, equipment or link on the day of the picture. ``p95`` in milliseconds, ``loss`` from 0 to 1."""

    name: str
    kind: str = ""
    place: str = ""
    where: str = ""
    """How it is reached: gateway and address; of a link its two ends."""
    build: str = ""
    grade: Grade = Grade.UNKNOWN
    p95: float | None = None
    loss: float | None = None


Picture = Mapping[str, Entry]
"""Key → entry."""


class News(StrEnum):
    """What may have happened to something."""

    NEW = "new"
    GONE = "gone"
    MOVED = "moved"
    BUILT = "built"
    WORSE = "worse"
    BETTER = "better"


class Change(msgspec.Struct, frozen=True):
    """One difference; ``before`` and ``after`` are data, empty where there is nothing."""

    news: News
    key: str
    name: str
    what: str = ""
    """Of what: place, where, build, p95, loss."""
    before: str = ""
    after: str = ""


def differences(before: Picture, after: Picture) -> list[Change]:
    """In the order of :class:`News`, then of names."""
    found: list[Change] = []
    for key, entry in after.items():
        earlier = before.get(key)
        if earlier is None:
            found.append(Change(News.NEW, key, entry.name, after=entry.place or entry.where))
        else:
            found += _changed(key, earlier, entry)
    for key, entry in before.items():
        if key not in after:
            found.append(Change(News.GONE, key, entry.name, before=entry.place or entry.where))
    order = list(News)
    return sorted(found, key=lambda change: (order.index(change.news), change.name, change.key, change.what))


def _changed(key: str, before: Entry, after: Entry) -> list[Change]:
    found = [
        Change(News.MOVED, key, after.name, what, str(getattr(before, what)), str(getattr(after, what)))
        for what in ("place", "where")
        if getattr(before, what) != getattr(after, what)
    ]
    if before.build != after.build:
        found.append(Change(News.BUILT, key, after.name, "build", before.build, after.build))
    if before.p95 is not None and after.p95 is not None:
        if _slower(before.p95, after.p95):
            found.append(Change(News.WORSE, key, after.name, "p95", f"{before.p95:.1f}", f"{after.p95:.1f}"))
        elif _slower(after.p95, before.p95):
            found.append(Change(News.BETTER, key, after.name, "p95", f"{before.p95:.1f}", f"{after.p95:.1f}"))
    if before.loss is not None and after.loss is not None and abs(after.loss - before.loss) >= LEAST_LOSS:
        news = News.WORSE if after.loss > before.loss else News.BETTER
        found.append(Change(news, key, after.name, "loss", f"{before.loss:.3f}", f"{after.loss:.3f}"))
    if (
        Grade.BAD in (before.grade, after.grade)
        and before.grade != after.grade
        and Grade.UNKNOWN
        not in (
            before.grade,
            after.grade,
        )
    ):
        news = News.WORSE if after.grade is Grade.BAD else News.BETTER
        found.append(Change(news, key, after.name, "grade", before.grade.value, after.grade.value))
    return found


def _slower(one: float, other: float) -> bool:
    """Whether ``other`` is slower than ``one`` by more than chance."""
    return other >= one * FACTOR and other - one >= LEAST_MS
