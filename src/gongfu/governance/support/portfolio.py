"""All claims of all enterprises at once, and what another figure in a clause would cost. Pure.

The same arithmetic as :mod:`.rules`, in columns and in whole fen: rates have at most four decimals, so that nothing is
ever rounded twice. A test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from gongfu.governance.support.schemes import Change, Clause, Scheme, changed
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

Fen = NDArray[np.int64]
_RATE = 10_000


@dataclass(frozen=True)
class Claims:
    """Claims in columns of one length."""

    clause: NDArray[np.int16]
    """Position of the clause in the scheme."""
    basis: Fen
    """Fen, or stars."""
    eligible: NDArray[np.bool_]
    """Whether conditions and limits allow it."""
    matter: NDArray[np.int64]
    """The same number for claims that compete."""
    had: Fen
    """What the matter has brought already."""


@dataclass(frozen=True)
class WhatIf:
    """The budget as it is and as it would be, in yuan."""

    before: Decimal
    after: Decimal
    gain: int
    """Claims that would bring more."""
    lose: int
    by_clause: dict[str, tuple[Decimal, Decimal]]


def entitled(scheme: Scheme, claims: Claims) -> Fen:
    """What each claim gives by itself, fen."""
    amounts = np.zeros(len(claims.basis), np.int64)
    if len(claims.basis) and int(claims.basis.max(initial=0)) > 10**14:
        raise Invalid(mark("A basis beyond a trillion yuan cannot be right."))
    for position, clause in enumerate(scheme.clause):
        rows = np.flatnonzero((claims.clause == position) & claims.eligible)
        if len(rows):
            amounts[rows] = _formula(clause, claims.basis[rows])
    return amounts


def due(scheme: Scheme, claims: Claims) -> Fen:
    """What is to be paid for each claim, fen: the highest of a matter, less what it has brought."""
    amounts = entitled(scheme, claims)
    order = np.lexsort((np.arange(len(amounts)), -amounts, claims.matter))
    first = np.ones(len(order), np.bool_)
    first[1:] = claims.matter[order][1:] != claims.matter[order][:-1]
    paid = np.zeros(len(amounts), np.int64)
    chosen = order[first]
    paid[chosen] = np.maximum(0, amounts[chosen] - np.maximum(0, claims.had[chosen]))
    return paid


def what_if(scheme: Scheme, claims: Claims, changes: Mapping[str, Change]) -> WhatIf:
    """What ``changes`` (see :func:`.schemes.changed`) would cost."""
    before, after = due(scheme, claims), due(changed(scheme, changes), claims)
    return WhatIf(
        _yuan(before.sum()),
        _yuan(after.sum()),
        int((after > before).sum()),
        int((after < before).sum()),
        {
            clause.key: (_yuan(before[claims.clause == at].sum()), _yuan(after[claims.clause == at].sum()))
            for at, clause in enumerate(scheme.clause)
        },
    )


def _formula(clause: Clause, basis: Fen) -> Fen:
    if clause.flat is not None:
        return np.full(len(basis), _fen(clause.flat), np.int64)
    if clause.steps:
        unit = 1 if clause.basis_unit == "star" else 100
        edges = np.array([int(step.at_least * unit) for step in clause.steps], np.int64)
        sums = np.array([0, *(_fen(step.amount) for step in clause.steps)], np.int64)
        return sums[np.searchsorted(edges, basis, side="right")]
    parts = np.zeros(len(basis), np.int64)
    overs = [_fen(band.over) for band in clause.bands]
    for number, band in enumerate(clause.bands):
        last = number + 1 == len(overs)
        upper = basis if last else np.minimum(basis, overs[number + 1])
        part = np.maximum(0, upper - overs[number]) * int(band.rate * _RATE)
        if last and clause.cap_reading == "above" and clause.cap is not None:
            part = np.minimum(part, _fen(clause.cap) * _RATE)
        parts += part
    amounts: Fen = (parts + _RATE // 2) // _RATE
    if clause.cap is not None and clause.cap_reading == "whole":
        amounts = np.minimum(amounts, _fen(clause.cap))
    return amounts


def _fen(yuan: Decimal) -> int:
    return int((yuan * 100).to_integral_value())


def _yuan(fen: np.int64) -> Decimal:
    return Decimal(int(fen)) / 100


def columns(rows: Sequence[tuple[int, int, bool, int, int]]) -> Claims:
    """From rows of clause, basis, eligible, matter, had."""
    clause, basis, eligible, matter, had = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Claims(
        np.array(clause, np.int16),
        np.array(basis, np.int64),
        np.array(eligible, np.bool_),
        np.array(matter, np.int64),
        np.array(had, np.int64),
    )
