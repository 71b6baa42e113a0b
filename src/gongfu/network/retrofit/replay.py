"""A recipe over a recorded stretch: what it would have said. The same machines as in the gateway. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gongfu.network.retrofit.machines import machine, said
from gongfu.network.retrofit.recipes import Output, Recipe, State

Recorded = Sequence[tuple[int, float]]
"""Time in microseconds and value, in time order."""
_SILENCE_STEP = 5_000_000


class Stretch(msgspec.Struct, frozen=True):
    """A time in one state, microseconds; ``confidence`` is the mean over its readings."""

    state: State
    start: int
    end: int
    confidence: float

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.end - self.start) / 1e6


class Told(msgspec.Struct, frozen=True):
    """What a recipe said of a record."""

    stretches: list[Stretch]
    count: float | None
    rate: float | None
    cycle: float | None
    confidence: float
    """Mean over the time."""

    def seconds(self, state: State) -> float:
        """Time in ``state``."""
        return sum(one.seconds for one in self.stretches if one.state is state)


def replay(recipe: Recipe, recorded: Mapping[str, Recorded]) -> Told:
    """Run ``recipe`` over the records of its inputs, role → record. A silence longer than ``stale`` ends a stretch."""
    rows = sorted((time, role, value) for role, record in recorded.items() for time, value in record)
    one = machine(recipe)
    stretches: list[Stretch] = []
    begun, sums, number, last = 0, 0.0, 0, 0
    state: State | None = None
    stale = int(recipe.stale * 1e6)

    def end(at: int) -> None:
        if state is not None and at > begun:
            stretches.append(Stretch(state, begun, at, sums / max(number, 1)))

    def look(at: int) -> None:
        nonlocal state, begun, sums, number
        if one.state is not state:
            end(at)
            state, begun, sums, number = one.state, at, 0.0, 0
        sums, number = sums + one.confidence, number + 1

    for time, role, value in rows:
        for between in range(last + _SILENCE_STEP, min(time, last + stale), _SILENCE_STEP) if last else ():
            one.tick(between)
            look(between)
        if last and time - last > stale:
            end(last + stale)
            state, begun, sums, number = None, time, 0.0, 0
        one.take(role, value, time)
        look(time)
        last = time
    end(last)
    total = sum(one.end - one.start for one in stretches)
    figures = {
        output: said(recipe, one, output) if output in recipe.outputs else None
        for output in (Output.COUNT, Output.RATE, Output.CYCLE)
    }
    values = {output: one.value if one else None for output, one in figures.items()}
    return Told(
        stretches,
        values[Output.COUNT],
        values[Output.RATE],
        values[Output.CYCLE],
        sum(one.confidence * (one.end - one.start) for one in stretches) / total if total else 0.0,
    )
