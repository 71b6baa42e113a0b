"""Fields of templates as numbers: what a registered value is, and what somebody asks to lie between. Pure.

Numbers, whole numbers, dates and moments have an order; the other types are asked for by their whole value only.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from gongfu.identity.business import checking
from gongfu.identity.business.fields import Field, TemplateSpec
from gongfu.identity.handle.wire import Value
from gongfu.identity.search import numbers
from gongfu.kernel.errors import GongfuError
from gongfu.network.models import units

ORDERED = ("number", "integer", "date", "datetime")
"""Types of fields that one may ask "between" of."""
MAX_FIELDS = 40
"""Fields of one identifier that are found by range."""
_QUANTITY = re.compile(r"([-+−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d{1,2})?|[-+−]?\.\d+)\s*(.{0,20})")
_ZONE = dt.timezone(dt.timedelta(hours=8))  # what is written without a zone is China's time
_DAY = dt.timedelta(days=1)
_EPOCH = dt.date(1970, 1, 1).toordinal()  # days are small numbers, which are told apart exactly


@dataclass(frozen=True, slots=True)
class Range:
    """What lies from ``low`` to ``high`` in the field ``key``, as it was written; empty: no end on that side."""

    key: str
    low: str = ""
    high: str = ""
    above: bool = False
    """``low`` itself is not meant."""
    below: bool = False
    """``high`` itself is not meant."""


def name(field: Field) -> str:
    """Under which name its numbers stand: fields that share key and unit share the question."""
    return f"{field.key}|{field.unit if field.type in ('number', 'integer') else field.type}"


def number(field: Field, text: str) -> float | None:
    """A registered value as a number; None when it is not what its template says."""
    try:
        if field.type in ("number", "integer"):
            found = float(text)
            return found if math.isfinite(found) else None
        if field.type == "date":
            return float(dt.date.fromisoformat(text).toordinal() - _EPOCH)
        if field.type == "datetime":
            return dt.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        pass
    return None


def quantity(field: Field, text: str) -> Decimal | None:
    """What somebody wrote, with a unit or without, in the field's unit; None when it cannot be that."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        return None
    try:
        given = Decimal(found[1].replace(",", "").replace("−", "-"))
    except InvalidOperation:
        return None
    unit = found[2].strip()
    if not unit or unit == field.unit:
        return given
    known = units.conversion(unit, field.unit)
    if {unit[0], units.canonical(unit)[0]} == {"m", "M"}:
        return None  # whoever writes mW does not mean MW, or does: it is not for us to say
    return None if known is None else Decimal(f"{float(given) * known[0] + known[1]:.12g}")


def limits(field: Field, wanted: Range) -> tuple[float, float] | None:
    """Both ends as numbers of ``field``; None when one of them is none."""
    low = _end(field, wanted.low, later=wanted.above) if wanted.low else -math.inf
    high = _end(field, wanted.high, later=not wanted.below) if wanted.high else math.inf
    return None if low is None or high is None else (low, high)


def holds(field: Field, text: str, wanted: Range) -> bool:
    """Whether the registered ``text`` of ``field`` lies in ``wanted``."""
    value, ends = number(field, text), limits(field, wanted)
    if value is None or ends is None:
        return False
    low, high = ends
    return low <= value <= high and not ((wanted.above and value == low) or (wanted.below and value == high))


def spelling(field: Field, text: str) -> str | None:
    """``text`` as :mod:`gongfu.identity.business.checking` writes it into the handle; None for what does not fit."""
    if field.type in ("number", "integer"):
        given = quantity(field, text)
        if given is None:
            return None
        text = str(int(given)) if given == given.to_integral_value() and abs(given) < 10**15 else str(given)
    try:
        return checking.spelled(field, text)
    except GongfuError:
        return None


def words(fields: Iterable[Field], wanted: Range) -> list[str]:
    """Words of which whatever lies in ``wanted`` has one; empty when no field can be asked so."""
    found: dict[str, None] = {}
    for field in fields:
        ends = limits(field, wanted) if field.type in ORDERED else None
        if ends is not None and ends[0] <= ends[1]:
            found.update(dict.fromkeys(numbers.between(name(field), *ends)))
    return list(found)


def words_of(spec: TemplateSpec, values: Sequence[Value]) -> Iterator[str]:
    """The words by which an identifier with ``values`` is found by range."""
    by_place = {(field.index, field.key): field for field in spec.fields if field.type in ORDERED}
    known = [(by_place.get((value.index, value.type)), value) for value in values] if by_place else []
    for field, value in [(field, value) for field, value in known if field is not None][:MAX_FIELDS]:
        found = number(field, value.text)
        if found is not None:
            yield from numbers.of(name(field), found)


def _end(field: Field, text: str, *, later: bool) -> float | None:
    """A day at the ``later`` end of a range of moments is over when the next begins."""
    if field.type in ("number", "integer"):
        given = quantity(field, text)
        return None if given is None else float(given)
    try:
        if field.type == "date":
            return float(dt.date.fromisoformat(text.strip()).toordinal() - _EPOCH)
        moment = dt.datetime.fromisoformat(text.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=_ZONE)
        if later and len(text.strip()) == len("2026-11-20"):
            moment += _DAY
            return math.nextafter(moment.timestamp(), -math.inf)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None
