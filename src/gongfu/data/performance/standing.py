"""From changes of a state to the stretches in which a machine stood. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gongfu.network.models.types import Category


class Standing(msgspec.Struct, frozen=True):
    """A stretch without operation; ``state`` is what the machine said for longest. Seconds since 1970."""

    start: float
    end: float
    state: Category

    @property
    def seconds(self) -> float:
        """How long."""
        return self.end - self.start


def standings(
    changes: Iterable[tuple[float, Category | None, bool]], start: float, end: float, hold: float
) -> list[Standing]:
    """Stretches between ``start`` and ``end`` in which the machine said anything but that it runs.

    ``changes``: when, which category it was from then on (None: not known), and whether silence followed, in any
    order. What is followed by silence counts for ``hold`` seconds. Time of which nothing is known ends a stretch: the
    machine may have run.
    """
    ordered = sorted(changes, key=lambda one: one[0])
    found: list[Standing] = []
    parts: dict[Category, float] = {}
    begun = reached = start
    for index, (at, category, silent) in enumerate(ordered):
        until = min(ordered[index + 1][0] if index + 1 < len(ordered) else end, at + hold if silent else end, end)
        first = max(at, start)
        if until <= first:
            continue
        if parts and (category in (None, "running") or first > reached):
            found.append(_standing(begun, reached, parts))
            parts = {}
        if category is None or category == "running":
            continue
        if not parts:
            begun = first
        parts[category] = parts.get(category, 0.0) + until - first
        reached = until
    if parts:
        found.append(_standing(begun, reached, parts))
    return found


def _standing(start: float, end: float, parts: dict[Category, float]) -> Standing:
    return Standing(start, end, max(parts, key=lambda one: (parts[one], one)))
