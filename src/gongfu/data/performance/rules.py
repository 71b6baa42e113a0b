"""OEE and its losses from durations and counts. Pure.

Names and formulas after ISO 22400-2 (time elements PBT planned busy time, APT actual production time; PRI planned run
time per item; PQ produced and GQ good quantity), losses after the six big losses of TPM (Nakajima).

| figure | formula |
|---|---|
| availability 时间开动率 | APT / PBT: seconds in operation / planned seconds in which the state is known |
| performance 性能开动率 (effectiveness) | PRI x PQ / APT: pieces / pieces that were possible while in operation |
| quality 合格品率 | GQ / PQ |
| OEE 设备综合效率 | availability x performance x quality |
| utilisation 设备利用率 | seconds in operation / all seconds in which the state is known, planned or not |

What is not known stays unknown: its figure is None, and OEE then is at most the product of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

import msgspec

from gongfu.network.models.types import Category

K = TypeVar("K")
TOLERANCE: Final = 0.02
"""Performance may exceed 1 by so much before the ideal cycle is called wrong: pieces are counted when they are done."""
LITTLE: Final = 0.5
"""A figure is not told when less than this share of its time is known."""
SURE: Final = 0.9
"""Above this share of known time a figure is sure."""
STATES: Final[tuple[Category, ...]] = ("running", "idle", "setup", "fault", "off")


class Loss(StrEnum):
    """Where time goes: six big losses, and stops that the calendar or a person excuses."""

    BREAKDOWN = "breakdown"
    SETUP = "setup"
    IDLING = "idling"
    OFF = "off"
    SPEED = "speed"
    DEFECTS = "defects"
    START_UP = "start_up"
    PLANNED = "planned"
    """A planned stop: no loss, taken out of the planned time."""


OF_STATE: Final[Mapping[Category, Loss]] = {
    "fault": Loss.BREAKDOWN,
    "setup": Loss.SETUP,
    "idle": Loss.IDLING,
    "off": Loss.OFF,
}


class Note(StrEnum):
    """What is missing behind a figure, or what speaks against it."""

    NO_STATE = "no_state"
    STATE_GAPS = "state_gaps"
    NO_COUNT = "no_count"
    NO_CYCLE = "no_cycle"
    CYCLE_ESTIMATED = "cycle_estimated"
    CYCLE_WRONG = "cycle_wrong"
    NO_REJECTS = "no_rejects"
    REJECTS_WRONG = "rejects_wrong"
    NO_CALENDAR = "no_calendar"
    NOTHING_PLANNED = "nothing_planned"
    HOLIDAYS_UNKNOWN = "holidays_unknown"
    COUNTER_RESET = "counter_reset"
    NO_ENERGY = "no_energy"


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What happened at one machine in some time. Everything here adds up; times in seconds."""

    calendar: float = 0.0
    """Length of the time."""
    planned: float = 0.0
    """Of it planned to be worked (PBT), planned stops taken out."""
    states: Mapping[Category, float] = {}
    """Within the planned time."""
    outside: Mapping[Category, float] = {}
    """Within the rest."""
    reasons: Mapping[int, float] = {}
    """Of the planned time, what people gave a reason (number of the reason) for; not in :attr:`states` any more."""
    pieces: float | None = None
    """Produced in planned time; None when nobody counts."""
    possible: float | None = None
    """Pieces that the ideal cycle allows in the time in operation; None without one."""
    rejects: float | None = None
    start_up: float = 0.0
    """Rejects of starting up, among :attr:`rejects`."""
    energy: float | None = None
    """kWh in all of the time; None when nobody measures."""
    energy_outside: float = 0.0
    """Of it outside the planned time."""
    notes: frozenset[Note] = frozenset()

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            calendar=self.calendar + other.calendar,
            planned=self.planned + other.planned,
            states=_added(self.states, other.states),
            outside=_added(self.outside, other.outside),
            reasons=_added(self.reasons, other.reasons),
            pieces=_both(self.pieces, other.pieces),
            possible=_both(self.possible, other.possible),
            rejects=_both(self.rejects, other.rejects),
            start_up=self.start_up + other.start_up,
            energy=_both(self.energy, other.energy),
            energy_outside=self.energy_outside + other.energy_outside,
            notes=self.notes | other.notes,
        )


