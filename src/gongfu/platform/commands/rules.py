"""What may be written to a machine: values, limits, steps, interlocks, and whether it was written. Pure.

An interlock is a condition that must hold now for a value to be written, over other tags of the same device, one on a
line: ``state != 2``, ``speed < 10``, ``door = closed``. It fails safe: what cannot be read does not hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gongfu.kernel.errors import Conflict, Invalid
from gongfu.kernel.i18n import mark

Value = float | bool | str

MOST_INTERLOCKS = 20
MOST_TEXT = 200
_CONDITION = re.compile(r"\s*([A-Za-z0-9_.-]{1,64})\s*(<=|>=|!=|=|<|>)\s*(\S.{0,80}?)\s*")
_TRUE, _FALSE = {"1", "true", "on", "yes", "是", "开"}, {"0", "false", "off", "no", "否", "关"}


class State(StrEnum):
    """Where a command stands."""

    PROPOSED = "proposed"
    SENDING = "sending"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    REFUSED = "refused"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a set-point may be, in engineering units; None: no limit."""

    kind: str
    low: float | None = None
    high: float | None = None
    largest_step: float | None = None


@dataclass(frozen=True, slots=True)
class Interlock:
    """``tag`` is the key of another tag of the device."""

    tag: str
    operator: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.tag} {self.operator} {self.wanted}"


def parse_value(kind: str, text: str) -> Value:
    """What somebody typed, for a tag that is a ``number``, ``boolean`` or ``text``; raises :class:`Invalid`."""
    typed = text.strip()
    if kind == "boolean":
        if typed.lower() in _TRUE | _FALSE:
            return typed.lower() in _TRUE
        raise Invalid(
            mark("{value} is neither on nor off."), remedy=mark("Write 1 for on, 0 for off."), value=repr(typed[:40])
        )
    if kind == "text":
        if not typed or len(typed) > MOST_TEXT or not typed.isprintable():
            raise Invalid(mark("The text must have 1 to {limit} visible characters."), limit=MOST_TEXT)
        return typed
    try:
        number = float(typed)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid(
            mark("{value} is no number."), remedy=mark("Write it like 12.5, without unit."), value=repr(typed[:40])
        )
    return number


def check(value: Value, bounds: Bounds, now: Value | None) -> None:
    """Raises :class:`Invalid` for a value outside its limits, or further from the one ``now`` than one step."""
    if isinstance(value, (bool, str)):
        return
    if bounds.low is not None and value < bounds.low:
        raise Invalid(
            mark("{value} is below the lowest value, {limit}."),
            remedy=mark("Choose a value within the limits."),
            value=f"{value:g}",
            limit=f"{bounds.low:g}",
        )
    if bounds.high is not None and value > bounds.high:
        raise Invalid(
            mark("{value} is above the highest value, {limit}."),
            remedy=mark("Choose a value within the limits."),
            value=f"{value:g}",
            limit=f"{bounds.high:g}",
        )
    if bounds.largest_step is None:
        return
    if not isinstance(now, (int, float)):
        raise Conflict(
            mark("How far {value} is from the present value cannot be seen, for that cannot be read."),
            remedy=mark("Wait until the device delivers it."),
            value=f"{value:g}",
        )
    if abs(value - now) > bounds.largest_step * (1 + 1e-9):
        raise Invalid(
            mark("{value} is {distance} away from the present {now}; one step is at most {limit}."),
            remedy=mark("Go there in several steps."),
            value=f"{value:g}",
            distance=f"{abs(value - now):g}",
            now=f"{now:g}",
            limit=f"{bounds.largest_step:g}",
        )


def parse_interlocks(text: str) -> list[Interlock]:
    """The conditions of a set-point, one on a line; raises :class:`Invalid` naming the line."""
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _CONDITION.fullmatch(line)
        if match is None:
            raise Invalid(
                mark("{line} is no condition."),
                remedy=mark("Write a tag's key, one of = != < <= > >=, and a value, for example: state != 2"),
                line=repr(line[:80]),
            )
        interlock = Interlock(*match.groups())
        if interlock.operator not in ("=", "!=") and _number(interlock.wanted) is None:
            raise Invalid(
                mark("{line} compares with something that is no number."),
                remedy=mark("Use = or != for texts."),
                line=repr(line[:80]),
            )
        found.append(interlock)
    if len(found) > MOST_INTERLOCKS:
        raise Invalid(mark("There are {count} conditions; at most {limit}."), count=len(found), limit=MOST_INTERLOCKS)
    return found


def require(interlocks: Sequence[Interlock], values: Mapping[str, Value | None]) -> None:
    """Raises :class:`Conflict` naming the first condition that does not hold, or whose tag cannot be read now."""
    for interlock in interlocks:
        value = values.get(interlock.tag)
        if value is None:
            raise Conflict(
                mark("Whether {condition} cannot be seen: {tag} cannot be read now."),
                remedy=mark("Wait until the device delivers it, or look at the machine."),
                condition=interlock,
                tag=interlock.tag,
            )
        if not _holds(value, interlock):
            raise Conflict(
                mark("It may be written only while {condition}; {tag} is {value} now."),
                remedy=mark("Bring the machine into that state first."),
                condition=interlock,
                tag=interlock.tag,
                value=said(value),
            )


def _holds(value: Value, interlock: Interlock) -> bool:
    wanted = interlock.wanted
    if isinstance(value, str):
        same = value.strip().casefold() == wanted.casefold()
        return same if interlock.operator == "=" else interlock.operator == "!=" and not same
    number = _number(wanted)
    if number is None and wanted.lower() in _TRUE | _FALSE:
        number = float(wanted.lower() in _TRUE)
    if number is None:
        return False
    have = float(value)
    match interlock.operator:
        case "=":
            return have == number
        case "!=":
            return have != number
        case "<":
            return have < number
        case "<=":
            return have <= number
        case ">":
            return have > number
        case _:
            return have >= number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def raw(value: Value, scale: float, offset: float) -> Value:
    """What to write so that ``value`` = written x scale + offset; raises :class:`Invalid` when scale is 0."""
    if isinstance(value, (bool, str)):
        return value
    if not scale:
        raise Invalid(mark("The scale of the tag is 0."), remedy=mark("Correct the tag's configuration."))
    return (value - offset) / scale


def arrived(wanted: Value, read: Value | None, tolerance: float) -> bool:
    """Whether what is read back is what was written; numbers may differ by ``tolerance``."""
    if read is None:
        return False
    if isinstance(wanted, str) or isinstance(read, str):
        return str(wanted).strip() == str(read).strip()
    return abs(float(wanted) - float(read)) <= max(tolerance, 1e-6 * abs(float(wanted)), 1e-9)


def said(value: Value) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:.9g}" if isinstance(value, (int, float)) else value
