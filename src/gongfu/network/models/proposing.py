"""Which model fits a device: its tags against those of every model, with score and reason for each pair.

Pure. Who decides is a person: this only says what to look at first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from gongfu.network.models import units
from gongfu.network.models.types import DeviceType, Kind, TagType

MOST = 5
"""Proposals that are worth a look."""
LEAST_PAIR = 0.45
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[\u4e00-\u9fff]")
_SAME = (
    *(("temperature", "temp", "tmp", "te", "wendu"), ("pressure", "press", "pres", "pt", "yali")),
    *(("speed", "spd", "velocity", "rpm", "rate", "zhuansu"), ("current", "curr", "amp", "amps", "dianliu")),
    *(("voltage", "volt", "u", "dianya"), ("power", "pwr", "kw", "gonglv"), ("energy", "kwh", "consumption")),
    *(("flow", "flowrate", "fl", "liuliang"), ("level", "lvl", "yewei"), ("position", "pos", "weizhi")),
    *(("count", "counter", "cnt", "number", "qty", "quantity", "parts", "pieces"), ("status", "state", "mode", "sts")),
    *(("setpoint", "sp", "set", "target", "sheding"), ("humidity", "hum", "rh"), ("vibration", "vib", "zhendong")),
    *(("spindle", "spdl", "zhuzhou"), ("torque", "trq", "tq"), ("frequency", "freq", "hz"), ("alarm", "fault", "err")),
    *(("outlet", "out", "discharge", "exhaust", "outgoing"), ("inlet", "in", "intake", "suction", "feed")),
    *(("program", "prog", "recipe", "job"), ("hours", "hour", "runtime", "time"), ("weight", "wt", "mass")),
    *(("factor", "pf", "cos"), ("active", "act", "actual"), ("winding", "coil"), ("bearing", "brg"), ("oil", "lube")),
    *(
        ("total", "totaliser", "totalizer", "sum", "cumulative", "accumulated"),
        ("supply", "flow"),
        ("hydraulic", "hyd"),
    ),
    *(("coolant", "cooling", "clg"), ("water", "wtr"), ("tension", "tens"), ("thickness", "thk"), ("battery", "batt")),
    *(("soc", "charge"), ("cycle", "takt"), ("load", "ld"), ("position", "valve"), ("reject", "ng", "scrap", "bad")),
)
_CANONICAL = {word: group[0] for group in reversed(_SAME) for word in group}
_FILLER = {"the", "of", "a", "value", "val", "pv", "current", "actual", "act", "data", "ch", "ai", "di", "tag", "reg"}
_ZH_FILLER = set("的值实际当前量")


class TagFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a device's tag; lowest and highest value are of the recent past, None when nothing came."""

    key: str
    name: str = ""
    name_en: str = ""
    kind: Kind = "number"
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None
    falls: bool | None = None
    """Whether the value ever became smaller; None when nobody knows."""
    distinct: int | None = None
    """How many different values there were, None when nobody knows."""


class DeviceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a device."""

    tags: Sequence[TagFacts]
    name: str = ""
    manufacturer: str = ""
    product: str = ""
    type: str = ""
    """Model it was entered with, empty for none."""


class Pair(NamedTuple):
    """A tag of the device for a tag of the model, how sure (0 to 1), and why."""

    model_tag: str
    device_tag: str
    score: float
    reasons: tuple[str, ...]
    """Codes: ``same_key``, ``name``, ``words``, ``synonym``, ``unit``, ``unit_converts``, ``range``, ``behaviour``."""


class Proposal(NamedTuple):
    """A model for a device; ``score`` from 0 to 1."""

    model: DeviceType
    score: float
    pairs: tuple[Pair, ...]
    reasons: tuple[str, ...]
    """Codes: ``entered_type``, ``name``, ``tags``."""

    @property
    def missing(self) -> tuple[TagType, ...]:
        """Tags of the model that nothing was found for."""
        found = {pair.model_tag for pair in self.pairs}
        return tuple(tag for tag in self.model.tags if tag.key not in found)


def propose(device: DeviceFacts, models: Iterable[DeviceType], most: int = MOST) -> list[Proposal]:
    """The models that fit best, best first; those that share nothing with the device are left out."""
    found = [proposal for model in models if (proposal := fit(device, model)).score > 0.1]
    found.sort(key=lambda proposal: (-proposal.score, proposal.model.id))
    return found[:most]


def by_name(device: DeviceFacts, models: Iterable[DeviceType], most: int = MOST) -> list[Proposal]:
    """The models whose name the device's own says, for one of which no tags are known; never sure."""
    named = [(share, model) for model in models if (share := _named(device, model)) >= LEAST_PAIR]
    named.sort(key=lambda found: (-found[0], found[1].id))
    return [Proposal(model, round(share / 2, 3), (), ("name",)) for share, model in named[:most]]


