"""Experts by lot: who may be drawn, who not and why, and a draw that anybody can repeat. Pure.

青浦附件2 三2: 区科委 leads a joint review with 区发改委、区经委、区财政局 and 行业专家. How experts are found it leaves
open; whom to avoid follows 政府采购评审专家管理办法 (财库〔2016〕198号) 第十六条, which looks back three years.

Everybody's ticket is HMAC-SHA256 of the seed and the expert's key; the lowest tickets that fill the fields are drawn.
Who has the seed and the list of candidates gets the same people, in any language.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gongfu.governance.signals import names
from gongfu.kernel.errors import Conflict, Invalid
from gongfu.kernel.i18n import mark, translate

ANY = ""
"""A place on the panel for any field."""
MOST_PLACES = 50


class Firm(msgspec.Struct, frozen=True):
    """An organisation by what is known of it."""

    name: str = ""
    code: str = ""
    """Unified social credit code."""
    until: dt.date | None = None
    """Of a former employer: the last day there."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An expert of the pool."""

    key: str
    name: str
    fields: tuple[str, ...] = ()
    employer: Firm = Firm()
    former: tuple[Firm, ...] = ()
    declared: tuple[Firm, ...] = ()
    """Organisations the expert declared a tie with: shares, consultancy, relatives."""
    phones: tuple[str, ...] = ()
    drawn: int = 0
    """Panels of this year so far."""
    paused: bool = False
    conflicted: bool = False
    """Declared a conflict with this very subject."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody the panel must have nothing to do with: applicant, partner, parent."""

    name: str = ""
    code: str = ""
    legal: str = ""
    shareholders: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


class Avoid(msgspec.Struct, frozen=True, kw_only=True):
    """How far avoidance goes."""

    years: int = 3
    """A former employer counts for so many years."""
    quota: int = 0
    """Panels an expert may be drawn for in a year; 0: any number."""
    one_per_employer: bool = False
    """Whether two experts of one employer may not sit together; the first ticket goes."""


@dataclass(frozen=True)
class Left:
    """Why somebody was not in the lot. ``message`` is a marked template."""

    key: str
    name: str
    message: str
    values: tuple[tuple[str, str], ...] = ()

    def text(self, language: str | None = None) -> str:
        """The sentence in ``language`` (default: the current one)."""
        return translate(self.message, language).format(**dict(self.values))


class Draw(msgspec.Struct, frozen=True):
    """What a draw began from and came to; kept, so that it can be repeated."""

    seed: str
    places: tuple[str, ...]
    """Fields, one a place; :data:`ANY` for any."""
    candidates: tuple[tuple[str, tuple[str, ...], str], ...]
    """Keys, sorted, each with its fields and a digest of the employer (empty when two may share one)."""
    chosen: tuple[str, ...]
    """One a place, in the order of ``places``."""

    @property
    def digest(self) -> str:
        """SHA-256 over seed, places and candidates: what is written down when the draw is made."""
        return hashlib.sha256(msgspec.json.encode((self.seed, self.places, self.candidates))).hexdigest()


def conflicts(expert: Candidate, parties: Sequence[Party], avoid: Avoid, on: dt.date) -> list[Left]:
    """Every reason why ``expert`` may not be drawn on that day; empty when there is none."""
    found: list[Left] = []

    def left(message: str, **values: str) -> None:
        found.append(Left(expert.key, expert.name, message, tuple(sorted(values.items()))))

    if expert.paused:
        left(mark("Rests at the moment."))
    if avoid.quota and expert.drawn >= avoid.quota:
        left(
            mark("Was drawn {times} times this year; the limit is {most}."),
            times=str(expert.drawn),
            most=str(avoid.quota),
        )
    if expert.conflicted:
        left(mark("Declared a conflict with this application."))
    for party in parties:
        told = party.name or party.code
        if _same(expert.employer, party):
            left(mark("Works for {party}."), party=told)
        for firm in expert.declared:
            if _same(firm, party):
                left(mark("Declared a tie with {party}."), party=told)
        for firm in expert.former:
            if _same(firm, party) and _recent(firm, avoid.years, on):
                left(mark("Worked for {party} until {day}."), party=told, day=str(firm.until or "–"))
        person = names.company(expert.name)
        if person and person == names.company(party.legal):
            left(mark("Bears the name of the legal representative of {party}."), party=told)
        holders = {names.company(one) for one in party.shareholders} - {""}
        if person in holders:
            left(mark("Bears the name of a shareholder of {party}."), party=told)
        if names.company(expert.employer.name) in holders:
            left(mark("The employer is a shareholder of {party}."), party=told)
        if {names.phone(one) for one in expert.phones} & {names.phone(one) for one in party.phones} - {""}:
            left(mark("Has a telephone number of {party}."), party=told)
    return list(dict.fromkeys(found))


