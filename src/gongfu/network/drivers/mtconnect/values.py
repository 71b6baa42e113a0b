"""Observations → samples. Pure.

Several conditions of one data item can be active at once: *Normal* without a code ends all of them, *Normal* with a
code only that one (MTConnect Part 3, Condition). A tag shows them all, the worst first.
"""

from __future__ import annotations

import re

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.mtconnect.wire import LEVELS, UNAVAILABLE, Observation
from gongfu.network.gateway.config import TagConfig

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_WORDS = {"TRUE": True, "ON": True, "YES": True, "FALSE": False, "OFF": False, "NO": False}


class Conditions:
    """Which conditions of which data item are active."""

    def __init__(self) -> None:
        self._active: dict[str, dict[str, Observation]] = {}

    def forget(self) -> None:
        """Start anew, before the answer to *current*."""
        self._active.clear()

    def take(self, observation: Observation) -> str | None:
        """What the data item says after ``observation``; None when it is unavailable."""
        active = self._active.setdefault(observation.item, {})
        match observation.level:
            case "Unavailable":
                active.clear()
                return None
            case "Normal":
                if observation.code:
                    active.pop(observation.code, None)
                else:
                    active.clear()
            case _:
                active[observation.code] = observation
        if not active:
            return "Normal"
        worst = sorted(active.values(), key=lambda one: (-LEVELS.index(one.level), one.sequence))
        return "; ".join(_words(one) for one in worst)


def _words(condition: Observation) -> str:
    """``Fault 401 (HIGH): Spindle overload``."""
    head = " ".join(part for part in (condition.level, condition.code) if part)
    head += f" ({condition.qualifier})" if condition.qualifier else ""
    return f"{head}: {condition.text}" if condition.text else head


def sample(tag: TagConfig, key: str, observation: Observation, conditions: Conditions) -> tuple[Sample, str]:
    """The reading of ``tag``, and what is wrong with it, if anything is. ``key`` as in the tag's address."""
    text: str | None = observation.text
    if observation.level:
        text = conditions.take(observation)
    elif text == UNAVAILABLE:
        text = None
    elif observation.entries is not None:
        text = _entry(observation.entries, key)
        if text is None:
            return _bad(tag, observation), f"there is no entry {key}"
    elif key:
        row = (text or "").split()
        if not (key.isascii() and key.isdecimal() and len(key) < 7 and int(key) < len(row)):
            return _bad(tag, observation), f"there is no value {key}"
        text = row[int(key)]
    if text is None:
        return _bad(tag, observation), ""
    value = _fit(tag.kind, text)
    if value is None:
        return _bad(tag, observation), f"{text[:60]!r} is no {tag.kind}"
    return Sample(tag.series, value, observation.time), ""


def _bad(tag: TagConfig, observation: Observation) -> Sample:
    return Sample(tag.series, None, observation.time, Quality.BAD)


def _entry(entries: dict[str, str], key: str) -> str | None:
    if key:
        return entries.get(key)
    return " ".join(f"{name}={value}" for name, value in entries.items())


def _fit(kind: str, text: str) -> float | bool | str | None:
    match kind:
        case "number":
            newest = text.rpartition(" ")[2]  # of a time series
            return float(newest) if _NUMBER.fullmatch(newest) else None
        case "boolean":
            return _WORDS.get(text.upper(), {"1": True, "0": False}.get(text))
        case _:
            return text
