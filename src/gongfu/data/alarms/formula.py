"""Formulas of alarms: the language of computed tags over the tags of one device, without what remembers.

The seam: :func:`compile_formula` gives an object with ``names`` and ``evaluate(columns)``, and nothing else is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from gongfu.data.computed.language import Expression, Kind, Moment, compile_naming
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

LONGEST: Final = 500
"""Characters."""
_ZONE: Final = ZoneInfo("UTC")

Column = NDArray[np.float64]
Columns = Mapping[str, Column]


@dataclass(frozen=True)
class Formula:
    """A compiled expression. ``names``: the tags it needs, in the order they appear."""

    text: str
    names: tuple[str, ...]
    _expression: Expression

    def evaluate(self, columns: Columns) -> Column:
        """Its value for each row of ``columns``; true is 1, false 0, and NaN where it cannot be told."""
        rows = zip(*(columns[name].tolist() for name in self.names), strict=True)
        return np.array([self._value(row) for row in rows], np.float64)

    def _value(self, row: tuple[float, ...]) -> float:
        known = {name: value for name, value in zip(self.names, row, strict=True) if value == value}
        found = self._expression.value(Moment(0, dict(known), 0, _ZONE))
        return float(found) if isinstance(found, bool | int | float) else np.nan


@cache
def compile_formula(text: str) -> Formula:
    """The formula that ``text`` says; raises :class:`Invalid`."""
    if len(text) > LONGEST:
        raise Invalid(mark("The formula is longer than {most} characters."), most=LONGEST)
    expression, names = compile_naming(text)
    if expression.keepers:
        raise Invalid(
            mark("A formula of an alarm has no memory: {what}."),
            remedy=mark("Make a computed tag of it, and a rule for that."),
            what=next(iter(expression.keepers)).rpartition("#")[0][:80],
        )
    if expression.kind is Kind.TEXT:
        raise Invalid(mark("A formula gives true or false, not a text."))
    return Formula(text, names, expression)