def _same(firm: Firm, party: Party) -> bool:
    if firm.code and party.code:
        return names.plain(firm.code) == names.plain(party.code)
    name = names.company(firm.name)
    return bool(name) and name == names.company(party.name)


def _recent(firm: Firm, years: int, on: dt.date) -> bool:
    if firm.until is None:
        return True
    try:
        since = on.replace(year=on.year - years)
    except ValueError:  # 29 February
        since = on.replace(year=on.year - years, day=28)
    return firm.until >= since


def sift(
    pool: Iterable[Candidate], parties: Sequence[Party], avoid: Avoid, on: dt.date
) -> tuple[list[Candidate], list[Left]]:
    """Who may be drawn, and every reason against the others."""
    eligible, left = [], []
    for expert in sorted(pool, key=lambda one: one.key):
        reasons = conflicts(expert, parties, avoid, on)
        left += reasons
        if not reasons:
            eligible.append(expert)
    return eligible, left


def ticket(seed: str, key: str) -> str:
    """The number an expert draws: HMAC-SHA256 of the key under the seed, hexadecimal."""
    return hmac.new(seed.encode(), key.encode(), hashlib.sha256).hexdigest()


def draw(eligible: Sequence[Candidate], places: Sequence[str], seed: str, avoid: Avoid | None = None) -> Draw:
    """Fill ``places`` from ``eligible`` by lot; raises :class:`Conflict` with the fields that lack experts."""
    if not seed or not 0 < len(places) <= MOST_PLACES:
        raise Invalid(mark("A draw needs a seed and 1 to {most} places."), most=MOST_PLACES)
    apart = avoid is not None and avoid.one_per_employer
    candidates = tuple(
        (one.key, tuple(sorted(set(one.fields))), _employer(one) if apart else "")
        for one in sorted(eligible, key=lambda one: one.key)
    )
    if len({key for key, _fields, _employer in candidates}) != len(candidates):
        raise Invalid(mark("An expert stands twice in the pool."))
    ordered = tuple(sorted(places))
    return Draw(seed, ordered, candidates, _chosen(seed, ordered, candidates))


def verify(drawn: Draw) -> bool:
    """Whether the draw, repeated, comes to the same people."""
    try:
        return _chosen(drawn.seed, drawn.places, drawn.candidates) == drawn.chosen
    except Conflict:
        return False


def _employer(one: Candidate) -> str:
    text = names.plain(one.employer.code) or names.company(one.employer.name)
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def _chosen(
    seed: str, places: Sequence[str], candidates: Sequence[tuple[str, tuple[str, ...], str]]
) -> tuple[str, ...]:
    """In order of tickets everybody sits down for whom a place can be found, others moving up when they can.

    So the fields are filled whenever that is possible, and nobody is passed over for a later ticket without need.
    """
    seats: dict[int, str] = {}
    fields = {key: frozenset(known) for key, known, _employer in candidates}

    def seat(key: str, tried: set[int]) -> bool:
        for number, wanted in enumerate(places):
            if number not in tried and (wanted == ANY or wanted in fields[key]):
                tried.add(number)
                if number not in seats or seat(seats[number], tried):
                    seats[number] = key
                    return True
        return False

    taken: set[str] = set()
    for key, _known, employer in sorted(candidates, key=lambda one: (ticket(seed, one[0]), one[0])):
        if len(seats) == len(places):
            break
        if (employer not in taken or not employer) and seat(key, set()):
            taken.add(employer)
    if len(seats) < len(places):
        missing = sorted({places[number] for number in range(len(places)) if number not in seats})
        raise Conflict(
            mark("Only {found} of {wanted} experts can be drawn; missing in: {fields}."),
            remedy=mark("Add experts to the pool, or ask for fewer or for other fields."),
            found=len(seats),
            wanted=len(places),
            fields=", ".join(one or "*" for one in missing),
        )
    return tuple(seats[number] for number in range(len(places)))


def count_by_field(places: Sequence[str]) -> Mapping[str, int]:
    """How many places each field has."""
    return {one: places.count(one) for one in dict.fromkeys(places)}
