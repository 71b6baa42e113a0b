"""From what somebody wrote to what the index is asked, and whether a record is that. Pure.

A field of a template is compared as what it is: a number with its unit, a date, a choice by any of its names. A field
that no template has is compared as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gongfu.identity.business.fields import Field, TemplateSpec
from gongfu.identity.registry.records import Record
from gongfu.identity.search import typed, words
from gongfu.identity.search.errors import WrongComparison
from gongfu.identity.search.typed import Range
from gongfu.identity.search.words import Asked, Comparison
from gongfu.kernel.i18n import mark

Fields = Mapping[str, Sequence[Field]]
"""Every field of every template one may ask for, by key."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``words`` are all there, of each of ``spellings`` one is, and ``ranges`` hold; ``covers`` are words for those."""

    words: tuple[str, ...] = ()
    spellings: tuple[tuple[str, ...], ...] = ()
    ranges: tuple[Range, ...] = ()
    covers: tuple[tuple[str, ...], ...] = ()


def resolve(asked: Asked, fields: Fields) -> Wanted:
    """What ``asked`` means; raises :class:`WrongComparison` for a comparison that nothing registered can be put to."""
    spellings, ranges, covers = [], [], []
    for comparison in asked.fields:
        known = fields.get(comparison.field.lower(), ())
        wanted = _range(comparison, known)
        if wanted is None:
            spellings.append(_spellings(comparison, known))
            continue
        cover = typed.words(known, wanted)
        if not cover:
            raise _no_range(comparison, known)
        ranges.append(wanted)
        covers.append(tuple(cover))
    return Wanted(asked.words, tuple(spellings), tuple(ranges), tuple(covers))


def fits(record: Record, spec: TemplateSpec | None, wanted: Wanted) -> bool:
    """Whether ``record``, as it is now and as far as its reader may see it, is what was wanted."""
    if wanted.words or wanted.spellings:
        there = set(words.of(record))
        if not there.issuperset(wanted.words) or any(there.isdisjoint(group) for group in wanted.spellings):
            return False
    return all(spec is not None and _holds(record, spec, one) for one in wanted.ranges)


def _holds(record: Record, spec: TemplateSpec, wanted: Range) -> bool:
    field = spec.field(wanted.key)
    return field is not None and any(
        value.index == field.index and value.type == field.key and typed.holds(field, value.text, wanted)
        for value in record.values
    )


def _range(comparison: Comparison, known: Sequence[Field]) -> Range | None:
    """The range that is meant; None when a whole value is."""
    key = comparison.field.lower()
    match comparison.sign:
        case "≥" | ">":
            return Range(key, low=comparison.text, above=comparison.sign == ">")
        case "≤" | "<":
            return Range(key, high=comparison.text, below=comparison.sign == "<")
    ends = comparison.ends
    if ends is None or not any(field.type in typed.ORDERED for field in known):
        return None
    return Range(key, *ends)


def _spellings(comparison: Comparison, known: Sequence[Field]) -> tuple[str, ...]:
    found = dict.fromkeys([words.whole(comparison.field, comparison.text)])
    for field in known:
        if text := typed.spelling(field, comparison.text):
            found[words.whole(field.key, text)] = None
    return tuple(found)


def _no_range(comparison: Comparison, known: Sequence[Field]) -> WrongComparison:
    if any(field.type in typed.ORDERED for field in known):
        units = sorted({field.unit for field in known if field.unit})
        return WrongComparison(
            mark("{text} cannot be compared with {field}."),
            remedy=mark("Write a number, with one of its units if you like ({units}), or a date as 2026-11-20."),
            text=comparison.text[:60],
            field=comparison.field,
            units=", ".join(units) or "–",
        )
    return WrongComparison(
        mark("No template has a field {field} of numbers or dates."),
        remedy=mark("Ask for a whole value: {field}=…"),
        field=comparison.field,
    )
