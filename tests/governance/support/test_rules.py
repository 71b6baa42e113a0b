"""Every clause gives what its words say; together, the highest counts and nothing is paid twice."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.governance.support import portfolio
from gongfu.governance.support.cases import Case, all_cases
from gongfu.governance.support.rules import Claim, Entry, Result, Why, formula, judge, settle
from gongfu.governance.support.schemes import MOST, Clause, Scheme, built_in, changed, in_force, parse
from gongfu.kernel.errors import Invalid, NotFound

SCHEMES = {scheme.key: scheme for scheme in built_in()}
QINGPU = SCHEMES["qingpu-2022"]
CLAUSES = [(scheme, clause) for scheme in built_in() for clause in scheme.clause]
_DAY = dt.date(2023, 6, 1)
_LATE = dt.date(2026, 12, 1)
_CASES = all_cases()
yuan = st.decimals(0, 50_000_000, places=2)


def _all_facts(scheme: Scheme, clause: Clause) -> frozenset[str]:
    return frozenset({one.key for one in (*scheme.condition, *clause.condition)} | {"selected"})


def _claim(
    scheme: Scheme,
    clause: Clause,
    basis: Decimal = Decimal(0),
    *,
    matter: str = "m",
    year: int = 2023,
    on: dt.date = _DAY,
) -> Claim:
    applicant = clause.applicants[0]
    return Claim("e", matter, clause.key, on, basis, _all_facts(scheme, clause), year, applicant)


@pytest.mark.parametrize(
    ("scheme", "case", "result"), _CASES, ids=[f"{s.key}-{c.clause}-{c.due}" for s, c, _ in _CASES]
)
def test_examples_beside_the_rules(scheme: Scheme, case: Case, result: Result) -> None:
    assert result.due == case.due, [line.text("zh-hans") for line in result.lines]
    if case.why:
        assert case.why in {line.why for line in result.lines}


def test_every_clause_has_examples() -> None:
    assert {(scheme.key, clause.key) for scheme, clause in CLAUSES} == {(s.key, c.clause) for s, c, _ in _CASES}


@pytest.mark.parametrize(("scheme", "clause"), CLAUSES, ids=[f"{s.key}-{c.key}" for s, c in CLAUSES])
def test_every_condition_is_needed(scheme: Scheme, clause: Clause) -> None:
    whole = _claim(scheme, clause, Decimal(10_000_000))
    assert judge(scheme, whole).entitled > 0
    for fact in {one.key for one in clause.condition}:
        lacking = Claim(
            whole.enterprise, "m", clause.key, _DAY, whole.basis, whole.facts - {fact}, whole.year, whole.applicant
        )
        result = judge(scheme, lacking)
        assert result.entitled == 0
        assert Why.MISSING in {line.why for line in result.lines}


@given(st.sampled_from(CLAUSES), yuan, yuan)
def test_a_clause_never_gives_less_for_more_nor_more_than_its_cap(
    one: tuple[Scheme, Clause], first: Decimal, second: Decimal
) -> None:
    clause = one[1]
    low, high = sorted((first, second))
    small, great = formula(clause, low), formula(clause, high)
    most = clause.cap if clause.cap is not None else max([clause.flat or Decimal(0), *(s.amount for s in clause.steps)])
    assert 0 <= small <= great <= most
    if clause.bands:
        assert great <= high


@given(
    st.lists(
        st.tuples(st.sampled_from(QINGPU.clause), yuan, st.sampled_from("ab"), st.integers(2022, 2026)), max_size=6
    ),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(2022, 2026), yuan), max_size=4),
)
def test_a_matter_never_brings_more_than_its_highest_single_support(
    asked: list[tuple[Clause, Decimal, str, int]], had: list[tuple[str, int, Decimal]]
) -> None:
    ledger = [Entry("e", f"{matter}@{year}", "luan", "9", year, amount) for matter, year, amount in had]
    ledger += [Entry("somebody else", "a", "qingpu", "1.1", 0, Decimal(1))]
    claims = [
        _claim(QINGPU, clause, basis, matter=matter, year=year, on=_LATE) for clause, basis, matter, year in asked
    ]
    results = settle(SCHEMES, [(QINGPU.key, claim) for claim in claims], ledger)
    matters: dict[str, list[Result]] = {}
    for result in results:
        key = f"{result.claim.matter}@{result.claim.year}" if result.clause.yearly else result.claim.matter
        matters.setdefault(key, []).append(result)
    for key, ones in matters.items():
        before = sum((entry.amount for entry in ledger if entry.enterprise == "e" and entry.matter == key), Decimal(0))
        paid = sum((one.due for one in ones), Decimal(0))
        assert 0 <= paid <= max(one.entitled for one in ones)
        if not any(one.clause.matches for one in ones):
            assert before + paid <= max(before, *(one.entitled for one in ones))
    for clause in QINGPU.clause:
        mine = [one for one in results if one.clause.key == clause.key and one.due > 0]
        if clause.once:
            assert len(mine) <= 1
        if clause.years:
            assert len({one.claim.year for one in mine}) <= clause.years


def test_what_is_given_once_is_not_given_twice_in_one_application() -> None:
    clause = QINGPU.find("1.1")
    both = [(QINGPU.key, _claim(QINGPU, clause, matter=matter)) for matter in ("a", "b")]
    first, second = settle(SCHEMES, both, [])
    assert (first.due, second.due) == (Decimal(50_000), Decimal(0))
    assert Why.ONCE in {line.why for line in second.lines}


def test_the_higher_clause_counts_and_the_other_says_so() -> None:
    claims = [(QINGPU.key, _claim(QINGPU, QINGPU.find(key), Decimal(5_000_000))) for key in ("2.1", "2.2")]
    lower, higher = settle(SCHEMES, claims, [])
    assert (lower.due, higher.due) == (Decimal(0), Decimal(1_000_000))
    assert "就高不就低" in lower.lines[-1].text("zh-hans")


def test_money_paid_back_can_be_had_again() -> None:
    clause = QINGPU.find("1.2")
    paid = [
        Entry("e", "m", "qingpu", "1.2", 2023, Decimal(200_000)),
        Entry("e", "m", "qingpu", "1.2", 2023, Decimal(-200_000)),
    ]
    assert settle(SCHEMES, [(QINGPU.key, _claim(QINGPU, clause))], paid)[0].due == Decimal(200_000)


def test_an_application_is_judged_by_the_version_of_its_date() -> None:
    text = (
        'family = "qingpu"\nversion = "2024"\ntitle = "t"\ntitle_en = "t"\nissuer = "i"\nissuer_en = "i"\n'
        'document = "d"\nin_force = 2024-01-01\nuntil = 2028-12-31\n'
        '[[clause]]\nkey = "1.1"\ncite = "c"\ntitle = "t"\ntitle_en = "t"\nwords = "w"\nflat = "60000"\n'
    )
    both = (*built_in(), parse(text))
    assert in_force(both, "qingpu", dt.date(2023, 12, 31)).version == "2022"
    assert in_force(both, "qingpu", dt.date(2024, 1, 1)).version == "2024"
    with pytest.raises(NotFound):
        in_force(both, "qingpu", dt.date(2031, 1, 1))


@pytest.mark.parametrize(
    "basis", [Decimal(-1), Decimal("NaN"), Decimal("Infinity"), MOST + 1, Decimal("-0.01"), Decimal("1e30")]
)
def test_absurd_sums_are_refused(basis: Decimal) -> None:
    with pytest.raises(Invalid, match="cannot be a sum of money"):
        Claim("e", "m", "1.1", _DAY, basis)


@pytest.mark.parametrize(
    "change", [{"cap": "-1"}, {"flat": "5"}, {"bands": "x"}, {"cap": "many"}, {"years": -3}, {"cap_reading": "above"}]
)
def test_a_figure_that_makes_no_sense_is_refused(change: dict[str, str | int | bool]) -> None:
    with pytest.raises(Invalid):
        changed(QINGPU, {"2.1": change})


_ROWS = st.lists(
    st.tuples(
        st.integers(0, len(QINGPU.clause) - 1),
        st.integers(0, 5_000_000_000),
        st.booleans(),
        st.integers(1, 6),
        st.integers(0, 100_000_000),
    ),
    max_size=25,
)


@given(_ROWS)
def test_columns_say_what_single_claims_say(rows: list[tuple[int, int, bool, int, int]]) -> None:
    had = {matter: amount for _, _, _, matter, amount in rows}
    rows = [(clause, basis, eligible, matter, had[matter]) for clause, basis, eligible, matter, _ in rows]
    claims = portfolio.columns(rows)
    amounts, paid = portfolio.entitled(QINGPU, claims), portfolio.due(QINGPU, claims)
    for row, (clause, basis, eligible, _, _) in enumerate(rows):
        expected = formula(QINGPU.clause[clause], Decimal(basis) / 100) if eligible else Decimal(0)
        assert Decimal(int(amounts[row])) / 100 == expected
    for matter, before in had.items():
        mine = claims.matter == matter
        assert int(paid[mine].sum()) == max(0, int(amounts[mine].max(initial=0)) - before)
        assert np.count_nonzero(paid[mine]) <= 1


def test_what_another_cap_would_cost() -> None:
    position = [clause.key for clause in QINGPU.clause].index("3.1")
    claims = portfolio.columns([(position, 5_000_000, True, number, 0) for number in range(100)])
    found = portfolio.what_if(QINGPU, claims, {"3.1": {"cap": "25000"}})
    assert (found.before, found.after) == (Decimal(2_000_000), Decimal(2_500_000))
    assert (found.gain, found.lose) == (100, 0)
    assert found.by_clause["3.1"] == (Decimal(2_000_000), Decimal(2_500_000))


def test_every_line_can_be_read_in_both_languages() -> None:
    for _, _, result in _CASES:
        for line in result.lines:
            assert "{" not in line.text("en") + line.text("zh-hans")