def _added(one: Mapping[K, float], other: Mapping[K, float]) -> dict[K, float]:
    return {key: one.get(key, 0.0) + other.get(key, 0.0) for key in {**one, **other}}


def _both(one: float | None, other: float | None) -> float | None:
    """The sum of what is known; unknown only when neither is."""
    return other if one is None else one if other is None else one + other


class Figure(msgspec.Struct, frozen=True):
    """A share between 0 and 1 and what it was made of; ``value`` None where it is not known."""

    value: float | None = None
    part: float = 0.0
    whole: float = 0.0

    @property
    def percent(self) -> float | None:
        """With one decimal."""
        return None if self.value is None else round(100 * self.value, 1)


def share(part: float, whole: float) -> Figure:
    """``part`` of ``whole``; not known when there is no whole."""
    return Figure(min(1.0, max(0.0, part / whole)) if whole > 0 else None, part, whole)


class Lost(msgspec.Struct, frozen=True):
    """Time that went somewhere: ``reason`` is a number that people gave, 0 for what the machine itself says."""

    loss: Loss
    seconds: float
    reason: int = 0


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a machine or of many, over a time; each carries what it was made of."""

    availability: Figure = Figure()
    performance: Figure = Figure()
    """In seconds: ideal time of what was produced / time in operation."""
    quality: Figure = Figure()
    """In seconds of ideal time: good / produced."""
    utilisation: Figure = Figure()
    at_most: float | None = None
    """Product of the known figures: OEE itself when all three are known, else what it is at most."""
    known: bool = False
    """Whether :attr:`at_most` is OEE."""
    confidence: float = 0.0
    """Share of the planned time in which the state is known."""
    losses: tuple[Lost, ...] = ()
    """Greatest first; planned stops are not among them."""
    excused: tuple[Lost, ...] = ()
    """Planned stops that people told."""
    cycle: float | None = None
    """Ideal seconds per piece as used."""
    sums: Sums = Sums()
    notes: frozenset[Note] = frozenset()

    @property
    def oee(self) -> float | None:
        """Between 0 and 1; None while one of the three is not known."""
        return self.at_most if self.known else None

    @property
    def percent(self) -> float | None:
        """:attr:`at_most` in percent."""
        return None if self.at_most is None else round(100 * self.at_most, 1)

    @property
    def lost(self) -> float:
        """Seconds of all losses."""
        return sum(one.seconds for one in self.losses)


def judge(sums: Sums, reasons: Mapping[int, Loss] | None = None) -> Performance:
    """The figures of one machine; ``reasons`` says to which loss each reason belongs."""
    notes = set(sums.notes)
    kinds = reasons or {}
    told = [Lost(kinds.get(key, Loss.IDLING), seconds, key) for key, seconds in sums.reasons.items() if seconds > 0]
    excused = tuple(one for one in told if one.loss is Loss.PLANNED)
    losses = [one for one in told if one.loss is not Loss.PLANNED]
    planned = max(0.0, sums.planned - sum(one.seconds for one in excused))
    running = sums.states.get("running", 0.0)
    losses += [Lost(OF_STATE[state], sums.states.get(state, 0.0)) for state in STATES if state in OF_STATE]
    known = running + sum(one.seconds for one in losses)
    covered = min(1.0, known / planned) if planned else 0.0
    if not planned:
        notes.add(Note.NOTHING_PLANNED)
    elif covered < SURE and Note.NO_STATE not in notes:
        notes.add(Note.STATE_GAPS)
    availability = share(running, known) if covered >= LITTLE else Figure(None, running, known)
    performance = _performance(sums, running, notes)
    quality = _quality(sums, performance, notes)
    if performance.value is not None:
        losses.append(Lost(Loss.SPEED, running - performance.part))
        if quality.value is not None:
            pieces, rejects = sums.pieces or 1.0, sums.rejects or 0.0  # neither is missing where quality is known
            starting = min(sums.start_up, rejects)
            losses.append(Lost(Loss.DEFECTS, performance.part * ((rejects - starting) / pieces)))
            losses.append(Lost(Loss.START_UP, performance.part * (starting / pieces)))
    seen = sum(sums.states.values()) + sum(sums.outside.values()) + sum(sums.reasons.values())
    everywhere = running + sums.outside.get("running", 0.0)
    utilised = share(everywhere, seen) if sums.calendar and seen >= LITTLE * sums.calendar else Figure()
    at_most, whole = _product(availability, performance, quality)
    return Performance(
        availability=availability,
        performance=performance,
        quality=quality,
        utilisation=utilised,
        at_most=at_most,
        known=whole,
        confidence=covered,
        losses=ordered(losses),
        excused=ordered(excused),
        cycle=running / sums.possible if sums.possible and running else None,
        sums=sums,
        notes=frozenset(notes),
    )


def _performance(sums: Sums, running: float, notes: set[Note]) -> Figure:
    if sums.pieces is None:
        notes.add(Note.NO_COUNT)
        return Figure()
    if sums.possible is None:
        notes.add(Note.NO_CYCLE)
        return Figure()
    if sums.possible <= 0:
        return Figure()
    ratio = sums.pieces / sums.possible
    # One piece more than fits is the piece that was begun before.
    if ratio > 1 + TOLERANCE and sums.pieces - sums.possible > 1:
        notes.add(Note.CYCLE_WRONG)
        return Figure(None, sums.pieces, sums.possible)
    return share(min(1.0, ratio) * running, running)


def _quality(sums: Sums, performance: Figure, notes: set[Note]) -> Figure:
    if sums.rejects is None:
        if sums.pieces is not None:
            notes.add(Note.NO_REJECTS)
        return Figure()
    if not sums.pieces:
        return Figure()
    if sums.rejects > sums.pieces:
        notes.add(Note.REJECTS_WRONG)
        return Figure(None, sums.rejects, sums.pieces)
    good = (sums.pieces - sums.rejects) / sums.pieces
    ideal = performance.part if performance.value is not None else sums.pieces
    return share(good * ideal, ideal) if ideal else Figure(good, good, 1.0)


def _product(*figures: Figure) -> tuple[float | None, bool]:
    values = [one.value for one in figures]
    if values[0] is None:  # nothing is said of OEE where not even availability is known
        return None, False
    found = 1.0
    for value in values:
        found *= 1.0 if value is None else value
    return found, None not in values or values[0] == 0.0


def ordered(losses: Iterable[Lost]) -> tuple[Lost, ...]:
    """Those of one kind and reason added up, greatest first, nothings left out."""
    sums: dict[tuple[Loss, int], float] = {}
    for one in losses:
        sums[one.loss, one.reason] = sums.get((one.loss, one.reason), 0.0) + one.seconds
    found = [Lost(loss, seconds, reason) for (loss, reason), seconds in sums.items() if seconds > 0]
    return tuple(sorted(found, key=lambda one: (-one.seconds, one.loss, one.reason)))


def together(machines: Iterable[Performance]) -> Performance:
    """Many machines as one: each figure is weighted by the time it is about, those that lack it are left out."""
    found = list(machines)
    parts: dict[str, Figure] = {}
    for name in ("availability", "performance", "quality", "utilisation"):
        having = [figure for one in found if (figure := getattr(one, name)).value is not None]
        parts[name] = share(sum(one.part for one in having), sum(one.whole for one in having))
    at_most, _whole = _product(parts["availability"], parts["performance"], parts["quality"])
    counted = [one for one in found if one.sums.planned > 0]
    sums = Sums()
    for one in found:
        sums += one.sums
    planned = sum(one.sums.planned for one in counted)
    return Performance(
        availability=parts["availability"],
        performance=parts["performance"],
        quality=parts["quality"],
        utilisation=parts["utilisation"],
        at_most=at_most,
        known=bool(counted) and all(one.known for one in counted),
        confidence=sum(one.confidence * one.sums.planned for one in counted) / planned if planned else 0.0,
        losses=ordered(loss for one in found for loss in one.losses),
        excused=ordered(loss for one in found for loss in one.excused),
        sums=sums,
        notes=frozenset(note for one in found for note in one.notes),
    )
