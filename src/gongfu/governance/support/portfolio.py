"""All claims of all enterprises at once, and what another figure in a clause would cost. Pure.

The same arithmetic as :mod:`.rules`, in columns and in whole fen: rates have at most four decimals, so that nothing is
ever rounded twice. A test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    enterprise: NDArray[np.int64] | None = None
    """Whose claims they are; None: a matter is an enterprise."""


@dataclass(frozen=True)
class Population:
    """What is known of many enterprises, in columns of one length: one row is one enterprise."""

    facts: Mapping[str, NDArray[np.bool_]]
    """Key of a condition → whether it holds; what has no column holds for nobody."""
    basis: Mapping[str, Fen]
    """Key of a clause → fen or stars; what has no column is nothing."""
    had: Mapping[str, Fen]
    """Key of a clause → fen had for its matter."""
    barred: Mapping[str, NDArray[np.bool_]]
    """Key of a clause → whether a limit (once, years) is reached."""
    size: int


def claims_of(scheme: Scheme, many: Population) -> Claims:
    """Every clause for every enterprise, each a matter of its own."""
    nothing, holds = np.zeros(many.size, np.int64), np.ones(many.size, np.bool_)
    nobody = np.zeros(many.size, np.bool_)
    general = holds.copy()
    for condition in scheme.condition:
        general &= many.facts.get(condition.key, nobody)
    eligible = []
    for clause in scheme.clause:
        asked = general if scheme.condition else holds
        for condition in clause.condition:
            asked = asked & many.facts.get(condition.key, nobody)
        if clause.selective:
            asked = asked & many.facts.get("selected", nobody)
        eligible.append(asked & ~many.barred.get(clause.key, nobody))
    keys = [clause.key for clause in scheme.clause]
    rows = np.arange(many.size, dtype=np.int64)
    return Claims(
        clause=np.repeat(np.arange(len(keys), dtype=np.int16), many.size),
        basis=np.concatenate([many.basis.get(key, nothing) for key in keys]),
        eligible=np.concatenate(eligible),
        matter=np.arange(len(keys) * many.size, dtype=np.int64),
        had=np.concatenate([many.had.get(key, nothing) for key in keys]),
        enterprise=np.tile(rows, len(keys)),
    )


@dataclass(frozen=True)
class WhatIf:
    """The budget as it is and as it would be, in yuan."""

    before: Decimal
    after: Decimal
    gain: int
    """Enterprises that would have more."""
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
    worth = np.maximum(0, amounts - np.maximum(0, claims.had))
    order = np.lexsort((np.arange(len(amounts)), -amounts, -worth, claims.matter))
    first = np.ones(len(order), np.bool_)
    first[1:] = claims.matter[order][1:] != claims.matter[order][:-1]
    paid = np.zeros(len(amounts), np.int64)
    chosen = order[first]
    paid[chosen] = worth[chosen]
    return paid


def what_if(scheme: Scheme, claims: Claims, changes: Mapping[str, Change]) -> WhatIf:
    """What ``changes`` (see :func:`.schemes.changed`) would cost."""
    before, after = due(scheme, claims), due(changed(scheme, changes), claims)
    owners = claims.matter if claims.enterprise is None else claims.enterprise
    _, place = np.unique(owners, return_inverse=True)
    more = np.zeros(int(place.max(initial=-1)) + 1, np.int64)
    np.add.at(more, place, after - before)
    return WhatIf(
        _yuan(before.sum()),
        _yuan(after.sum()),
        int((more > 0).sum()),
        int((more < 0).sum()),
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


def owned(claims: Claims, owners: Sequence[int]) -> Claims:
    """``claims`` with the number of the enterprise of each."""
    return replace(claims, enterprise=np.array(owners, np.int64))
