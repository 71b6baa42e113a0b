"""A small expression over the tags of one device: numbers, ``+ - * /``, comparisons, and/or/not, abs, min, max.

The seam for a larger language: :func:`compile_formula` gives an object with ``names`` and ``evaluate(columns)``, and
nothing else is used. An expression is bounded in length, depth and operations; it cannot loop, call or look up
anything.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

LONGEST: Final = 500
"""Characters."""
DEEPEST: Final = 20
MOST_NODES: Final = 200

Column = NDArray[np.float64]
Columns = Mapping[str, Column]
Node = Callable[[Columns], Column]

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Column, Column], Column]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}
_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Column, Column], NDArray[np.bool_]]]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_CONSTANTS: Final = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Formula:
    """A compiled expression. ``names``: the tags it needs, in the order they appear."""

    text: str
    names: tuple[str, ...]
    _root: Node

    def evaluate(self, columns: Columns) -> Column:
        """Its value for each row of ``columns``; true is 1, false 0, and NaN where an input is missing."""
        with np.errstate(all="ignore"):
            value = self._root(columns)
        unknown = np.zeros(value.shape, np.bool_)
        for name in self.names:
            unknown = unknown | np.isnan(columns[name])
        return np.where(unknown | ~np.isfinite(value), np.nan, value)


@cache
def compile_formula(text: str) -> Formula:
    """The formula that ``text`` says; raises :class:`Invalid`."""
    if len(text) > LONGEST:
        raise _wrong(text[:40] + "…", mark("it is longer than 500 characters"))
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _wrong(text, mark("it is no expression")) from error
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise _wrong(text, mark("it has too many parts"))
    names: dict[str, None] = {}
    root = _compiled(tree.body, text, names, 0)
    if not names:
        raise _wrong(text, mark("it names no tag"))
    return Formula(text, tuple(names), root)


def _wrong(text: str, why: str) -> Invalid:
    return Invalid(
        mark("{formula} cannot be a formula: {reason}."),
        remedy=mark("Use keys of tags, numbers, + - * /, comparisons, and, or, not, abs, min, max."),
        formula=repr(text[:80]),
        reason=why,
    )


def _compiled(node: ast.expr, text: str, names: dict[str, None], depth: int) -> Node:
    if depth > DEEPEST:
        raise _wrong(text, mark("it is nested too deeply"))

    def inner(part: ast.expr) -> Node:
        return _compiled(part, text, names, depth + 1)

    match node:
        case ast.Constant(value=bool() | int() | float() as number) if abs(number) < 1e300:
            return _constant(float(number))
        case ast.Name(id=name) if name in _CONSTANTS:
            return _constant(_CONSTANTS[name])
        case ast.Name(id=name):
            names.setdefault(name)
            return lambda columns: columns[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            negative = inner(operand)
            return lambda columns: -negative(columns)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            denied = inner(operand)
            return lambda columns: _number(denied(columns) == 0)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            function, first, second = _ARITHMETIC[type(operator)], inner(left), inner(right)
            return lambda columns: function(first(columns), second(columns))
        case ast.BoolOp(op=joint, values=values):
            parts = [inner(part) for part in values]
            both = isinstance(joint, ast.And)
            return lambda columns: _joined([part(columns) != 0 for part in parts], both=both)
        case ast.Compare(left=left, ops=operators, comparators=others) if all(type(o) in _COMPARISONS for o in operators):
            sides = [inner(left), *(inner(other) for other in others)]
            tests = [_COMPARISONS[type(operator)] for operator in operators]
            return lambda columns: _chained([side(columns) for side in sides], tests)
        case ast.Call(func=ast.Name(id=("abs" | "min" | "max") as name), args=arguments, keywords=[]) if arguments:
            return _call(name, [inner(argument) for argument in arguments], text)
    raise _wrong(text, mark("it contains something that is not allowed"))


def _constant(number: float) -> Node:
    value = np.array(number)
    return lambda _columns: value


def _call(name: str, parts: list[Node], text: str) -> Node:
    if name == "abs":
        if len(parts) != 1:
            raise _wrong(text, mark("abs takes one value"))
        return lambda columns: np.abs(parts[0](columns))
    function = np.fmin if name == "min" else np.fmax

    def reduced(columns: Columns) -> Column:
        value = parts[0](columns)
        for part in parts[1:]:
            value = function(value, part(columns))
        return value

    return reduced


def _number(truth: NDArray[np.bool_]) -> Column:
    return np.asarray(truth, np.float64)


def _joined(truths: list[NDArray[np.bool_]], *, both: bool) -> Column:
    value = truths[0]
    for other in truths[1:]:
        value = value & other if both else value | other
    return _number(value)


def _chained(sides: list[Column], tests: list[Callable[[Column, Column], NDArray[np.bool_]]]) -> Column:
    return _joined([test(a, b) for test, a, b in zip(tests, sides, sides[1:], strict=False)], both=True)
