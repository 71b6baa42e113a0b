"""What a row becomes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.identity.bulk import rules
from gongfu.identity.bulk.rules import Builder, Operation, Plan, Problem, Target
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import records
from gongfu.identity.registry.records import Record
from gongfu.kernel.errors import Invalid

HEADER = ("标识", "名称", "型号", "note")
PLAN = Plan(
    "88.118.1",
    suffix="标识",
    targets=(Target("名称", "NAME"), Target("型号", "MODEL"), Target("note", "NOTE", public=False)),
)


def built(plan: Plan, row: int, cells: list[str]) -> tuple[str, list[Value]] | str:
    rules.check(plan, HEADER)
    builder = Builder(plan, HEADER, now=7)
    handle = builder.handle(row, cells)
    if isinstance(handle, Problem):
        return str(handle.error)
    values = builder.values(row, cells)
    return str(values.error) if isinstance(values, Problem) else (str(handle), values)


@pytest.mark.parametrize("cell", ["CNC-01", " CNC-01 ", "88.118.1/CNC-01"])
def test_a_suffix_or_the_whole_identifier_may_stand_in_the_column(cell: str) -> None:
    made = built(PLAN, 2, [cell, "泵", "", "x"])
    assert not isinstance(made, str)
    assert made[0] == "88.118.1/CNC-01"
    assert [(v.index, v.type, v.text, v.public) for v in made[1]] == [
        (2, "NAME", "泵", True),
        (100, "NOTE", "x", False),
    ]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["", "泵", "", ""], "suffix is empty"),
        (["88.118.2/CNC-01", "泵", "", ""], "does not stand under 88.118.1"),
        (["A\u200bB", "泵", "", ""], "cannot be seen"),
        (["A" * 300, "泵", "", ""], "octets long"),
        (["A", "", " ", ""], "holds a value"),
        (["A", "泵"], "2 cells, the header 4"),
        (["A", "泵" * 90_000, "", ""], "octets; "),
    ],
)
def test_a_row_that_cannot_be_registered_says_why(cells: list[str], says: str) -> None:
    made = built(PLAN, 2, cells)
    assert isinstance(made, str)
    assert says in made


@pytest.mark.parametrize(
    ("rule", "row", "handle"),
    [
        ("{prefix}/SN{000001}", 2, "88.118.1/SN000001"),
        ("{prefix}/SN{000001}", 1_000_001, "88.118.1/SN1000000"),
        ("{型号}-{100}", 4, "88.118.1/XK-7-102"),
        ("{名称}", 2, "88.118.1/泵"),
    ],
)
def test_suffixes_are_minted_by_a_rule(rule: str, row: int, handle: str) -> None:
    plan = Plan("88.118.1", rule=rule, targets=PLAN.targets)
    made = built(plan, row, ["", "泵", "XK-7", ""])
    assert made[0] == handle


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Plan("88.118.1", targets=PLAN.targets), "where the suffixes come from"),
        (Plan("88.118.1", suffix="nothing", targets=PLAN.targets), "no column nothing"),
        (Plan("88.118.1", suffix="标识"), "No column becomes a value"),
        (Plan("88.118.1", rule="SN", targets=PLAN.targets), "not a rule"),
        (Plan("88.118.1", rule="SN{1", targets=PLAN.targets), "not a rule"),
        (Plan("88.118.1", rule="{nothing}{1}", targets=PLAN.targets), "no column nothing"),
        (Plan("88.118.1", Operation.DELETE, rule="SN{1}"), "Only new"),
        (Plan("88.118.1", suffix="标识", targets=(Target("名称", "HS_ADMIN"),)), "HS_ADMIN"),
        (Plan("88.118.1", suffix="标识", targets=(Target("名称", "A"), Target("型号", "A"))), "Two columns"),
        (Plan("88.118.1", suffix="标识", targets=PLAN.targets, ttl=-1), "-1 seconds"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(plan: Plan, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        rules.check(plan, HEADER)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.text(max_size=40), max_size=6),
    st.sampled_from([PLAN, Plan("88.118.1", rule="{名称}{01}", targets=PLAN.targets)]),
)
def test_whatever_stands_in_a_row_it_is_storable_or_refused(cells: list[str], plan: Plan) -> None:
    builder = Builder(plan, HEADER, now=7)
    handle = builder.handle(2, cells)
    if isinstance(handle, Problem):
        assert handle.error.text("zh")
        return
    values = builder.values(2, cells)
    if not isinstance(values, Problem):
        records.encode(Record(handle, tuple(values), 7, 7))


def test_changing_replaces_what_is_there_and_adds_the_rest() -> None:
    before = Record(parse("88.118.1/A"), (Value(1, "URL", b"u"), Value(2, "NAME", b"old"), Value(100, "X", b"x")), 1, 1)
    after = rules.renew(before, [Value(2, "NAME", b"new"), Value(100, "NOTE", b"n")], now=9)
    assert [(v.index, v.type, v.text) for v in after.values] == [
        (1, "URL", "u"),
        (2, "NAME", "new"),
        (100, "X", "x"),
        (101, "NOTE", "n"),
    ]
    assert (after.registered, after.modified) == (1, 9)
    assert rules.renew(after, [Value(2, "NAME", b"new"), Value(100, "NOTE", b"n")], now=9) == after


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("产品名称", "NAME"),
        ("序列号", "SERIAL_NUMBER"),
        ("Max. flow (m³/h)", "MAX._FLOW_M_/H"),
        ("hs_admin", "X_HS_ADMIN"),
    ],
)
def test_the_type_is_guessed_from_the_name_of_the_column(column: str, kind: str) -> None:
    assert rules.check_type(rules.usual_type(column)) == kind
