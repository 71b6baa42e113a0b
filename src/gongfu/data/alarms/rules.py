"""Alarm rules as the control plane publishes them, and the states of an alarm. Pure.

Words after IEC 62682:2022 and ANSI/ISA-18.2-2016: set-point (here ``limit``), dead-band, on-delay, off-delay,
suppression by design (here ``gate``), first-out, latching, shelving. Four priorities, as EEMUA 191 and ISA-18.2 advise
no more than three or four.
"""

from __future__ import annotations

import math
from enum import IntEnum, StrEnum
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from gongfu.data.alarms import formula as formulas
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

LONGEST_DELAY: Final = 30 * 86_400.0
"""Longest delay or window, seconds."""
MOST_INPUTS: Final = 8
"""Tags one formula may name."""

Operator = Literal["=", "!=", "<", "<=", ">", ">="]


class Kind(StrEnum):
    """What a rule looks at."""

    HIGH_HIGH = "hihi"
    HIGH = "high"
    LOW = "low"
    LOW_LOW = "lolo"
    RATE = "rate"
    """Change per second over ``window`` seconds."""
    DEVIATION = "deviation"
    """Distance from ``setpoint``, or from the tag ``other``."""
    FROZEN = "frozen"
    """Not moved by more than the dead-band for ``window`` seconds."""
    NO_DATA = "no_data"
    """No usable reading for ``window`` seconds."""
    EQUALS = "equals"
    """A state, a switch or a text is what it should not be."""
    BAD_QUALITY = "bad"
    FORMULA = "formula"


class Direction(StrEnum):
    """Which way a rate or a deviation counts."""

    BOTH = "both"
    UP = "up"
    DOWN = "down"


class Priority(IntEnum):
    """How soon an operator must act; 1 is the most urgent."""

    URGENT = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4


class Binding(msgspec.Struct, frozen=True, array_like=True):
    """A rule at one device. Series ids; 0: none."""

    device: int
    series: int
    other: int = 0
    gate: int = 0
    inputs: list[int] = []
    """Of a formula, in the order of its names."""


class RuleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One rule and where it applies: what ``gongfu streams`` is told. Times in seconds."""

    id: int
    org: int
    kind: Kind
    limit: float = 0.0
    """Set-point of the alarm: a value, a change per second, a distance."""
    text: str = ""
    """What a text is compared with; the number ``limit`` otherwise."""
    negated: bool = False
    """*Equals* means *differs from*."""
    setpoint: float = 0.0
    direction: Direction = Direction.BOTH
    deadband: float = 0.0
    on_delay: float = 0.0
    off_delay: float = 0.0
    window: float = 0.0
    formula: str = ""
    gate_operator: Operator = "="
    gate_value: float = 0.0
    bindings: list[Binding] = []


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm became active or inactive. ``time``: microseconds UTC, by the clock of the readings."""

    org: int
    device: int
    rule: int
    series: int
    time: int
    active: bool
    value: float | None = None
    reason: str = ""
    """``suppressed``: the gate closed; ``changed``: another rule now."""
    late: bool = False
    """Found afterwards in stored readings: nobody looked when it happened."""

    @property
    def id(self) -> str:
        """The same whenever the same readings are looked at again."""
        return f"{self.rule}.{self.device}.{self.time}.{int(self.active)}"


def check(rule: RuleConfig) -> RuleConfig:
    """``rule`` if it can be evaluated; raises :class:`Invalid` naming what is wrong."""
    for name in ("limit", "setpoint", "deadband", "on_delay", "off_delay", "window", "gate_value"):
        if not math.isfinite(getattr(rule, name)):
            raise Invalid(mark("{field} is no number."), field=name)
    if rule.deadband < 0:
        raise Invalid(mark("The dead-band {value} is below zero."), remedy=mark("Use 0 or more."), value=rule.deadband)
    for name in ("on_delay", "off_delay", "window"):
        seconds = getattr(rule, name)
        if not 0 <= seconds <= LONGEST_DELAY:
            raise Invalid(
                mark("{field} cannot be {value} seconds."),
                remedy=mark("Use 0 to {most}."),
                field=name,
                value=seconds,
                most=LONGEST_DELAY,
            )
    if rule.kind in (Kind.FROZEN, Kind.NO_DATA) and rule.window <= 0:
        raise Invalid(
            mark("A rule for frozen values or missing data needs a time."), remedy=mark("Say after how many seconds.")
        )
    if rule.kind in (Kind.RATE, Kind.DEVIATION) and rule.limit < 0:
        raise Invalid(mark("{value} is below zero."), remedy=mark("Say which way it counts instead."), value=rule.limit)
    if rule.kind == Kind.FORMULA:
        names = formulas.compile_formula(rule.formula).names
        if len(names) > MOST_INPUTS:
            raise Invalid(mark("A formula may name {most} tags, not {count}."), most=MOST_INPUTS, count=len(names))
    return rule


def text_code(text: str) -> float:
    """A whole number that stands for ``text`` among values; the same in every process."""
    return float(int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=6).digest()))


class AlarmState(StrEnum):
    """States of IEC 62682 figure 3, as far as people see them; *normal* closes an occurrence."""

    UNACKED = "unack"
    """B: active, nobody has taken notice."""
    ACKED = "acked"
    """C: active, somebody has."""
    RETURNED = "rtn_unack"
    """D: over, nobody has taken notice."""
    LATCHED = "latched"
    """E: over and noticed, but held until somebody resets it."""
    SHELVED = "shelved"
    """F: put aside by an operator, until a time."""
    SUPPRESSED = "suppressed"
    """G: put aside by design."""
    OUT_OF_SERVICE = "out_of_service"
    """H: taken out for maintenance."""
    NORMAL = "normal"
    """A."""


OPEN: Final = tuple(state for state in AlarmState if state is not AlarmState.NORMAL)
"""States of an occurrence that is not over."""
ANNUNCIATED: Final = (AlarmState.UNACKED, AlarmState.ACKED, AlarmState.RETURNED, AlarmState.LATCHED)
"""States an operator's list shows."""


def raised(*, shelved: bool, out_of_service: bool) -> AlarmState:
    """State in which an occurrence begins."""
    if out_of_service:
        return AlarmState.OUT_OF_SERVICE
    return AlarmState.SHELVED if shelved else AlarmState.UNACKED


def cleared(state: AlarmState, *, latching: bool, acknowledged: bool, needs_ack: bool = True) -> AlarmState:
    """State after the condition has gone.

    A latching alarm waits for a reset even after it was acknowledged; who was not told needs not acknowledge.
    """
    if state in (AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE):
        return AlarmState.NORMAL
    if state is AlarmState.UNACKED and not acknowledged and needs_ack:
        return AlarmState.RETURNED
    if state in (AlarmState.UNACKED, AlarmState.ACKED):
        return AlarmState.LATCHED if latching else AlarmState.NORMAL
    return state


def acknowledged(state: AlarmState, *, latching: bool) -> AlarmState:
    """State after somebody took notice; other states stay as they are."""
    if state is AlarmState.UNACKED:
        return AlarmState.ACKED
    if state is AlarmState.RETURNED:
        return AlarmState.LATCHED if latching else AlarmState.NORMAL
    return state


def unshelved(*, active: bool, acknowledged: bool, latching: bool) -> AlarmState:
    """State after shelving ended: an active alarm speaks again, one that is over is closed."""
    if active:
        return AlarmState.ACKED if acknowledged else AlarmState.UNACKED
    return AlarmState.LATCHED if latching and not acknowledged else AlarmState.NORMAL
