"""Application identifiers: what each number means and whether a value fits it. Pure.

Source: GS1 General Specifications §3; the table is :mod:`gongfu.identity.schemes.gs1.table`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.gs1 import checks
from gongfu.identity.schemes.gs1.table import ROWS
from gongfu.kernel.i18n import mark

PREDEFINED = frozenset(f"{number:02}" for number in (*range(5), *range(11, 21), *range(31, 37), 41))
"""First two digits of the identifiers whose length is fixed: no separator stands after them (figure 7.8.5-2)."""


@dataclass(frozen=True, slots=True)
class Component:
    """A piece of a value: character set, least and most characters, checks."""

    letters: str
    least: int
    most: int
    checks: tuple[str, ...]

    @property
    def fixed(self) -> bool:
        """Whether it is always there and always as long."""
        return self.least == self.most


@dataclass(frozen=True, slots=True)
class Meaning:
    """One application identifier."""

    number: str
    title: str
    components: tuple[Component, ...]
    attribute: bool
    """Whether it may stand in the query of a Digital Link URI."""

    @property
    def most(self) -> int:
        """Characters that a value may have."""
        return sum(component.most for component in self.components)

    def check(self, value: str) -> None:
        """Raise :class:`BadCode` saying what is wrong with ``value``."""
        rest = value
        for component in self.components:
            piece, rest = rest[: component.most], rest[component.most :]
            if not piece and component.least == 0:
                continue
            if len(piece) < max(component.least, 1):
                raise BadCode(
                    mark("({number}) {title}: {value} is too short."),
                    remedy=mark("Read the code again; its end may be missing."),
                    number=self.number,
                    title=self.title,
                    value=value,
                )
            self._check_letters(component, piece)
            for check in component.checks:
                checks.require(check, piece, f"({self.number}) {self.title}")
        if rest:
            raise BadCode(
                mark("({number}) {title}: {value} is longer than {most} characters."),
                remedy=mark("A separator (FNC1) may be missing after it."),
                number=self.number,
                title=self.title,
                value=value,
                most=self.most,
            )

    def _check_letters(self, component: Component, piece: str) -> None:
        wrong = next((letter for letter in piece if letter not in checks.SETS[component.letters]), None)
        if wrong is not None:
            raise BadCode(
                mark("({number}) {title} may not hold the character {letter}."),
                remedy=mark("Only digits may stand there.")
                if component.letters == "N"
                else mark("Use the characters of the GS1 General Specifications, figure 7.11-1."),
                number=self.number,
                title=self.title,
                letter=repr(wrong),
            )


def _components(text: str) -> Iterator[Component]:
    for word in text.split():
        size, *names = word.removeprefix("?").split(":")
        letters, length = size[0], size[1:]
        most = int(length.removeprefix(".."))
        least = 0 if word.startswith("?") else 1 if length.startswith("..") else most
        yield Component(letters, least, most, tuple(names))


def _read(rows: str) -> Iterator[Meaning]:
    for row in rows.splitlines():
        numbers, components, title, *closed = row.split("|")
        first, _, last = numbers.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield Meaning(str(number).zfill(len(first)), title, tuple(_components(components)), attribute=not closed)


MEANINGS: Mapping[str, Meaning] = {meaning.number: meaning for meaning in _read(ROWS)}
"""Number → meaning."""
LENGTH: Mapping[str, int] = {number[:2]: len(number) for number in MEANINGS}
"""How many digits a number has, by its first two."""


def meaning(number: str) -> Meaning:
    """The application identifier ``number``; raises :class:`BadCode` for one that GS1 has not assigned."""
    found = MEANINGS.get(number)
    if found is None:
        raise BadCode(
            mark("({number}) is no application identifier."),
            remedy=mark("Read the code again, or look the number up in the GS1 General Specifications."),
            number=number[:8],
        )
    return found
