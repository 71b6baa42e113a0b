"""Regular expressions as people write them, parsed into a tree, without what makes matching slow. Pure.

Literals, ``.``, classes (``[0-9a-f]``, ``[^,]``, ``\\d \\s \\w`` and their opposites, for ASCII), groups
``(?P<name>…)``, ``(?:…)`` and ``(…)``, alternatives, ``* + ? {m} {m,} {m,n}`` greedy and lazy, ``^`` and ``$``, and
``(?i)`` in front. No back references, no looking around: with those no matcher can promise an end.
"""

from __future__ import annotations

import re
import string
from typing import NoReturn

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration

MOST_REPEATS = 200
_DEEPEST = 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COUNT = re.compile(r"\{([0-9]{1,4})?(,)?([0-9]{1,4})?\}")
_LAST = 0x10FFFF
_CLASSES: dict[str, tuple[tuple[int, int], ...]] = {
    "d": ((48, 57),),
    "s": ((9, 13), (32, 32)),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
}
_ESCAPES = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


class Characters(msgspec.Struct, frozen=True):
    """One character out of ``ranges`` of code points, both ends included, in rising order."""

    ranges: tuple[tuple[int, int], ...]


class Edge(msgspec.Struct, frozen=True):
    """The start, or else the end, of the line."""

    start: bool


class Sequence(msgspec.Struct, frozen=True):
    """One after the other."""

    parts: tuple[Node, ...]


class Choice(msgspec.Struct, frozen=True):
    """The first that fits."""

    options: tuple[Node, ...]


class Repeat(msgspec.Struct, frozen=True):
    """``least`` to ``most`` times (None: without end); as often as possible when ``greedy``."""

    part: Node
    least: int
    most: int | None
    greedy: bool


class Group(msgspec.Struct, frozen=True):
    """Remembered under ``name``."""

    name: str
    part: Node


Node = Characters | Edge | Sequence | Choice | Repeat | Group


