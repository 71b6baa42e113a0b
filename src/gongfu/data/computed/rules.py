"""What the control plane tells ``gongfu streams`` about a computed tag. Pure."""

from __future__ import annotations

from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from gongfu.data.computed.functions import Kind
from gongfu.data.computed.language import Expression, compile_expression
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

STAGE: Final = "computed"
"""First part of the keys in the bucket of rules."""
MOST_INPUTS: Final = 50
MOST_MEMBERS: Final = 2_000
SHORTEST_GRID: Final = 0.1
Together = Literal["one", "sum", "mean", "min", "max", "count"]


class Input(msgspec.Struct, frozen=True):
    """Where a name in the expression gets its value from."""

    series: tuple[int, ...]
    """One tag; or those of many devices, taken together."""
    kind: Kind = Kind.NUMBER
    together: Together = "one"


class ComputedConfig(msgspec.Struct, frozen=True):
    """One computed tag."""

    org: int
    device: int
    series: int
    kind: Kind
    expression: str
    inputs: dict[str, Input]
    every: float = 0.0
    """Seconds between two values, at full multiples; 0: whenever an input speaks."""
    gap: float = 300.0
    """Seconds for which a value holds: beyond that nothing is added up, and what follows from it is uncertain."""
    zone: str = "Asia/Shanghai"
    """Of its days and months."""


def compiled(config: ComputedConfig) -> Expression:
    """Its expression; raises :class:`Invalid` for anything that cannot be computed."""
    if len(config.inputs) > MOST_INPUTS:
        raise Invalid(mark("There are more than {most} inputs."), most=MOST_INPUTS)
    for name, one in config.inputs.items():
        if not name.isidentifier() or len(name) > 64:
            raise Invalid(
                mark("{name} cannot be the name of an input."),
                remedy=mark("Use letters, Chinese characters, digits and underscores; begin with no digit."),
                name=repr(name[:60]),
            )
        if not 1 <= len(one.series) <= MOST_MEMBERS or (one.together == "one" and len(one.series) != 1):
            raise Invalid(
                mark("Input {name} stands for {number} tags."),
                remedy=mark("Choose one tag, or a group of up to {most} and how to take them together."),
                name=name,
                number=len(one.series),
                most=MOST_MEMBERS,
            )
        if one.kind is Kind.TEXT and one.together != "one":
            raise Invalid(mark("Texts cannot be taken together: input {name}."), name=name)
    if config.series in {series for one in config.inputs.values() for series in one.series}:
        raise Invalid(mark("A computed tag cannot be its own input."))
    if (config.every and config.every < SHORTEST_GRID) or config.gap <= 0:
        raise Invalid(
            mark("The interval of {every} s is too short."),
            remedy=mark("Use {least} s or more, or 0 for every new value."),
            every=config.every,
            least=SHORTEST_GRID,
        )
    try:
        ZoneInfo(config.zone)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid(mark("There is no time zone {zone}."), zone=repr(config.zone)) from error
    expression = compile_expression(config.expression, {name: one.kind for name, one in config.inputs.items()})
    if (expression.kind is Kind.TEXT) != (config.kind is Kind.TEXT):
        raise Invalid(
            mark("The expression gives a {given}, the tag holds a {wanted}."),
            remedy=mark("Change the kind of the tag or the expression."),
            given=expression.kind.value,
            wanted=config.kind.value,
        )
    return expression
