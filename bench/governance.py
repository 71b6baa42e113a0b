"""Support rules: how long it takes to say what 100,000 enterprises are due by every clause of both documents.

``evaluate_100k_s``: from columns of facts, expenses and what was had (as a register of enterprises has them) to the sum
due for each clause, by :mod:`gongfu.governance.support.portfolio`. A sample is compared with the rules that explain
themselves; ``explained_per_s`` is how many claims a second these judge one by one.

``forms_p95_ms`` and ``lost``: 1,000 people fill in forms at once on PostgreSQL, see :mod:`forms`.
``indicator_page_ms``:
the slowest page of an indicator above ten million records, see :mod:`indicators`.
"""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import forms
import indicators
import numpy as np
from harness import Result, result

from gongfu.governance.support import portfolio
from gongfu.governance.support.portfolio import Population
from gongfu.governance.support.rules import Claim, judge
from gongfu.governance.support.schemes import Scheme, built_in

MOST = 20_000_000_00
"""Fen; expenses beyond are rare."""


def population(scheme: Scheme, size: int, random: np.random.Generator) -> Population:
    """Enterprises that fulfil most conditions, with expenses from nothing to far above every cap."""
    conditions = [*scheme.condition, *(one for clause in scheme.clause for one in clause.condition)]
    basis = {}
    for clause in scheme.clause:
        stars = clause.basis_unit == "star"
        basis[clause.key] = random.integers(0, 6, size) if stars else (random.pareto(1.0, size) * 2e6).astype(np.int64)
        np.minimum(basis[clause.key], MOST, out=basis[clause.key])
    return Population(
        facts={key: random.random(size) < 0.97 for key in {one.key for one in conditions} | {"selected"}},
        basis=basis,
        had={one.key: random.integers(0, 2, size) * random.integers(0, 10_000_000, size) for one in scheme.clause},
        barred={clause.key: random.random(size) < 0.05 for clause in scheme.clause if clause.once or clause.years},
        size=size,
    )


def agrees(scheme: Scheme, many: Population, entitled: np.ndarray, rows: int) -> int:
    """Compare the first ``rows`` enterprises with the explained rules; returns how many claims were compared."""
    compared = 0
    for number, clause in enumerate(scheme.clause):
        for row in range(rows):
            facts = frozenset(key for key, holds in many.facts.items() if holds[row])
            amount = Decimal(int(many.basis[clause.key][row]))
            claim = Claim(
                enterprise="e",
                matter="m",
                clause=clause.key,
                on=dt.date(2023, 6, 1),
                basis=amount if clause.basis_unit == "star" else amount / 100,
                facts=facts,
                year=2023,
            )
            applies = "enterprise" in clause.applicants
            barred = clause.key in many.barred and many.barred[clause.key][row]
            expected = judge(scheme, claim).entitled if applies and not barred else Decimal(0)
            found = Decimal(int(entitled[number * many.size + row])) / 100
            if found != expected:
                raise AssertionError(f"{scheme.key} {clause.key}: {found} in columns, {expected} by the rules")
            compared += 1
    return compared


def run(quick: bool = False) -> Result:
    """In this process, with nothing else."""
    started = time.perf_counter()
    random = np.random.default_rng(1)
    size = 100_000
    taken, due, compared, explained = 0.0, 0, 0, 0.0
    for scheme in built_in():
        many = population(scheme, size, random)
        begin = time.perf_counter()
        claims = portfolio.claims_of(scheme, many)
        due += int(portfolio.due(scheme, claims).sum())
        taken += time.perf_counter() - begin
        entitled = portfolio.entitled(scheme, claims)
        begin = time.perf_counter()
        compared += agrees(scheme, many, entitled, 50 if quick else 1000)
        explained += time.perf_counter() - begin
    metrics = {
        "evaluate_100k_s": round(taken, 3),
        "clauses": sum(len(scheme.clause) for scheme in built_in()),
        "explained_per_s": round(compared / explained),
        "due_billion_yuan": round(due / 100 / 1e9, 3),
    }
    metrics |= forms.measure(quick)
    metrics |= {
        name: value for name, value in indicators.run(quick).metrics.items() if name in ("indicator_page_ms", "records")
    }
    return result("governance", metrics, {}, started)
