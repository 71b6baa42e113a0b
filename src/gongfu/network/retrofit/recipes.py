"""What a derived tag is: a recipe, and which of its outputs, written as the tag's address. Pure.

The address travels wherever addresses travel (versions, spreadsheets, the bus), so a derived tag is a tag like any
other. Tags of one device with the same recipe share one machine::

    derived:level/state?input=current&idle=0.3,0.5&run=4.1,5.2&dwell=3&sure=0.97
    derived:pulse/count?input=part_pulse&mode=contact&debounce=0.2
    derived:lamps/state?red=lamp_r&green=lamp_g&table=r.fault,R.fault,g.setup,G.running,-.off
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar
from urllib.parse import parse_qsl, quote

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

PREFIX = "derived:"
LONGEST = 255
"""Characters of an address."""


class State(StrEnum):
    """What a machine does; the categories of the information models, in the order of ``codes``."""

    OFF = "off"
    IDLE = "idle"
    SETUP = "setup"
    RUNNING = "running"
    FAULT = "fault"


class Output(StrEnum):
    """What a recipe tells."""

    STATE = "state"
    COUNT = "count"
    RATE = "rate"
    CYCLE = "cycle"
    CONFIDENCE = "confidence"


class Mode(StrEnum):
    """What a pulse input is: a number that climbs, or a contact that closes once for each piece."""

    COUNTER = "counter"
    CONTACT = "contact"


class Threshold(msgspec.Struct, frozen=True):
    """A boundary with hysteresis: above ``rise`` is the upper side, below ``fall`` the lower."""

    fall: float
    rise: float


DEFAULT_CODES = (0, 1, 2, 3, 4)
DEFAULT_TABLE = (
    ("r", State.FAULT),
    ("R", State.FAULT),
    ("y", State.IDLE),
    ("g", State.SETUP),
    ("G", State.RUNNING),
    ("Y", State.IDLE),
    ("b", State.IDLE),
    ("B", State.IDLE),
    ("-", State.OFF),
)
"""First match wins: a capital is a steady lamp, a small letter a blinking one, ``-`` none lit. Red means danger,
yellow abnormal, green normal, blue wants somebody (colours: IEC 60073); what a blink means is this table's choice."""


