"""The language of computed tags: an expression over named inputs. Pure.

    功率 * 0.8 if 状态 == "运行" else 0
    total(convert(p1 + p2, "W", "kW"), "h")
    mean(temperature, "10m") - mean(ambient, "10m")

It is read with Python's own grammar and then built anew from the few things allowed, so nothing can be looked up,
called or repeated that is not in :mod:`.functions`. Every part is evaluated every time, also the branch not taken:
what remembers (``total``, ``mean`` over time) must see each moment. Full-width signs (（，×÷≥≤≠) and 且 或 非 are
understood.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from gongfu.data.computed import windows
from gongfu.data.computed.functions import (
    KEPT,
    PLAIN,
    TOTAL_UNITS,
    WINDOWED,
    Integral,
    Keeper,
    Kind,
    Moment,
    Value,
    Windowed,
)
from gongfu.data.computed.spelling import plain
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.models.units import conversion, known

__all__ = ["FUNCTIONS", "LONGEST", "Expression", "Kind", "Moment", "Part", "compile_expression", "compile_naming"]

LONGEST: Final = 2_000
DEEPEST: Final = 40
MOST_PARTS: Final = 400
MOST_KEEPERS: Final = 30

Evaluate: TypeAlias = Callable[[Moment], Value]
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
}
_ORDER: Final[dict[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_CONSTANTS: Final = {"true": 1.0, "false": 0.0}
FUNCTIONS: Final = sorted(
    {*PLAIN, *WINDOWED, *KEPT, "min", "max", "round", "clamp", "known", "first", "convert", "total"}
)
"""Every name that can be called."""


@dataclass(frozen=True)
class Part:
    """A piece of an expression: how it is evaluated, and what comes out."""

    evaluate: Evaluate
    kind: Kind


@dataclass(frozen=True)
class Expression:
    """A compiled expression. It has a memory, so one is compiled for each computed tag."""

    text: str
    names: frozenset[str]
    """Inputs it uses."""
    kind: Kind
    keepers: Mapping[str, Keeper]
    """What remembers, by how it is written and which of its like it is."""
    _root: Evaluate

    def value(self, moment: Moment) -> Value:
        """Its value; None is unknown. ``moment`` says afterwards whether it is uncertain."""
        found = self._root(moment)
        return found if isinstance(found, str) or _is_number(found) else None


def compile_expression(text: str, inputs: Mapping[str, Kind]) -> Expression:
    """The expression that ``text`` says over ``inputs``; raises :class:`Invalid` naming what is wrong."""
    if len(text) > LONGEST:
        raise Invalid(mark("The expression is longer than {most} characters."), most=LONGEST)
    source = plain(text).strip()
    if not source:
        raise Invalid(mark("The expression is empty."), remedy=mark("Write one, such as power * 2."))
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise Invalid(
            mark("The expression cannot be read near {place}."),
            remedy=mark("Look for a missing bracket, quotation mark or sign."),
            place=repr(source[max(0, (getattr(error, "offset", None) or 1) - 10) :][:30]),
        ) from error
    if sum(1 for _ in ast.walk(tree)) > MOST_PARTS:
        raise Invalid(mark("The expression has more than {most} parts."), most=MOST_PARTS)
    compiler = _Compiler(inputs)
    root = compiler.part(tree.body, 0)
    if not compiler.names:
        raise Invalid(mark("The expression uses no input."), remedy=mark("Name at least one of its inputs."))
    return Expression(text, frozenset(compiler.names), root.kind, compiler.keepers, root.evaluate)


def compile_naming(text: str) -> tuple[Expression, tuple[str, ...]]:
    """The expression that ``text`` says over numbers of whatever names it uses, and those in their order."""
    try:
        tree = ast.parse(plain(text[: LONGEST + 1]).strip(), mode="eval")
        found = [one for one in ast.walk(tree) if isinstance(one, ast.Name)]
        called = {id(one.func) for one in ast.walk(tree) if isinstance(one, ast.Call)}
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        found, called = [], set()  # what is wrong with it is told below
    found.sort(key=lambda one: (one.lineno, one.col_offset))
    names = tuple(dict.fromkeys(one.id for one in found if id(one) not in called and one.id not in _CONSTANTS))
    return compile_expression(text, dict.fromkeys(names, Kind.NUMBER)), names


class _Compiler:
    """One compilation: inputs used and keepers made so far."""

    def __init__(self, inputs: Mapping[str, Kind]) -> None:
        self._inputs = inputs
        self.names: set[str] = set()
        self.keepers: dict[str, Keeper] = {}

    def part(self, node: ast.expr, depth: int) -> Part:
        if depth > DEEPEST:
            raise Invalid(mark("The expression is nested more than {most} deep."), most=DEEPEST)

        def inner(one: ast.expr) -> Part:
            return self.part(one, depth + 1)

        match node:
            case ast.Constant(value=bool(truth)):
                return _constant(float(truth), Kind.BOOLEAN)
            case ast.Constant(value=int() | float() as number) if abs(number) < 1e300:
                return _constant(float(number), Kind.NUMBER)
            case ast.Constant(value=str(word)):
                return _constant(word, Kind.TEXT)
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _mapped(operator.neg, _number(inner(operand), node), Kind.NUMBER)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return _number(inner(operand), node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _mapped(lambda value: float(not value), _number(inner(operand), node), Kind.BOOLEAN)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
                sides = _number(inner(left), left), _number(inner(right), right)
                return _pair(_ARITHMETIC[type(sign)], *sides, Kind.NUMBER)
            case ast.BoolOp(op=joint, values=values):
                return _joined([_number(inner(one), one) for one in values], all_of=isinstance(joint, ast.And))
            case ast.Compare(left=left, ops=signs, comparators=others) if all(type(sign) in _ORDER for sign in signs):
                return _compared([inner(one) for one in (left, *others)], signs, node)
            case ast.IfExp(test=test, body=body, orelse=other):
                return _choice(_number(inner(test), test), inner(body), inner(other), node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, node, depth)
        raise _refused(node)

    def _name(self, name: str) -> Part:
        if name in self._inputs:
            self.names.add(name)
            return Part(lambda moment: moment.values.get(name), self._inputs[name])
        if name in _CONSTANTS:
            return _constant(_CONSTANTS[name], Kind.BOOLEAN)
        raise Invalid(
            mark("{name} is none of the inputs."),
            remedy=mark("Inputs are: {known}."),
            name=repr(name[:60]),
            known=", ".join(sorted(self._inputs)) or "-",
        )

    def _call(self, name: str, arguments: list[ast.expr], node: ast.Call, depth: int) -> Part:
        words = [one.value for one in arguments if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if name in WINDOWED and len(arguments) == 2 and len(words) == 1:
            length = windows.seconds(words[0])
            if length is None:
                raise Invalid(
                    mark("{length} is no length of time up to 31 days."),
                    remedy=mark('Write it like "30s", "10m", "8h" or "7d".'),
                    length=repr(words[0][:40]),
                )
            return self._kept(Windowed(length, WINDOWED[name]), arguments[0], node, depth)
        if name == "convert" and len(arguments) == 3 and len(words) == 2:
            return self._convert(arguments[0], words, depth)
        if name == "total" and len(arguments) == 2 and len(words) == 1 and words[0] in TOTAL_UNITS:
            return self._kept(Integral(TOTAL_UNITS[words[0]]), arguments[0], node, depth)
        if name in KEPT and len(arguments) == 1:
            return self._kept(KEPT[name](), arguments[0], node, depth)
        if name not in FUNCTIONS:
            raise Invalid(
                mark("There is no function {name}."),
                remedy=mark("Functions are: {known}."),
                name=repr(name[:60]),
                known=", ".join(FUNCTIONS),
            )
        parts = [self.part(one, depth + 1) for one in arguments]
        return _plain_call(name, parts, node)

    def _kept(self, keeper: Keeper, argument: ast.expr, node: ast.Call, depth: int) -> Part:
        if len(self.keepers) >= MOST_KEEPERS:
            raise Invalid(mark("The expression remembers in more than {most} places."), most=MOST_KEEPERS)
        given = _number(self.part(argument, depth + 1), argument).evaluate
        written = ast.unparse(node)
        place = 0
        while (key := f"{written}#{place}") in self.keepers:
            place += 1
        self.keepers[key] = keeper
        return Part(lambda moment: keeper.value(moment, _float(given(moment))), Kind.NUMBER)

    def _convert(self, argument: ast.expr, words: list[str], depth: int) -> Part:
        for word in words:
            if known(word) is None:
                raise Invalid(
                    mark("{unit} is no unit that is known here."),
                    remedy=mark("Write it as tags do, such as kW, °C or m³/h."),
                    unit=repr(word[:40]),
                )
        found = conversion(*words)
        if found is None:
            raise Invalid(
                mark("{source} cannot be converted into {target}."),
                remedy=mark("Both have to measure the same quantity."),
                source=words[0],
                target=words[1],
            )
        scale, offset = found
        number = _number(self.part(argument, depth + 1), argument)
        return _mapped(lambda value: value * scale + offset, number, Kind.NUMBER)


def _plain_call(name: str, parts: list[Part], node: ast.Call) -> Part:
    """A function without memory."""
    if name == "known" and len(parts) == 1:
        asked = parts[0].evaluate
        return Part(lambda moment: float(asked(moment) is not None), Kind.BOOLEAN)
    numbers = [_number(part, argument) for part, argument in zip(parts, node.args, strict=True)]
    match name, len(parts):
        case _, 1 if name in PLAIN:
            return _mapped(PLAIN[name], numbers[0], Kind.NUMBER)
        case (("min" | "max"), number) if number >= 2:
            chosen = min if name == "min" else max
            return _many(chosen, numbers)
        case "round", 1:
            return _mapped(lambda value: float(round(value)), numbers[0], Kind.NUMBER)
        case "round", 2:
            return _pair(
                lambda value, digits: round(value, int(max(-9, min(9, digits)))), numbers[0], numbers[1], Kind.NUMBER
            )
        case "clamp", 3:
            return _many(lambda values: max(values[1], min(values[2], values[0])), numbers)
        case "first", number if number >= 2:
            return _first(numbers)
    raise _refused(node)


def _constant(value: float | str, kind: Kind) -> Part:
    return Part(lambda _moment: value, kind)


def _number(part: Part, node: ast.expr) -> Part:
    if part.kind is Kind.TEXT:
        raise Invalid(
            mark("{part} is a text where a number is needed."),
            remedy=mark('Compare it with a text first, such as state == "running".'),
            part=repr(ast.unparse(node)[:60]),
        )
    return part


def _float(value: Value) -> float | None:
    return value if isinstance(value, float | int) else None


def _is_number(value: Value) -> bool:
    return isinstance(value, float | int) and math.isfinite(value)


def _safe(function: Callable[..., float], *values: float) -> float | None:
    try:
        found = function(*values)
    except (ValueError, ArithmeticError):
        return None
    return found if math.isfinite(found) else None


def _mapped(function: Callable[[float], float], part: Part, kind: Kind) -> Part:
    given = part.evaluate

    def evaluate(moment: Moment) -> Value:
        value = _float(given(moment))
        return None if value is None else _safe(function, value)

    return Part(evaluate, kind)


def _pair(function: Callable[[float, float], float], left: Part, right: Part, kind: Kind) -> Part:
    first, second = left.evaluate, right.evaluate

    def evaluate(moment: Moment) -> Value:
        a, b = _float(first(moment)), _float(second(moment))
        return None if a is None or b is None else _safe(function, a, b)

    return Part(evaluate, kind)


def _many(function: Callable[[list[float]], float], parts: list[Part]) -> Part:
    def evaluate(moment: Moment) -> Value:
        values = [_float(part.evaluate(moment)) for part in parts]
        known = [value for value in values if value is not None]
        return function(known) if len(known) == len(values) else None

    return Part(evaluate, Kind.NUMBER)


def _first(parts: list[Part]) -> Part:
    def evaluate(moment: Moment) -> Value:
        values = [part.evaluate(moment) for part in parts]
        return next((value for value in values if value is not None), None)

    return Part(evaluate, Kind.NUMBER)


def _joined(parts: list[Part], *, all_of: bool) -> Part:
    """And is false as soon as one is, or true as soon as one is, whatever is unknown."""

    def evaluate(moment: Moment) -> Value:
        values = [_float(part.evaluate(moment)) for part in parts]
        if any(value is not None and bool(value) != all_of for value in values):
            return float(not all_of)
        return None if None in values else float(all_of)

    return Part(evaluate, Kind.BOOLEAN)


def _compared(sides: list[Part], signs: list[ast.cmpop], node: ast.Compare) -> Part:
    texts = [side.kind is Kind.TEXT for side in sides]
    if any(texts) and (not all(texts) or not all(isinstance(sign, ast.Eq | ast.NotEq) for sign in signs)):
        raise Invalid(
            mark("{part} compares a text with something else."),
            remedy=mark("A text can be equal to a text or not, nothing more."),
            part=repr(ast.unparse(node)[:60]),
        )
    tests: list[Callable[..., bool]] = [_ORDER[type(sign)] for sign in signs]

    def evaluate(moment: Moment) -> Value:
        values = [side.evaluate(moment) for side in sides]
        if None in values:
            return None
        return float(all(test(a, b) for test, a, b in zip(tests, values, values[1:], strict=False)))

    return Part(evaluate, Kind.BOOLEAN)


def _choice(test: Part, body: Part, other: Part, node: ast.IfExp) -> Part:
    if (body.kind is Kind.TEXT) != (other.kind is Kind.TEXT):
        raise Invalid(
            mark("{part} is a text in one case and a number in the other."),
            part=repr(ast.unparse(node)[:60]),
        )
    kind = body.kind if body.kind is other.kind else Kind.NUMBER

    def evaluate(moment: Moment) -> Value:
        chosen, yes, no = _float(test.evaluate(moment)), body.evaluate(moment), other.evaluate(moment)
        return None if chosen is None else yes if chosen else no

    return Part(evaluate, kind)


def _refused(node: ast.expr) -> Invalid:
    return Invalid(
        mark("{part} is not part of the language."),
        remedy=mark("Use inputs, numbers, + - * / // % **, comparisons, and, or, not, … if … else …, and functions."),
        part=repr(ast.unparse(node)[:60]),
    )