def fit(device: DeviceFacts, model: DeviceType) -> Proposal:
    """How well one model fits."""
    pairs = match(device.tags, model)
    weights = {tag.key: 3.0 if tag.required else 2.0 if tag.primary else 1.0 for tag in model.tags}
    covered = sum(pair.score * weights[pair.model_tag] for pair in pairs)
    of_model = covered / sum(weights.values()) if weights else 0.0
    of_device = sum(pair.score for pair in pairs) / len(device.tags) if device.tags else 0.0
    both = 2 * of_model * of_device / (of_model + of_device) if of_model + of_device else 0.0
    reasons = ["tags"] if pairs else []
    score = 0.85 * both
    named = _named(device, model)
    if named:
        score += 0.1 * named
        reasons.append("name")
    if device.type == model.id:
        score += 0.1
        reasons.append("entered_type")
    return Proposal(model, round(min(score, 1.0), 3), tuple(pairs), tuple(reasons))


def match(tags: Sequence[TagFacts], model: DeviceType) -> list[Pair]:
    """Each tag of the model with at most one tag of the device, surest first; every tag is used once."""
    candidates = [
        pair for of_type in model.tags for tag in tags if (pair := _pair(tag, of_type)) and pair.score >= LEAST_PAIR
    ]
    candidates.sort(key=lambda pair: (-pair.score, pair.model_tag, pair.device_tag))
    taken_model: set[str] = set()
    taken_device: set[str] = set()
    result = []
    for pair in candidates:
        if pair.model_tag not in taken_model and pair.device_tag not in taken_device:
            taken_model.add(pair.model_tag)
            taken_device.add(pair.device_tag)
            result.append(pair)
    return result


def _pair(tag: TagFacts, of_type: TagType) -> Pair | None:
    if any((tag.kind == kind) != (of_type.kind == kind) for kind in ("text", "array")):
        return None
    likeness, reasons = _likeness(tag, of_type)
    if likeness < 0.3:
        return None
    score = likeness
    if tag.unit and of_type.unit:
        if units.canonical(tag.unit) == of_type.unit:
            score, reasons = score + 0.15, [*reasons, "unit"]
        elif units.conversion(tag.unit, of_type.unit) is not None:
            score, reasons = score + 0.1, [*reasons, "unit_converts"]
        else:
            return None  # a temperature is no pressure, whatever it is called
    elif tag.unit and not of_type.unit:
        score -= 0.2
    if _outside(tag, of_type):
        score -= 0.25
    elif tag.lowest is not None and of_type.low is not None:
        score, reasons = score + 0.05, [*reasons, "range"]
    behaves = _behaves(tag, of_type)
    if behaves is not None:
        score += 0.05 if behaves else -0.3
        reasons = [*reasons, "behaviour"] if behaves else reasons
    return Pair(of_type.key, tag.key, round(max(0.0, min(score, 1.0)), 3), tuple(reasons))


def _likeness(tag: TagFacts, of_type: TagType) -> tuple[float, list[str]]:
    if tag.key.casefold() == of_type.key:
        return 0.9, ["same_key"]
    said = {text.strip().casefold() for text in (tag.name, tag.name_en, tag.key) if text}
    if {of_type.name.zh.casefold(), of_type.name.en.casefold()} & said:
        return 0.85, ["name"]
    if {synonym.casefold() for synonym in of_type.synonyms} & said:
        return 0.8, ["synonym"]
    wanted = (_words(of_type.key), _words(of_type.name.en), _words(of_type.name.zh))
    given = (_words(tag.key), _words(tag.name_en), _words(tag.name))
    best = max((_overlap(here, there) for here in given for there in wanted), default=0.0)
    return 0.8 * best, ["words"]


def _overlap(here: frozenset[str], there: frozenset[str]) -> float:
    """Share of words in both, of those in either."""
    return len(here & there) / len(here | there) if here and there else 0.0


@lru_cache(maxsize=50_000)
def _words(text: str) -> frozenset[str]:
    found = [word.lower() for word in _WORD.findall(text)]
    kept = [word for word in found if word not in _FILLER and word not in _ZH_FILLER] or found
    return frozenset(_CANONICAL.get(word, word) for word in kept)


def _outside(tag: TagFacts, of_type: TagType) -> bool:
    """Whether what came is mostly beyond what the model allows, in the model's unit."""
    if tag.lowest is None or tag.highest is None or of_type.kind != "number":
        return False
    scale, offset = (units.conversion(tag.unit, of_type.unit) or (1.0, 0.0)) if tag.unit else (1.0, 0.0)
    low, high = sorted((tag.lowest * scale + offset, tag.highest * scale + offset))
    return (of_type.high is not None and low > of_type.high) or (of_type.low is not None and high < of_type.low)


def _behaves(tag: TagFacts, of_type: TagType) -> bool | None:
    """Whether values go as the role says they go; None when that cannot be told."""
    if of_type.role in ("count", "energy", "fuel", "runtime") and tag.falls is not None:
        return not tag.falls
    if of_type.role == "state" and tag.distinct is not None:
        return tag.distinct <= 20
    return None


def _named(device: DeviceFacts, model: DeviceType) -> float:
    """Share of the model's name that the device's own name and product say, 0 to 1."""
    said = _words(f"{device.name} {device.product} {device.type}")
    return max(
        (len(wanted & said) / len(wanted) for wanted in (_words(model.name.zh), _words(model.name.en)) if wanted),
        default=0.0,
    )
