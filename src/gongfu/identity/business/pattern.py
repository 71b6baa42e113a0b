r"""Patterns that a template may demand of a text, kept so simple that no text makes them slow. Pure.

A pattern is a sequence of characters, ``.``, classes such as ``[0-9A-F]`` or ``\d``, each with an optional ``?``,
``*``, ``+`` or ``{m,n}``; ``|`` separates alternatives. There are no groups, so nothing is repeated in a repetition,
and the number of parts of open length is limited: people write patterns, and texts of everybody are matched with them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MAX_PATTERN = 200
"""Characters of a pattern."""
MAX_MATCHED = 300
"""Characters of a text that a pattern is tried on."""
_MOST_OPEN = 3  # parts whose length is not fixed; each multiplies the work by the length of the text
_PART = re.compile(
    r"(?P<atom>\\[dwsDWS.\-/+*?()\[\]{}|^$\\]|\[\^?(?:\\[dws.\-/+*?()\[\]{}|^$\\]|[^\]\\\[&~|])+\]|[^\\\[\](){}|?*+^$])"
    r"(?P<times>\{\d{1,3}(?:,\d{0,3})?\}|[?*+])?"
)


def check_pattern(pattern: str) -> None:
    """Raises :class:`Invalid` for a pattern beyond this small language."""
    if len(pattern) > MAX_PATTERN:
        raise Invalid(
            mark("The pattern {pattern} is longer than {limit} characters."),
            remedy=mark("Write a shorter one."),
            pattern=f"{pattern[:40]}…",
            limit=MAX_PATTERN,
        )
    for alternative in _alternatives(pattern):
        _check_alternative(pattern, alternative)
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        raise Invalid(
            mark("The pattern {pattern} cannot be used: {reason}."),
            remedy=mark("Use characters, classes such as [0-9A-F] and repetitions such as {{4}}."),
            pattern=pattern,
            reason=error,
        ) from error


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of ``text`` is as ``pattern`` says; never for a text beyond :data:`MAX_MATCHED`."""
    return len(text) <= MAX_MATCHED and _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _alternatives(pattern: str) -> list[str]:
    """Split at ``|`` outside classes and escapes."""
    parts, start, place, inside = [], 0, 0, False
    while place < len(pattern):
        letter = pattern[place]
        if letter == "\\":
            place += 1
        elif letter == "[":
            inside = True
        elif letter == "]":
            inside = False
        elif letter == "|" and not inside:
            parts.append(pattern[start:place])
            start = place + 1
        place += 1
    return [*parts, pattern[start:]]


def _check_alternative(pattern: str, alternative: str) -> None:
    place = open_parts = 0
    while place < len(alternative):
        part = _PART.match(alternative, place)
        if part is None:
            raise Invalid(
                mark("The pattern {pattern} cannot be read at {place}: there are no groups, anchors or look-arounds."),
                remedy=mark("Use characters, classes such as [0-9A-F] and repetitions such as {{4}}."),
                pattern=pattern,
                place=alternative[place : place + 10],
            )
        times = part["times"] or ""
        if times and not re.fullmatch(r"\{\d+\}", times):
            open_parts += 1
        place = part.end()
    if open_parts > _MOST_OPEN:
        raise Invalid(
            mark("The pattern {pattern} has {count} parts of open length; at most {limit} are possible."),
            remedy=mark("Say how often exactly, as {{4}}."),
            pattern=pattern,
            count=open_parts,
            limit=_MOST_OPEN,
        )