class Level(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clamp, a power meter or a vibration sensor: off, idle, running by two thresholds, or by one."""

    kind: ClassVar[str] = "level"
    outputs: ClassVar[tuple[Output, ...]] = (Output.STATE, Output.CONFIDENCE)
    input: str
    run: Threshold
    idle: Threshold | None = None
    """Between off and idle. Without it what lies below ``run`` is ``below``."""
    below: State = State.OFF
    dwell: float = 3.0
    """Seconds for which a new state must last before it is believed."""
    sure: float = 1.0
    """How well the thresholds divide what was measured, 0 to 1."""
    stale: float = 120.0
    """Seconds of silence after which what is said is uncertain."""
    codes: tuple[int, ...] = DEFAULT_CODES

    @property
    def inputs(self) -> dict[str, str]:
        """Role → key of the tag."""
        return {"input": self.input}


class Pulse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A counter or a contact: pieces, pieces an hour, cycle time; running while pulses keep coming."""

    kind: ClassVar[str] = "pulse"
    outputs: ClassVar[tuple[Output, ...]] = (
        Output.STATE,
        Output.COUNT,
        Output.RATE,
        Output.CYCLE,
        Output.CONFIDENCE,
    )
    input: str
    mode: Mode = Mode.COUNTER
    modulus: int = 0
    """The counter goes from ``modulus`` - 1 to 0; 0: it does not roll over, and a fall is a reset."""
    debounce: float = 0.05
    """Shortest time between two pulses, seconds; what comes faster is bounce or noise."""
    pieces: float = 1.0
    """Pieces a pulse."""
    times: float = 3.0
    """Running while the last pulse is no older than so many cycle times."""
    patience: float = 60.0
    """Seconds used in place of that while the cycle time is not known."""
    stale: float = 120.0
    codes: tuple[int, ...] = DEFAULT_CODES

    @property
    def inputs(self) -> dict[str, str]:
        """Role → key of the tag."""
        return {"input": self.input}


class Lamps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stack light, each lamp an on/off tag, steady or blinking."""

    kind: ClassVar[str] = "lamps"
    outputs: ClassVar[tuple[Output, ...]] = (Output.STATE, Output.CONFIDENCE)
    red: str = ""
    yellow: str = ""
    green: str = ""
    blue: str = ""
    blink: float = 3.0
    """Seconds in which a blinking lamp changes at least twice. It must be sampled four times a blink or faster."""
    dwell: float = 2.0
    stale: float = 120.0
    table: tuple[tuple[str, State], ...] = DEFAULT_TABLE
    codes: tuple[int, ...] = DEFAULT_CODES

    @property
    def inputs(self) -> dict[str, str]:
        """Role → key of the tag."""
        return {colour: key for colour in ("red", "yellow", "green", "blue") if (key := getattr(self, colour))}


Recipe = Level | Pulse | Lamps
KINDS: dict[str, type[Level] | type[Pulse] | type[Lamps]] = {one.kind: one for one in (Level, Pulse, Lamps)}


def is_derived(address: str) -> bool:
    """Whether a tag of this address is computed by the gateway and not read from the device."""
    return address.startswith(PREFIX)


def code(recipe: Recipe, state: State) -> int:
    """The number that stands for ``state`` in the series."""
    return recipe.codes[list(State).index(state)]


def parse(address: str) -> tuple[Recipe, Output]:
    """The recipe and output that an address names; raises :class:`Invalid`."""
    head, _, query = address.removeprefix(PREFIX).partition("?")
    kind, _, output = head.partition("/")
    if not is_derived(address) or kind not in KINDS or output not in [str(one) for one in KINDS[kind].outputs]:
        raise Invalid(
            mark("{address} names no recipe and output."),
            remedy=mark("Write it like derived:level/state?input=current&run=4,5."),
            address=address[:80],
        )
    try:
        pairs = parse_qsl(query, strict_parsing=True, max_num_fields=20, errors="strict")
        told = {name: _value(name, text) for name, text in pairs}
        if len(told) != len(pairs):
            raise ValueError("a parameter stands there twice")
        recipe: Recipe = msgspec.convert(told, KINDS[kind], strict=False)
    except (ValueError, msgspec.ValidationError) as error:
        raise Invalid(
            mark("The recipe {address} cannot be read: {reason}."), address=address[:80], reason=error
        ) from None
    _check(recipe)
    return recipe, Output(output)


def write(recipe: Recipe, output: Output) -> str:
    """The address that :func:`parse` reads; raises :class:`Invalid` when it is longer than an address may be."""
    text = "&".join(f"{name}={quote(value, safe=',.:;-_')}" for name, value in _written(recipe))
    address = f"{PREFIX}{recipe.kind}/{output}?{text}"
    if len(address) > LONGEST:
        raise Invalid(
            mark("The recipe takes {length} characters, {most} fit."),
            remedy=mark("Give the input tags shorter keys."),
            length=len(address),
            most=LONGEST,
        )
    return address


def _value(name: str, text: str) -> object:
    match name:
        case "run" | "idle":
            fall, _, rise = text.partition(",")
            return {"fall": float(fall), "rise": float(rise)}
        case "codes":
            return [int(part) for part in text.split(",")]
        case "table":
            return [part.split(".") for part in text.split(",")]
        case _:
            return text


def _written(recipe: Recipe) -> Iterator[tuple[str, str]]:
    for field in msgspec.structs.fields(type(recipe)):
        value = getattr(recipe, field.name)
        if value is None or (not field.required and value == field.default):
            continue
        match field.name:
            case "run" | "idle":
                yield field.name, f"{value.fall:.6g},{value.rise:.6g}"
            case "codes":
                yield field.name, ",".join(map(str, value))
            case "table":
                yield field.name, ",".join(f"{lamps}.{state}" for lamps, state in value)
            case _:
                yield field.name, f"{value:.6g}" if isinstance(value, float) else str(value)


def _check(recipe: Recipe) -> None:
    numbers = [
        value for field in msgspec.structs.fields(type(recipe)) for value in _numbers(getattr(recipe, field.name))
    ]
    if not all(math.isfinite(number) for number in numbers):
        raise Invalid(mark("A number of the recipe is not finite."))
    if not recipe.inputs:
        raise Invalid(mark("A recipe needs an input tag."), remedy=mark("Name one."))
    if len(recipe.codes) != len(State) or not all(0 <= one <= 1_000_000 for one in recipe.codes):
        raise Invalid(mark("A recipe needs {count} state codes, each 0 or more."), count=len(State))
    positive = {name: getattr(recipe, name, 1.0) for name in ("stale", "patience", "times", "pieces", "blink")}
    if name := next((name for name, value in positive.items() if value <= 0), ""):
        raise Invalid(mark("{name} must be greater than 0."), name=name)
    if min(getattr(recipe, "dwell", 0.0), getattr(recipe, "debounce", 0.0), getattr(recipe, "modulus", 0)) < 0:
        raise Invalid(mark("Times and moduli are 0 or more."))
    if isinstance(recipe, Level):
        low, high = recipe.idle, recipe.run
        if high.fall > high.rise or (low is not None and not low.fall <= low.rise <= high.fall):
            raise Invalid(
                mark("The thresholds must not cross."),
                remedy=mark("Give them so that idle falls, idle rises, run falls, run rises, each not below the last."),
            )


def _numbers(value: object) -> list[float]:
    if isinstance(value, Threshold):
        return [value.fall, value.rise]
    return [value] if isinstance(value, float) else []
