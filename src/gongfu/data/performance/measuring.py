"""From roll-ups to sums: what every machine did in every day and shift. Blocks on the store; no Django."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from gongfu.data.performance import asking, calendars
from gongfu.data.performance.calendars import Calendar, Slice, Span
from gongfu.data.performance.grid import FIRST, Grid, grids
from gongfu.data.performance.rules import STATES, Note, Sums
from gongfu.kernel.store import StoreClient
from gongfu.network.models.types import Category

By = Literal["total", "shift", "day"]
"""How finely time is kept apart: by shift, by day and shift, or not at all."""
ENOUGH: Final = 600.0
"""Seconds in operation from which the pace of a shift says something."""
_EVER: Final = dt.date(1970, 1, 1)
_KWH: Final = 3600.0


class Plan(msgspec.Struct, frozen=True):
    """When machines are meant to work; machines that share one are asked about together."""

    calendar: Calendar | None = None
    stops: tuple[Span, ...] = ()


class Told(msgspec.Struct, frozen=True):
    """A stop for which somebody gave a reason."""

    start: int
    end: int
    state: str
    reason: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a machine beforehand. A series is 0 where there is none."""

    device: int
    plan: Plan
    state: int = 0
    codes: Mapping[str, Category] = {}
    """What the state series says → category."""
    count: int = 0
    pieces: float = 1.0
    """Pieces per count."""
    reject: int = 0
    product: int = 0
    energy: int = 0
    energy_factor: float = 1.0
    """kWh of one unit of the energy series."""
    power: int = 0
    power_factor: float = 1.0
    """kW of one unit of the power series; used where there is no energy series."""
    cycle: float | None = None
    cycles: Mapping[str, float] = {}
    """Ideal seconds per piece by product."""
    told: tuple[Told, ...] = ()
    rejected: tuple[tuple[int, float, bool], ...] = ()
    """Rejects people reported: when, how many, whether starting up."""

    @property
    def series(self) -> set[int]:
        """Every series that is read."""
        return {self.state, self.count, self.reject, self.product, self.energy, self.power} - {0}


class Cell(msgspec.Struct, frozen=True):
    """What a machine did in one day and shift; of a plan without shifts, shift 0; of no day, 1970."""

    day: dt.date
    shift: int
    planned: bool
    sums: Sums


_Key = tuple[dt.date, int, bool]


class _Found:
    """What the store said of one slice, by series."""

    def __init__(self) -> None:
        self.states: dict[int, dict[str, float]] = defaultdict(dict)
        self.grown: dict[int, float] = defaultdict(float)
        self.area: dict[int, float] = defaultdict(float)
        self.resets: set[int] = set()


def measure(
    store: StoreClient,
    orgs: Collection[int],
    machines: Sequence[Machine],
    start: int,
    end: int,
    zone: str,
    by: By = "total",
) -> dict[int, list[Cell]]:
    """Cells of each machine from ``start`` to before ``end`` (whole minutes), by number of the device.

    Raises :class:`Unavailable`.
    """
    plans: dict[int, list[Machine]] = defaultdict(list)
    for machine in machines:
        plans[id(machine.plan)].append(machine)
    cells: dict[int, list[Cell]] = {}
    for sharing in plans.values():
        plan = sharing[0].plan
        fine = calendars.slices(plan.calendar, start, end, zone, plan.stops)
        slices = [_coarser(one, by) for one in fine]
        lengths: dict[_Key, float] = defaultdict(float)
        for one in slices:
            lengths[_key(one)] += one.end - one.start
        found: dict[_Key, _Found] = defaultdict(_Found)
        seen = {one: False for machine in sharing for one in machine.series}
        for grid in grids(slices):
            _ask(store, orgs, sharing, grid, found, seen)
        for machine in sharing:
            cells[machine.device] = _cells(machine, lengths, found, slices, seen)
    return cells


def paced(cells: Iterable[Cell]) -> float | None:
    """Seconds per piece in the best day and shift; None where nothing says it."""
    best = 0.0
    for cell in cells:
        running, pieces = cell.sums.states.get("running", 0.0), cell.sums.pieces or 0.0
        if running >= ENOUGH and pieces:
            best = max(best, pieces / running)
    return 1 / best if best else None


def with_cycle(cells: Iterable[Cell], cycle: float) -> list[Cell]:
    """``cells`` of a machine without ideal cycle, with one that was estimated."""
    return [
        msgspec.structs.replace(
            one,
            sums=msgspec.structs.replace(
                one.sums,
                possible=one.sums.states.get("running", 0.0) / cycle if one.planned else None,
                notes=one.sums.notes | {Note.CYCLE_ESTIMATED},
            ),
        )
        for one in cells
    ]


def add_up(cells: Iterable[Cell]) -> Sums:
    """All of ``cells`` as one."""
    total = Sums()
    for cell in cells:
        total += cell.sums
    return total


def _coarser(one: Slice, by: By) -> Slice:
    if by == "day":
        return one
    return Slice(one.start, one.end, _EVER, one.shift if by == "shift" else 0, one.planned)


def _key(one: Slice) -> _Key:
    return (one.day, one.shift, one.planned)


