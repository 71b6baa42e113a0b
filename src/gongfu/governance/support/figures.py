"""A scheme as people read it: every clause in a row of figures, its limits and readings said in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import msgspec

from gongfu.governance.support.schemes import Band, Change, Clause, Scheme, Step
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark, translate

_READINGS = {
    "cap_reading": {
        "whole": mark("The cap holds for the whole sum."),
        "above": mark("The cap holds for what lies above the last threshold alone."),
    },
    "years_reading": {
        "consecutive": mark("The years follow each other from the first on, claimed or not."),
        "any": mark("Any such number of years, gaps allowed."),
    },
    "highest_reading": {
        "matter": mark("The highest counts among what supports one and the same matter."),
        "enterprise": mark("The highest counts among all an enterprise asks for within one year."),
    },
    "general_reading": {
        "enterprises": mark("Conditions of every clause are asked of enterprises, not of others a clause names."),
        "everybody": mark("The conditions of every clause are asked of every applicant."),
    },
}


@dataclass(frozen=True)
class Reading:
    """How ambiguous words are taken. ``field`` is the parameter that takes them the other way."""

    field: str
    taken: str
    """A marked text."""
    other: str
    """A marked text; empty where the alternative is any other figure."""

    def text(self, language: str | None = None) -> str:
        """What is taken."""
        return translate(self.taken, language)

    def alternative(self, language: str | None = None) -> str:
        """What could have been taken."""
        return translate(self.other, language) if self.other else ""


@dataclass(frozen=True)
class Figure:
    """One number that a what-if may change: ``name`` as in a form, such as ``rate.1``."""

    name: str
    label: str
    """A marked text; ``{over}`` is filled from ``over``."""
    value: Decimal
    unit: str
    """``yuan``, ``percent`` or ``years``."""
    over: Decimal | None = None

    def text(self, language: str | None = None) -> str:
        """What it is called."""
        return translate(self.label, language).format(over=plain(self.over or Decimal(0)))

    @property
    def shown(self) -> str:
        """The number without needless zeros, as a form takes it."""
        return f"{self.value.normalize():f}"


def plain(number: Decimal) -> str:
    """Grouped by thousands, without needless zeros."""
    return f"{number:,f}" if number != number.to_integral_value() else f"{int(number):,}"


def figures(clause: Clause) -> list[Figure]:
    """The numbers of ``clause``, in the order of reading."""
    found = []
    if clause.flat is not None:
        found.append(Figure("flat", mark("Fixed sum"), clause.flat, "yuan"))
    for number, band in enumerate(clause.bands):
        if band.over:
            found.append(Figure(f"over.{number}", mark("Threshold"), band.over, "yuan"))
        label = mark("Rate above {over} yuan") if band.over else mark("Rate of support")
        found.append(Figure(f"rate.{number}", label, band.rate * 100, "percent", band.over))
    for number, step in enumerate(clause.steps):
        label = mark("Sum from {over} stars on")
        found.append(Figure(f"amount.{number}", label, step.amount, "yuan", step.at_least))
    if clause.cap is not None:
        found.append(Figure("cap", mark("Cap"), clause.cap, "yuan"))
    if clause.years:
        found.append(Figure("years", mark("Number of years"), Decimal(clause.years), "years"))
    return found


def readings(clause: Clause) -> list[Reading]:
    """Where the words of ``clause`` can be taken two ways."""
    found = [_reading(name, str(getattr(clause, name))) for name in reading_fields(clause)]
    if clause.steps_reading:
        found.append(Reading("steps", clause.steps_reading, ""))
    return found


def reading_fields(clause: Clause) -> list[str]:
    """Parameters of ``clause`` that choose a reading."""
    return [
        *(["cap_reading"] if len(clause.cap_readings) > 1 else []),
        *(["years_reading"] if clause.years else []),
    ]


def of_scheme(scheme: Scheme) -> list[Reading]:
    """Where words about all clauses can be taken two ways."""
    found = [_reading("highest_reading", scheme.highest_reading)]
    if any(clause.applicants != ("enterprise",) for clause in scheme.clause) and scheme.condition:
        found.append(_reading("general_reading", scheme.general_reading))
    return found


def options(field: str) -> Mapping[str, str]:
    """Values of a reading with their marked texts."""
    return _READINGS[field]


def _reading(field: str, value: str) -> Reading:
    texts = _READINGS[field]
    return Reading(field, texts[value], next(text for name, text in texts.items() if name != value))


def limits(clause: Clause) -> list[str]:
    """Marked texts: what limits a claim besides the cap."""
    said = {
        mark("once for an enterprise"): clause.once,
        mark("each year by itself"): clause.yearly,
        mark("“at most”: decided case by case"): clause.at_most,
        mark("chosen among those who qualify (择优)"): clause.selective,
        mark("matches money of a higher level"): clause.matches,
    }
    return [text for text, holds in said.items() if holds]


def form(clause: Clause) -> str:
    """Marked text: what kind of sum it is."""
    if clause.flat is not None:
        return mark("fixed sum")
    if clause.steps:
        return mark("sum by steps")
    return mark("share of expenses") if len(clause.bands) == 1 else mark("shares by bands")


def change_of(clause: Clause, given: Mapping[str, str]) -> dict[str, Change]:
    """What a form says other than ``clause``: clause key → changed fields, for :func:`.schemes.changed`.

    ``given`` has names of :func:`figures` and :func:`reading_fields`. Raises :class:`Invalid`.
    """
    known = {figure.name: figure for figure in figures(clause)}
    fields: dict[str, str | int | bool | list[dict[str, str]]] = {}
    bands, steps = list(clause.bands), list(clause.steps)
    for name, text in given.items():
        if name in reading_fields(clause):
            fields |= {name: text} if text and text != getattr(clause, name) else {}
            continue
        if name not in known or not text.strip():
            continue
        number = _number(text, clause)
        if number == known[name].value:
            continue
        part, _, place = name.partition(".")
        if part == "rate":
            bands[int(place)] = msgspec.structs.replace(bands[int(place)], rate=number / 100)
        elif part == "over":
            bands[int(place)] = msgspec.structs.replace(bands[int(place)], over=number)
        elif part == "amount":
            steps[int(place)] = msgspec.structs.replace(steps[int(place)], amount=number)
        else:
            fields[name] = f"{number:f}"
    if tuple(bands) != clause.bands:
        fields["bands"] = [_plain_band(band) for band in bands]
    if tuple(steps) != clause.steps:
        fields["steps"] = [_plain_step(step) for step in steps]
    return {clause.key: fields} if fields else {}


def _plain_band(band: Band) -> dict[str, str]:
    return {"over": f"{band.over:f}", "rate": f"{band.rate:f}"}


def _plain_step(step: Step) -> dict[str, str]:
    return {"at_least": f"{step.at_least:f}", "amount": f"{step.amount:f}"}


def _number(text: str, clause: Clause) -> Decimal:
    try:
        number = Decimal(text.replace(",", "").replace("，", "").strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 15:
        raise Invalid(
            mark("{value} is no figure for clause {clause}."),
            remedy=mark("Enter a number, such as 20000 or 50."),
            value=repr(text[:40]),
            clause=clause.key,
        )
    return number


@dataclass(frozen=True)
class Difference:
    """One figure or text that differs between two versions; empty where one has none."""

    clause: str
    title: str
    label: str
    """A marked text."""
    over: Decimal | None
    before: str
    after: str

    def text(self, language: str | None = None) -> str:
        """What it is about."""
        return translate(self.label, language).format(over=plain(self.over or Decimal(0)))


def differences(before: Scheme, after: Scheme) -> list[Difference]:
    """What changed from one version to the other, clause by clause."""
    old, new = ({clause.key: clause for clause in one.clause} for one in (before, after))
    found = []
    for key in dict.fromkeys([*old, *new]):
        if key not in old or key not in new:
            here = old.get(key) or new[key]
            label = mark("Clause added") if key in new else mark("Clause dropped")
            texts = ("", here.words) if key in new else (here.words, "")
            found.append(Difference(key, here.title, label, None, *texts))
            continue
        found += _clause_differences(old[key], new[key])
    for name in ("highest_reading", "general_reading"):
        was, now = (str(getattr(one, name)) for one in (before, after))
        if was != now:
            found.append(Difference("", "", mark("Reading"), None, _READINGS[name][was], _READINGS[name][now]))
    return found


def _clause_differences(old: Clause, new: Clause) -> list[Difference]:
    found = []
    was, now = ({figure.name: figure for figure in figures(one)} for one in (old, new))
    for name in dict.fromkeys([*was, *now]):
        first, second = was.get(name), now.get(name)
        texts = [f"{plain(one.value)}{' %' if one.unit == 'percent' else ''}" if one else "" for one in (first, second)]
        if texts[0] != texts[1]:
            one = second or first
            assert one is not None
            found.append(Difference(new.key, new.title, one.label, one.over, texts[0], texts[1]))
    for name in ("cap_reading", "years_reading"):
        first_text, second_text = str(getattr(old, name)), str(getattr(new, name))
        if first_text != second_text:
            texts = [_READINGS[name][one] for one in (first_text, second_text)]
            found.append(Difference(new.key, new.title, mark("Reading"), None, texts[0], texts[1]))
    if old.words != new.words:
        found.append(Difference(new.key, new.title, mark("Words"), None, old.words, new.words))
    return found
