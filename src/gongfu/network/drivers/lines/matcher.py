"""Matching whose time is bounded by the pattern's size times the line's length, whatever either of them is. Pure.

All ways through the pattern advance together, one character at a time, in order of preference (R. Pike's machine, as
described in R. Cox, *Regular Expression Matching: the Virtual Machine Approach*, 2009). The first that succeeds is the
one that a backtracking matcher would have found, without its catastrophes.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import IntEnum

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.lines.pattern import Characters, Choice, Edge, Group, Node, Repeat, Sequence, parse

LARGEST = 1500
"""Steps of a compiled pattern."""
WORK = 60_000
"""Steps taken for one line, some tens of milliseconds at worst; a line that needs more counts as not matching."""
_ASCII = 128


class _Op(IntEnum):
    TAKE, SPLIT, SAVE, START, END, MATCH = range(6)


class _Step(msgspec.Struct, frozen=True):
    op: _Op
    first: int = 0
    """Where to go on; of a split, the preferred way; of a save, its slot."""
    second: int = 0
    table: bytes = b""
    """For each ASCII character whether it fits."""
    bounds: tuple[int, ...] = ()
    """Code points at which fitting begins and ends, for all others."""


class TooMuchWork(Exception):
    """The line and the pattern together are too complicated."""


class Matcher:
    """A compiled pattern. ``groups``: the names in it."""

    def __init__(self, text: str) -> None:
        node, self.groups = parse(text)
        self.text = text
        self._slots = {name: 2 * index for index, name in enumerate(self.groups)}
        self._steps: list[_Step] = []
        self._visits = 0
        self._compile(node)
        self._put(_Step(_Op.MATCH))

    def search(self, line: str) -> dict[str, str | None] | None:
        """Groups of the first place in ``line`` that fits, None for groups not taken; None when nothing fits.

        Raises :class:`TooMuchWork`.
        """
        found = self._run(line)
        if found is None:
            return None
        return {
            name: line[found[slot] : found[slot + 1]] if found[slot + 1] >= 0 else None
            for name, slot in self._slots.items()
        }

    def _run(self, line: str) -> tuple[int, ...] | None:
        steps, nothing = self._steps, (-1,) * (2 * len(self.groups))
        best: tuple[int, ...] | None = None
        work = 0
        ways: list[tuple[int, tuple[int, ...]]] = []
        for at in range(len(line) + 1):
            seen: set[int] = set()
            current: list[tuple[int, tuple[int, ...]]] = []
            for where, slots in ways:
                self._follow(where, slots, at, len(line), seen, current)
            if best is None:
                self._follow(0, nothing, at, len(line), seen, current)
            work += len(seen) + 1
            if work > WORK:
                raise TooMuchWork
            ways = []
            code = ord(line[at]) if at < len(line) else -1
            for where, slots in current:
                step = steps[where]
                if step.op is _Op.MATCH:
                    best = slots
                    break  # the others are less preferred
                if code >= 0 and (step.table[code] if code < _ASCII else bisect_right(step.bounds, code) % 2):
                    ways.append((where + 1, slots))
            if best is not None and not ways:
                break
        return best

    def _follow(
        self,
        where: int,
        slots: tuple[int, ...],
        at: int,
        end: int,
        seen: set[int],
        into: list[tuple[int, tuple[int, ...]]],
    ) -> None:
        """Go on from ``where`` up to what takes a character, the preferred ways first."""
        steps = self._steps
        waiting = [(where, slots)]
        while waiting:
            where, slots = waiting.pop()
            if where in seen:
                continue
            seen.add(where)
            step = steps[where]
            match step.op:
                case _Op.TAKE | _Op.MATCH:
                    into.append((where, slots))
                case _Op.SPLIT:
                    waiting.append((step.second, slots))
                    waiting.append((step.first, slots))
                case _Op.SAVE:
                    slot = step.first
                    waiting.append((where + 1, (*slots[:slot], at, *slots[slot + 1 :])))
                case _Op.START if at == 0:
                    waiting.append((where + 1, slots))
                case _Op.END if at == end:
                    waiting.append((where + 1, slots))

    def _put(self, step: _Step) -> int:
        self._steps.append(step)
        return len(self._steps) - 1

    def _check_size(self) -> None:
        self._visits += 1  # repeated nothings make no steps
        if max(self._visits, len(self._steps)) > LARGEST:
            raise BadConfiguration(
                mark("The pattern {pattern} is too large."),
                remedy=mark("Use smaller numbers of repetitions, or several patterns."),
                pattern=self.text[:200],
            )

    def _compile(self, node: Node) -> None:
        self._check_size()
        match node:
            case Characters():
                self._put(_take(node))
            case Edge():
                self._put(_Step(_Op.START if node.start else _Op.END))
            case Sequence():
                for part in node.parts:
                    self._compile(part)
            case Group():
                slot = self._slots[node.name]
                self._put(_Step(_Op.SAVE, slot))
                self._compile(node.part)
                self._put(_Step(_Op.SAVE, slot + 1))
            case Choice():
                self._compile_choice(node)
            case Repeat():
                for _ in range(node.least):
                    self._compile(node.part)
                if node.most is None:
                    self._compile_star(node)
                else:
                    self._compile_optional(node, node.most - node.least)

    def _compile_choice(self, node: Choice) -> None:
        ends: list[int] = []
        for option in node.options[:-1]:
            split = self._put(_Step(_Op.SPLIT))
            self._compile(option)
            ends.append(self._put(_Step(_Op.SPLIT)))
            self._steps[split] = _Step(_Op.SPLIT, split + 1, len(self._steps))
        self._compile(node.options[-1])
        for end in ends:
            self._steps[end] = _Step(_Op.SPLIT, len(self._steps), len(self._steps))

    def _compile_star(self, node: Repeat) -> None:
        split = self._put(_Step(_Op.SPLIT))
        self._compile(node.part)
        self._put(_Step(_Op.SPLIT, split, split))
        self._steps[split] = _split(split + 1, len(self._steps), node.greedy)

    def _compile_optional(self, node: Repeat, times: int) -> None:
        splits: list[int] = []
        for _ in range(times):
            splits.append(self._put(_Step(_Op.SPLIT)))
            self._compile(node.part)
        for split in splits:
            self._steps[split] = _split(split + 1, len(self._steps), node.greedy)


def _split(inside: int, behind: int, greedy: bool) -> _Step:
    return _Step(_Op.SPLIT, inside, behind) if greedy else _Step(_Op.SPLIT, behind, inside)


def _take(characters: Characters) -> _Step:
    table = bytes(any(low <= code <= high for low, high in characters.ranges) for code in range(_ASCII))
    bounds = tuple(bound for low, high in characters.ranges for bound in (low, high + 1))
    return _Step(_Op.TAKE, table=table, bounds=bounds)
