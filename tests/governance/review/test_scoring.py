"""Marks to a result, with its reasons."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.governance.review.scoring import Advice, Criterion, Marks, Policy, check, checked, names_in, result
from gongfu.kernel.errors import Invalid

PLAN = Criterion(key="plan", title="方案", weight=Decimal(60), least=Decimal(50))
EFFECT = Criterion(key="effect", title="成效", weight=Decimal(40), most=Decimal(10))
BOTH = [PLAN, EFFECT]


def marks(letter: str, plan: str, effect: str) -> Marks:
    return Marks(letter=letter, points={"plan": Decimal(plan), "effect": Decimal(effect)})


def test_weights_make_a_total_of_a_hundred() -> None:
    found = result(BOTH, [marks("B", "80", "7.5"), marks("A", "70", "8")], Policy(), extra=0, rounds=0)
    assert found.totals == (("A", Decimal("74.00")), ("B", Decimal("78.00")))
    assert (found.total, found.spread, found.passed, found.advice) == (Decimal(76), Decimal(4), True, Advice.NONE)
    assert found.means == (("plan", Decimal("75.00")), ("effect", Decimal("7.75")))


def test_a_criterion_below_its_least_fails_whatever_the_total() -> None:
    found = result(
        BOTH, [marks("A", "49", "10"), marks("B", "50", "10")], Policy(pass_mark=Decimal(50)), extra=0, rounds=0
    )
    assert found.total > 50
    assert not found.passed
    assert "Alone this fails" in found.lines[-1].text("en")


def test_disagreement_asks_for_a_further_expert_then_for_a_second_round_then_for_nothing() -> None:
    apart = [marks("A", "90", "9"), marks("B", "60", "6")]
    assert result(BOTH, apart, Policy(), extra=0, rounds=0).advice is Advice.EXTRA
    assert result(BOTH, apart, Policy(), extra=1, rounds=0).advice is Advice.ROUND
    assert result(BOTH, apart, Policy(), extra=1, rounds=1).advice is Advice.NONE
    assert result(BOTH, apart, Policy(spread=Decimal(30)), extra=0, rounds=0).advice is Advice.NONE


def test_from_five_on_the_extremes_may_be_left_out() -> None:
    five = [marks(letter, plan, "8") for letter, plan in zip("ABCDE", ("10", "80", "80", "80", "100"), strict=True)]
    assert result(BOTH, five, Policy(trim=True), extra=1, rounds=1).total == Decimal(80)
    assert result(BOTH, five[:4], Policy(trim=True), extra=1, rounds=1).total < 80


@pytest.mark.parametrize("value", ["-1", "101", "abc", "NaN", "1e9", "80.55", "Infinity", None, ""])
def test_absurd_marks_are_refused(value: object) -> None:
    with pytest.raises(Invalid):
        checked(BOTH, {"plan": value, "effect": "5"}, whole=True)


def test_a_draft_may_have_gaps_but_no_unknown_criterion() -> None:
    assert checked(BOTH, {"plan": " 80.5 ", "effect": ""}, whole=False) == {"plan": Decimal("80.5")}
    with pytest.raises(Invalid):
        checked(BOTH, {"price": "3"}, whole=False)


def test_criteria_that_cannot_be_used_are_refused() -> None:
    for wrong in ([], [PLAN], [PLAN, PLAN], [PLAN, Criterion(key="x", title="x", weight=Decimal(40), most=Decimal(0))]):
        with pytest.raises(Invalid):
            check(wrong)


def test_a_name_in_the_extract_is_found_however_written() -> None:
    secret = ["上海恒锐机械（青浦）有限公司", "赵恒", "021-59731234"]
    rows = [("概况", "由上海恒锐机械(青浦) 有限公司建设"), ("联系", "赵 恒"), ("投资", "240 万元")]
    assert [label for label, _name in names_in(rows, secret)] == ["概况", "联系"]


MARK = st.decimals(0, 100, places=1)


@given(st.lists(st.tuples(MARK, st.decimals(0, 10, places=1)), min_size=1, max_size=9), st.booleans())
def test_a_total_lies_between_the_experts_and_does_not_depend_on_their_order(
    given_marks: list[tuple[Decimal, Decimal]], trim: bool
) -> None:
    many = [marks(chr(65 + n), str(plan), str(effect)) for n, (plan, effect) in enumerate(given_marks)]
    policy = Policy(trim=trim)
    found = result(BOTH, many, policy, extra=0, rounds=0)
    sums = [total for _letter, total in found.totals]
    assert min(sums) <= found.total <= max(sums)
    assert 0 <= found.total <= 100
    assert result(BOTH, many[::-1], policy, extra=0, rounds=0) == found
    for line in found.lines:
        assert "{" not in line.text("zh-hans")
