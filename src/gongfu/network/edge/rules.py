"""Local rules: which of them act, given values and the time. Pure: no clock, no I/O.

A rule acts once when all its conditions hold, and again only after they ended to hold. A value that is *bad*, or older
than :data:`STALE`, is no value: it makes no condition hold, restarts the time that one has to hold, and ends none.
Times are seconds of one clock that never jumps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from gongfu.network.edge.contract import Comparison, Condition, EdgeRules, EventAction, Rule, WriteAction

STALE = 300.0
"""Seconds without a new value after which a condition is not judged; a frozen tag reports every 60 s by default."""

Action = WriteAction | EventAction


class Firing(msgspec.Struct, frozen=True):
    """A rule acts: ``began`` when its conditions came to hold, else they ended to."""

    rule: Rule
    began: bool
    actions: Sequence[Action]


class _Watched:
    """One condition as it is."""

    __slots__ = ("condition", "heard", "holds", "known", "since")

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self.known = False
        self.holds = False
        self.since = 0.0
        self.heard = -math.inf

    def take(self, value: float | None, at: float) -> None:
        """A new value; None when it is bad."""
        if value is None or math.isnan(value):
            self.known = False
            return
        fresh = self.known and at - self.heard <= STALE
        held = self.holds and fresh
        self.holds = compare(self.condition, value, held=self.holds and fresh)
        if self.holds and not held:
            self.since = at
        self.known, self.heard = True, at

    def judged(self, at: float) -> bool:
        return self.known and at - self.heard <= STALE

    def met(self, at: float) -> bool:
        return self.judged(at) and self.holds and at - self.since >= self.condition.seconds


def compare(condition: Condition, value: float, *, held: bool) -> bool:
    """Whether ``value`` meets ``condition``, which ``held`` until now or not."""
    limit, slack = condition.limit, condition.deadband
    match condition.comparison:
        case Comparison.ABOVE:
            return value > (limit - slack if held else limit)
        case Comparison.BELOW:
            return value < (limit + slack if held else limit)
        case Comparison.EQUAL:
            return abs(value - limit) <= slack
        case Comparison.NOT_EQUAL:
            return abs(value - limit) > slack


class _Running:
    """One rule as it is."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.watched = [_Watched(condition) for condition in rule.when]
        self.active = False
        self.acted = -math.inf

    def step(self, at: float) -> Firing | None:
        """What it does now."""
        if not self.active:
            if at - self.acted < self.rule.pause or not all(one.met(at) for one in self.watched):
                return None
            self.active, self.acted = True, at
            return Firing(self.rule, True, self.rule.then)
        if all(one.holds or not one.judged(at) for one in self.watched):
            return None
        self.active = False
        return Firing(self.rule, False, self.rule.otherwise) if self.rule.otherwise else None


class Engine:
    """The rules of one edge at work. What :meth:`take` and :meth:`tick` return is to be done, in that order."""

    def __init__(self, rules: EdgeRules) -> None:
        self.version = rules.version
        self._all = [_Running(rule) for rule in rules.rules if rule.enabled]
        self._by_tag: dict[tuple[int, str], list[tuple[_Running, _Watched]]] = {}
        for running in self._all:
            for watched in running.watched:
                key = (watched.condition.device, watched.condition.tag)
                self._by_tag.setdefault(key, []).append((running, watched))

    def __len__(self) -> int:
        return len(self._all)

    def wants(self, device: int) -> set[str]:
        """Names of the tags of ``device`` that rules look at."""
        return {tag for owner, tag in self._by_tag if owner == device}

    def take(self, device: int, tag: str, value: float | None, at: float) -> list[Firing]:
        """A value was read; None when it is bad."""
        touched = self._by_tag.get((device, tag), ())
        for _, watched in touched:
            watched.take(value, at)
        return _steps((running for running, _ in touched), at)

    def tick(self, at: float) -> list[Firing]:
        """Time has passed."""
        return _steps(self._all, at)


def _steps(some: Iterable[_Running], at: float) -> list[Firing]:
    return [firing for running in some if (firing := running.step(at)) is not None]


def problems(rules: EdgeRules, edge: str) -> list[str]:
    """Why ``rules`` cannot be obeyed at ``edge``, in English; empty when they can."""
    found = []
    if rules.edge != edge:
        found.append(f"made for {rules.edge}")
    numbers = [rule.number for rule in rules.rules]
    if len(set(numbers)) != len(numbers):
        found.append("two rules have one number")
    for rule in rules.rules:
        values = [condition.limit for condition in rule.when]
        values += [one.value for one in (*rule.then, *rule.otherwise) if _number(one)]  # type: ignore[misc, union-attr]
        if not all(math.isfinite(value) for value in values):
            found.append(f"rule {rule.number}: not a number")
    return found


def _number(action: Action) -> bool:
    return isinstance(action, WriteAction) and isinstance(action.value, float)