def _ask(
    store: StoreClient,
    orgs: Collection[int],
    machines: Sequence[Machine],
    grid: Grid,
    found: dict[_Key, _Found],
    seen: dict[int, bool],
) -> None:
    keys = [_key(one) for one in grid.keys]
    states = {one for machine in machines for one in (machine.state, machine.product)} - {0}
    for series, label, state, seconds in asking.states(store, orgs, sorted(states), grid):
        seen[series] = True
        said = found[keys[label - FIRST]].states[series]
        said[state] = said.get(state, 0.0) + seconds
    counters = {one for machine in machines for one in (machine.count, machine.reject, machine.energy)} - {0}
    for series, label, grown in asking.growth(store, orgs, sorted(counters), grid):
        seen[series] = True
        there = found[keys[label - FIRST]]
        there.grown[series] += grown.amount
        if grown.resets:
            there.resets.add(series)
    powers = {machine.power for machine in machines if not machine.energy} - {0}
    for series, label, area, _held in asking.area(store, orgs, sorted(powers), grid):
        seen[series] = True
        found[keys[label - FIRST]].area[series] += area


def _cells(
    machine: Machine,
    lengths: Mapping[_Key, float],
    found: Mapping[_Key, _Found],
    slices: Sequence[Slice],
    seen: Mapping[int, bool],
) -> list[Cell]:
    told = _told(machine, slices)
    rejected = _rejected(machine, slices)
    notes = set()
    if not machine.state or not machine.codes:
        notes.add(Note.NO_STATE)
    if machine.plan.calendar is None:
        notes.add(Note.NO_CALENDAR)
    nothing = _Found()
    made = []
    for key, length in lengths.items():
        day, shift, planned = key
        there = found.get(key, nothing)
        states = _states(machine, there)
        running = states.get("running", 0.0)
        reasons = _deduct(states, told.get(key, ())) if planned else {}
        energy = _energy(machine, there, seen)
        pieces = there.grown.get(machine.count, 0.0) * machine.pieces if seen.get(machine.count) else None
        rejects, starting = rejected.get(key, (0.0, 0.0)) if rejected else (None, 0.0)
        if seen.get(machine.reject):
            rejects = (rejects or 0.0) + there.grown.get(machine.reject, 0.0)
        marks = notes | ({Note.COUNTER_RESET} if machine.count in there.resets else set())
        sums = Sums(
            calendar=length,
            planned=length if planned else 0.0,
            states=states if planned else {},
            outside={} if planned else states,
            reasons=reasons,
            pieces=pieces if planned else None,
            possible=_possible(machine, there, running) if planned else None,
            rejects=rejects if planned else None,
            start_up=starting if planned else 0.0,
            energy=energy,
            energy_outside=0.0 if planned else energy or 0.0,
            notes=frozenset(marks),
        )
        made.append(Cell(day, shift, planned, sums))
    return made


def _states(machine: Machine, there: _Found) -> dict[Category, float]:
    """Seconds by category; what nobody knows the meaning of stays unknown."""
    states: dict[Category, float] = {}
    for state, seconds in there.states.get(machine.state, {}).items():
        category = machine.codes.get(state)
        if category is not None:
            states[category] = states.get(category, 0.0) + seconds
    return states


def _possible(machine: Machine, there: _Found, running: float) -> float | None:
    """Pieces that the ideal cycles allow in ``running`` seconds, shared among products as these were on."""
    products = there.states.get(machine.product, {}) if machine.cycles else {}
    whole = sum(products.values())
    if not whole:
        return running / machine.cycle if machine.cycle else None
    possible = 0.0
    for product, seconds in products.items():
        cycle = machine.cycles.get(product, machine.cycle)
        if cycle is None:
            return None
        possible += running * seconds / whole / cycle
    return possible


def _energy(machine: Machine, there: _Found, seen: Mapping[int, bool]) -> float | None:
    if seen.get(machine.energy):
        return there.grown.get(machine.energy, 0.0) * machine.energy_factor
    if seen.get(machine.power):
        return there.area.get(machine.power, 0.0) / _KWH * machine.power_factor
    return None


def _told(machine: Machine, slices: Sequence[Slice]) -> dict[_Key, list[tuple[Told, float]]]:
    """How much of each classified stop lies in which planned slice."""
    found: dict[_Key, list[tuple[Told, float]]] = defaultdict(list)
    for stop in machine.told:
        for one in slices:
            overlap = min(one.end, stop.end) - max(one.start, stop.start)
            if one.planned and overlap > 0:
                found[_key(one)].append((stop, overlap))
    return found


def _rejected(machine: Machine, slices: Sequence[Slice]) -> dict[_Key, tuple[float, float]]:
    found: dict[_Key, tuple[float, float]] = {}
    for at, quantity, starting in machine.rejected:
        for one in slices:
            if one.start <= at < one.end:
                rejects, begun = found.get(_key(one), (0.0, 0.0))
                found[_key(one)] = rejects + quantity, begun + (quantity if starting else 0.0)
    return found


def _deduct(states: dict[Category, float], told: Iterable[tuple[Told, float]]) -> dict[int, float]:
    """Take what people explained out of ``states``, first where the machine said most; never more than there is."""
    reasons: dict[int, float] = {}
    for stop, seconds in told:
        left = seconds
        for state in sorted((one for one in STATES if one != "running"), key=lambda one: one != stop.state):
            taken = min(left, states.get(state, 0.0))
            if taken > 0:
                states[state] -= taken
                left -= taken
                reasons[stop.reason] = reasons.get(stop.reason, 0.0) + taken
    return reasons