def parse(text: str) -> tuple[Node, tuple[str, ...]]:
    """The tree of ``text`` and the names of its groups; raises :class:`BadConfiguration` with the place."""
    parser = _Parser(text)
    node = parser.choice(0)
    if parser.at < len(text):
        parser.fail(mark("The pattern {pattern} has a ) without its ( at character {place}."))
    return node, tuple(parser.names)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.names: list[str] = []
        self.ignore_case = text.startswith("(?i)")
        if self.ignore_case:
            self.at = 4

    def fail(self, message: str) -> NoReturn:
        """Raise ``message`` with the place."""
        raise BadConfiguration(
            message,
            remedy=mark("Use only literals, classes, (?P<name>…), (?:…), |, * + ? and {{m,n}}, ^ and $."),
            pattern=self.text[:200],
            place=self.at + 1,
        )

    def choice(self, depth: int) -> Node:
        """Alternatives."""
        if depth > _DEEPEST:
            self.fail(mark("The pattern {pattern} has too many brackets inside each other at character {place}."))
        options = [self.sequence(depth)]
        while self.take("|"):
            options.append(self.sequence(depth))
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self, depth: int) -> Node:
        """One after the other, up to a bar or bracket."""
        parts: list[Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self.repeated(self.single(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self, part: Node) -> Node:
        """``part`` with what says how often."""
        if self.take("*"):
            least, most = 0, None
        elif self.take("+"):
            least, most = 1, None
        elif self.take("?"):
            least, most = 0, 1
        else:
            match = _COUNT.match(self.text, self.at)
            if match is None or (match[1] is None and match[3] is None):
                return part
            self.at = match.end()
            least = int(match[1] or 0)
            most = least if match[2] is None else None if match[3] is None else int(match[3])
            if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
                self.fail(mark("The pattern {pattern} has a wrong number of repetitions before character {place}."))
        if isinstance(part, Edge):
            self.fail(mark("The pattern {pattern} has nothing to repeat at character {place}."))
        greedy = not self.take("?")
        if self.text[self.at : self.at + 1] in ("*", "+", "?") and self.at < len(self.text):
            self.fail(mark("The pattern {pattern} repeats a repetition at character {place}."))
        return Repeat(part, least, most, greedy)

    def single(self, depth: int) -> Node:
        """A character, class, edge or group."""
        letter = self.text[self.at]
        self.at += 1
        match letter:
            case "(":
                return self.group(depth)
            case "[":
                return self.characters()
            case ".":
                return Characters(((0, _LAST),))
            case "^" | "$":
                return Edge(letter == "^")
            case "\\":
                return self.built(self.escape())
            case "*" | "+" | "?":
                self.at -= 1
                self.fail(mark("The pattern {pattern} has nothing to repeat at character {place}."))
        return self.built(((ord(letter), ord(letter)),))

    def group(self, depth: int) -> Node:
        """What stands behind an opening bracket."""
        name = ""
        if self.take("?P<"):
            match = _NAME.match(self.text, self.at)
            if match is None or self.text[match.end() : match.end() + 1] != ">":
                self.fail(mark("The pattern {pattern} has a group without a proper name at character {place}."))
            name = match[0]
            if name in self.names:
                self.fail(mark("The pattern {pattern} has a second group of the same name at character {place}."))
            self.names.append(name)
            self.at = match.end() + 1
        elif self.take("?:"):
            pass
        elif self.text[self.at : self.at + 1] == "?":
            self.fail(mark("The pattern {pattern} has a group of an unknown kind at character {place}."))
        part = self.choice(depth + 1)
        if not self.take(")"):
            self.fail(mark("The pattern {pattern} has a ( without its ) at character {place}."))
        return Group(name, part) if name else part

    def characters(self) -> Node:
        """A class, behind its opening bracket."""
        negated = self.take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.text[self.at : self.at + 1] != "]":
            if self.at >= len(self.text):
                self.fail(mark("The pattern {pattern} has a [ without its ] at character {place}."))
            first = False
            low = self.member()
            following = self.text[self.at : self.at + 2]
            if len(low) == 1 and low[0][0] == low[0][1] and following[:1] == "-" and following[1:] not in ("", "]"):
                self.at += 1
                high = self.member()
                if len(high) != 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
                    self.fail(mark("The pattern {pattern} has a range that does not rise at character {place}."))
                ranges.append((low[0][0], high[0][0]))
            else:
                ranges += low
        self.at += 1
        return self.built(tuple(ranges), negated=negated)

    def member(self) -> tuple[tuple[int, int], ...]:
        """One entry of a class."""
        letter = self.text[self.at]
        self.at += 1
        return self.escape() if letter == "\\" else ((ord(letter), ord(letter)),)

    def escape(self) -> tuple[tuple[int, int], ...]:
        """What stands behind a backslash."""
        letter = self.text[self.at : self.at + 1]
        self.at += 1
        if letter.lower() in _CLASSES and letter:
            ranges = _CLASSES[letter.lower()]
            return ranges if letter.islower() else _opposite(ranges)
        if letter in _ESCAPES:
            return ((_ESCAPES[letter], _ESCAPES[letter]),)
        if letter == "x":
            digits = self.text[self.at : self.at + 2]
            if len(digits) == 2 and set(digits) <= set(string.hexdigits):
                self.at += 2
                return ((int(digits, 16), int(digits, 16)),)
        if not letter or letter.isalnum():
            self.fail(mark("The pattern {pattern} has an unknown escape at character {place}."))
        return ((ord(letter), ord(letter)),)

    def built(self, ranges: tuple[tuple[int, int], ...], *, negated: bool = False) -> Characters:
        """A class of ``ranges``, in both cases where that is wanted."""
        if self.ignore_case:
            ranges += tuple(found for low, high in ranges for found in _other_case(low, high))
        ranges = _joined(ranges)
        return Characters(_opposite(ranges) if negated else ranges)

    def take(self, text: str) -> bool:
        """Step over ``text`` if it comes next."""
        found = self.text.startswith(text, self.at)
        if found:
            self.at += len(text)
        return found


def _other_case(low: int, high: int) -> list[tuple[int, int]]:
    """The same ASCII letters in the other case."""
    small = max(low, 97) - 32, min(high, 122) - 32
    capital = max(low, 65) + 32, min(high, 90) + 32
    return [found for found in (small, capital) if found[0] <= found[1]]


def _joined(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    made: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if made and low <= made[-1][1] + 1:
            made[-1] = made[-1][0], max(made[-1][1], high)
        else:
            made.append((low, high))
    return tuple(made)


def _opposite(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    made: list[tuple[int, int]] = []
    start = 0
    for low, high in _joined(ranges):
        if start < low:
            made.append((start, low - 1))
        start = high + 1
    if start <= _LAST:
        made.append((start, _LAST))
    return tuple(made)
