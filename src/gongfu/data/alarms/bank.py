"""Rules in columns: one row for each rule at each device, so that a batch of readings meets all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gongfu.data.alarms.formula import Formula, compile_formula
from gongfu.data.alarms.rules import Binding, Direction, Kind, RuleConfig, text_code

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SECOND: Final = 1_000_000
CODES: Final = {kind: number for number, kind in enumerate(Kind)}
"""Number of a kind in :attr:`Bank.kind`."""
_DIRECTIONS: Final = {Direction.BOTH: 0, Direction.UP: 1, Direction.DOWN: -1}
_OPERATORS: Final = {"=": 0, "!=": 1, "<": 2, "<=": 3, ">": 4, ">=": 5}
TIMED: Final = (CODES[Kind.FROZEN], CODES[Kind.NO_DATA])
"""Kinds whose condition is that nothing happened for a time."""


@dataclass(frozen=True)
class Group:
    """Rows with one formula."""

    formula: Formula
    rows: Ints
    inputs: Ints
    """Series index of each input of each row."""


@dataclass(frozen=True)
class Bank:
    """Columns over rows (rule × device), and which rows each series touches."""

    keys: list[tuple[int, int, int, Kind]]
    """Rule, device, series and kind of each row: what must be equal for its state to go on."""
    rule: Ints
    org: Ints
    device: Ints
    kind: NDArray[np.int8]
    limit: Floats
    setpoint: Floats
    direction: NDArray[np.int8]
    negated: Flags
    deadband: Floats
    on_delay: Ints
    off_delay: Ints
    """Microseconds; ``on_delay`` of a timed kind is its window."""
    window: Ints
    main: Ints
    """Index in ``series`` of the tag the rule is about."""
    other: Ints
    gate: Ints
    """-1: none."""
    gate_operator: NDArray[np.int8]
    gate_value: Floats
    several: Flags
    """Rows with more than one input."""
    groups: list[Group]
    series: Ints
    """Known series ids, ascending."""
    series_org: Ints
    first: Ints
    touched: Ints
    """Rows of series ``i``: ``touched[first[i]:first[i + 1]]``."""

    def __len__(self) -> int:
        return len(self.keys)


def build(rules: Iterable[RuleConfig]) -> Bank:
    """Columns of ``rules``, each of which passed :func:`.rules.check`."""
    rows: list[tuple[RuleConfig, Binding]] = [(rule, binding) for rule in rules for binding in rule.bindings]
    wanted: dict[int, int] = {}
    for rule, binding in rows:
        for series in _inputs(binding):
            wanted[series] = rule.org
    series = np.array(sorted(wanted), np.int64)
    place = {int(one): index for index, one in enumerate(series)}

    touching: list[tuple[int, int]] = []
    several = np.zeros(len(rows), np.bool_)
    by_formula: dict[str, list[int]] = {}
    for row, (rule, binding) in enumerate(rows):
        inputs = set(_inputs(binding))
        touching += [(place[one], row) for one in inputs]
        several[row] = len(inputs) > 1
        if rule.kind == Kind.FORMULA:
            by_formula.setdefault(rule.formula, []).append(row)
    pairs = np.array(sorted(touching), np.int64).reshape(-1, 2)

    def whole(values: Iterable[float]) -> Ints:
        return np.array(list(values), np.int64)

    def real(values: Iterable[float]) -> Floats:
        return np.array(list(values), np.float64)

    kinds = np.array([CODES[rule.kind] for rule, _ in rows], np.int8)
    window = whole(rule.window * SECOND for rule, _ in rows)
    on_delay = whole(rule.on_delay * SECOND for rule, _ in rows)
    off_delay = whole(rule.off_delay * SECOND for rule, _ in rows)
    timed = np.isin(kinds, TIMED)
    return Bank(
        keys=[(rule.id, binding.device, binding.series, rule.kind) for rule, binding in rows],
        rule=whole(rule.id for rule, _ in rows),
        org=whole(rule.org for rule, _ in rows),
        device=whole(binding.device for _, binding in rows),
        kind=kinds,
        limit=real(text_code(rule.text) if rule.kind == Kind.EQUALS and rule.text else rule.limit for rule, _ in rows),
        setpoint=real(rule.setpoint for rule, _ in rows),
        direction=np.array([_DIRECTIONS[rule.direction] for rule, _ in rows], np.int8),
        negated=np.array([rule.negated for rule, _ in rows], np.bool_),
        deadband=real(rule.deadband for rule, _ in rows),
        on_delay=np.where(timed, window + on_delay, on_delay),
        off_delay=np.where(timed, 0, off_delay),
        window=window,
        main=whole(place[binding.series] for _, binding in rows),
        other=whole(place.get(binding.other, -1) for _, binding in rows),
        gate=whole(place.get(binding.gate, -1) for _, binding in rows),
        gate_operator=np.array([_OPERATORS[rule.gate_operator] for rule, _ in rows], np.int8),
        gate_value=real(rule.gate_value for rule, _ in rows),
        several=several,
        groups=[_group(text, at, rows, place) for text, at in by_formula.items()],
        series=series,
        series_org=whole(wanted[int(one)] for one in series),
        first=np.searchsorted(pairs[:, 0], np.arange(len(series) + 1)),
        touched=pairs[:, 1],
    )


def _inputs(binding: Binding) -> list[int]:
    return [one for one in (binding.series, binding.other, binding.gate, *binding.inputs) if one]


def _group(text: str, at: list[int], rows: list[tuple[RuleConfig, Binding]], place: dict[int, int]) -> Group:
    inputs = [[place[one] for one in rows[row][1].inputs] for row in at]
    return Group(compile_formula(text), np.array(at, np.int64), np.array(inputs, np.int64))


def gate_open(values: Floats, operators: NDArray[np.int8], wanted: Floats) -> Flags:
    """Whether ``value operator wanted`` holds; a value that is not known leaves the gate open: nothing is hidden."""
    with np.errstate(invalid="ignore"):
        tests = [
            values == wanted,
            values != wanted,
            values < wanted,
            values <= wanted,
            values > wanted,
            values >= wanted,
        ]
    return np.choose(operators, tests) | np.isnan(values)
