"""The machines behind recipes: fed with readings in time order, they say what the equipment does. Pure, no clock.

Times are microseconds of the source; what is older than the reading before is passed over. :meth:`tick` says how late
it is when nothing was read. What a machine must not forget over a restart it gives as :class:`Memory`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from gongfu.network.retrofit.lamps import LampsMachine
from gongfu.network.retrofit.level import LevelMachine
from gongfu.network.retrofit.pulse import Memory as Memory
from gongfu.network.retrofit.pulse import PulseMachine as PulseMachine
from gongfu.network.retrofit.recipes import Lamps, Level, Output, Pulse, Recipe, State, code


class Machine(Protocol):
    """What every machine can do."""

    state: State | None
    """None before the first reading that says something."""
    confidence: float
    """How far the state and the figures may be believed, 0 to 1."""

    def take(self, role: str, value: float, time: int) -> None:
        """A good reading of one of the recipe's inputs."""

    def tick(self, time: int) -> None:
        """It is now ``time`` by the clock of the source."""


class Said(msgspec.Struct, frozen=True):
    """One output: its value, and whether it may be believed."""

    value: float
    sure: bool


LEAST_CONFIDENCE = 0.6
"""Below it what is derived is stored as *uncertain*."""
_STEP = 0.05


def machine(recipe: Recipe) -> LevelMachine | PulseMachine | LampsMachine:
    """A machine that has seen nothing yet."""
    match recipe:
        case Level():
            return LevelMachine(recipe)
        case Pulse():
            return PulseMachine(recipe)
        case Lamps():
            return LampsMachine(recipe)


def said(recipe: Recipe, one: LevelMachine | PulseMachine | LampsMachine, output: Output) -> Said | None:
    """What ``one`` says now; None while it knows nothing."""
    if one.state is None:
        return None
    sure = one.confidence >= LEAST_CONFIDENCE
    match output:
        case Output.STATE:
            return Said(float(code(recipe, one.state)), sure)
        case Output.CONFIDENCE:
            return Said(round(round(one.confidence / _STEP) * _STEP, 2), sure=True)
        case _ if isinstance(one, PulseMachine):
            figures = {Output.COUNT: one.count, Output.RATE: one.rate, Output.CYCLE: one.cycle}
            value = figures[output]
            return None if value is None else Said(value, sure or output is Output.COUNT)
        case _:
            return None
