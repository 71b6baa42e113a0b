"""Filings in, explained signals out. Pure; every look-up is by key, so time grows with the number of filings.

A signal is a hint for a person who looks, never a decision. It names every filing it rests on, and does not depend on
the order in which filings are given.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import msgspec

from gongfu.governance.signals import names
from gongfu.kernel.i18n import mark, translate


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """A paper that proves an expense. What is not known stays empty."""

    number: str = ""
    code: str = ""
    seller: str = ""
    amount: Decimal | None = None
    day: dt.date | None = None
    digest: str = ""
    """SHA-256 of the file."""


class Person(msgspec.Struct, frozen=True):
    """Somebody, or a firm, that stands behind an applicant."""

    name: str
    id: str = ""
    """What tells people of one name apart, such as a digest of the identity number."""


class Filing(msgspec.Struct, frozen=True, kw_only=True):
    """An application, as far as signals look at it."""

    key: str
    """Opaque."""
    organisation: str
    """Opaque key of who applies."""
    name: str = ""
    legal: Person | None = None
    shareholders: tuple[Person, ...] = ()
    address: str = ""
    phones: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    project: str = ""
    clause: str = ""
    window: str = ""
    """Notice it answers."""
    amount: Decimal | None = None
    """Investment or expenses of the project, yuan."""
    invoices: tuple[Invoice, ...] = ()


class Kind(StrEnum):
    """What was noticed."""

    INVOICE = "same_invoice"
    FILE = "same_file"
    SIMILAR = "similar_invoice"
    ACCOUNT = "same_account"
    PERSON = "same_person"
    NAMESAKE = "same_name"
    OWNER = "owns"
    ADDRESS = "same_address"
    PHONE = "same_phone"
    PIECES = "split_project"
    RELATED = "related_apply"
    CROWD = "address_crowd"


class Strength(StrEnum):
    """How much a signal says by itself."""

    STRONG = "strong"
    WEAK = "weak"


@dataclass(frozen=True, order=True)
class Signal:
    """Something to look at. ``message`` is a marked template filled from ``values``."""

    kind: Kind
    filings: tuple[str, ...]
    """Keys, sorted; at least one."""
    strength: Strength
    message: str
    values: tuple[tuple[str, str], ...] = ()

    def text(self, language: str | None = None) -> str:
        """The sentence in ``language`` (default: the current one)."""
        return translate(self.message, language).format(**dict(self.values))


@dataclass(frozen=True)
class Limits:
    """From where on something is a signal."""

    pieces: Mapping[str, Decimal] = field(default_factory=dict)
    """Clause → sum above which another procedure or a cap applies: pieces below it that reach it together."""
    crowd: int = 3
    """So many firms at one address in one window."""
    days: int = 3
    share: float = 0.005
    """Two invoices are alike within so many days and this share of the sum."""
    common: int = 5
    """What more applicants than this share is a price list, not a hint."""


def signals(filings: Iterable[Filing], limits: Limits | None = None) -> list[Signal]:
    """Everything noticed among ``filings``, sorted."""
    found, limits = list(filings), limits or Limits()
    many = {*_invoices(found), *_similar(found, limits), *_accounts(found), *_people(found), *_places(found, limits)}
    return sorted(many | {*_pieces(found, limits), *_related(found)})


def concerning(found: Sequence[Signal], key: str) -> list[Signal]:
    """Those that rest on one filing."""
    return [one for one in found if key in one.filings]


_Groups = Mapping[Hashable, Sequence[Filing]]


def _groups(filings: Iterable[Filing], keys: Callable[[Filing], Iterable[Hashable]]) -> _Groups:
    """Filings by each of their keys, every filing once under one key; keys of one filing alone are left out."""
    found: dict[Hashable, list[Filing]] = defaultdict(list)
    for one in filings:
        for key in set(keys(one)):
            if key:
                found[key].append(one)
    return {key: group for key, group in found.items() if len(group) > 1}


def _keys(group: Iterable[Filing]) -> tuple[str, ...]:
    return tuple(sorted({one.key for one in group}))


def _firms(group: Iterable[Filing]) -> set[str]:
    return {one.organisation for one in group}


def _invoices(filings: Sequence[Filing]) -> Iterator[Signal]:
    def papers(one: Filing) -> Iterator[tuple[str, str]]:
        return ((number, names.number(paper.code)) for paper in one.invoices if (number := names.number(paper.number)))

    # A code that one of them leaves out does not make two invoices of one.
    by_number = _groups(filings, lambda one: (number for number, _code in papers(one)))
    for number, group in by_number.items():
        codes: dict[str, list[Filing]] = defaultdict(list)
        for one in group:
            for found, code in set(papers(one)):
                if found == number:
                    codes[code].append(one)
        without = codes.pop("", [])
        for same in [members + without for members in codes.values()] or [without]:
            if len(_keys(same)) > 1:
                yield Signal(
                    Kind.INVOICE,
                    _keys(same),
                    Strength.STRONG,
                    mark("Invoice {number} stands in {count} applications."),
                    (("count", str(len(_keys(same)))), ("number", str(number))),
                )
    for digest, group in _groups(filings, lambda one: (paper.digest.casefold() for paper in one.invoices)).items():
        yield Signal(
            Kind.FILE,
            _keys(group),
            Strength.STRONG,
            mark("The very same file {digest} proves expenses in {count} applications."),
            (("count", str(len(group))), ("digest", str(digest)[:12])),
        )


def _similar(filings: Sequence[Filing], limits: Limits) -> Iterator[Signal]:
    """Other numbers, but seller, sum and date nearly the same: by cells of two grids, each shifted by half a cell.

    What lies within half the distances shares a cell of one grid; nothing beyond them does.
    """
    wide = math.log1p(limits.share)
    found: dict[tuple[str, float, float, int, int], list[tuple[Filing, str]]] = defaultdict(list)
    for one in filings:
        for paper in one.invoices:
            if paper.amount and paper.amount > 0 and paper.day and (seller := names.company(paper.seller)):
                level, day = math.log(paper.amount) / wide, paper.day.toordinal() / (limits.days + 1)
                which = one, names.number(paper.number)
                for shift in (0, 0.5):
                    for later in (0, 0.5):
                        found[seller, shift, later, math.floor(level + shift), math.floor(day + later)].append(which)
    for (seller, *_cell), papers in found.items():
        if len(papers) < 2:
            continue
        keys, firms = _keys(one for one, _number in papers), _firms(one for one, _number in papers)
        numbers = {number for _one, number in papers if number}  # of one number something else tells already
        if len(keys) > 1 and len(numbers) > 1 and len(firms) <= limits.common:
            yield Signal(
                Kind.SIMILAR,
                keys,
                Strength.WEAK,
                mark(
                    "Invoices of {seller} in {count} applications have nearly the same sum and date, but other numbers."
                ),
                (("count", str(len(keys))), ("seller", seller)),
            )


def _accounts(filings: Sequence[Filing]) -> Iterator[Signal]:
    for account, group in _groups(filings, lambda one: map(names.number, one.accounts)).items():
        if len(_firms(group)) > 1:
            yield Signal(
                Kind.ACCOUNT,
                _keys(group),
                Strength.STRONG,
                mark("{count} applicants name one bank account, ending in {end}."),
                (("count", str(len(_firms(group)))), ("end", str(account)[-4:])),
            )


def _behind(one: Filing) -> tuple[Person, ...]:
    return (*((one.legal,) if one.legal else ()), *one.shareholders)


def _people(filings: Sequence[Filing]) -> Iterator[Signal]:
    for proof, group in _groups(filings, lambda one: (each.id for each in _behind(one))).items():
        if len(_firms(group)) > 1:
            who = min(each.name for one in group for each in _behind(one) if each.id == proof)
            yield Signal(
                Kind.PERSON,
                _keys(group),
                Strength.STRONG,
                mark("{who} is legal representative or shareholder of {count} applicants."),
                (("count", str(len(_firms(group)))), ("who", who)),
            )
    yield from _namesakes(filings)
    titles: dict[str, set[str]] = defaultdict(set)
    for one in filings:
        titles[names.company(one.name)].add(one.organisation)
    owned = _groups(filings, lambda one: (names.company(name) for name in (one.name, *_holders(one))))
    for name, group in owned.items():
        below = [one for one in group if name in {names.company(each) for each in _holders(one)}]
        above = [one for one in group if names.company(one.name) == name]
        if above and any(one.organisation not in titles[str(name)] for one in below):
            yield Signal(
                Kind.OWNER,
                _keys((*above, *below)),
                Strength.STRONG,
                mark("The applicant {name} is a shareholder of {count} other applicants."),
                (("count", str(len(_firms(below) - titles[str(name)]))), ("name", min(one.name for one in above))),
            )


def _holders(one: Filing) -> Iterator[str]:
    return (each.name for each in one.shareholders)


def _namesakes(filings: Sequence[Filing]) -> Iterator[Signal]:
    by_name = _groups(filings, lambda one: (names.company(each.name) for each in _behind(one)))
    for name, group in by_name.items():
        proofs: dict[str, set[str]] = defaultdict(set)
        for one in group:
            for each in _behind(one):
                if names.company(each.name) == name:
                    proofs[one.organisation].add(each.id)
        without = {firm for firm, known in proofs.items() if "" in known}
        if len(proofs) > 1 and without:
            yield Signal(
                Kind.NAMESAKE,
                _keys(group),
                Strength.WEAK,
                mark("{count} applicants have a legal representative or shareholder called {who}."),
                (
                    ("count", str(len(proofs))),
                    (
                        "who",
                        min(each.name for one in group for each in _behind(one) if names.company(each.name) == name),
                    ),
                ),
            )


def _places(filings: Sequence[Filing], limits: Limits) -> Iterator[Signal]:
    for group in _groups(filings, lambda one: (names.address(one.address),)).values():
        if len(_firms(group)) > 1:
            yield Signal(
                Kind.ADDRESS,
                _keys(group),
                Strength.WEAK,
                mark("{count} applicants are at one address: {address}."),
                (("address", min(one.address for one in group)), ("count", str(len(_firms(group))))),
            )
            windows: dict[tuple[str, str], list[Filing]] = defaultdict(list)
            for one in group:
                windows[one.window, one.clause].append(one)
            for (window, clause), crowd in windows.items():
                if window and len(_firms(crowd)) >= limits.crowd:
                    yield Signal(
                        Kind.CROWD,
                        _keys(crowd),
                        Strength.STRONG,
                        mark("{count} firms at one address apply for {clause} in one window: {address}."),
                        (
                            ("address", min(one.address for one in crowd)),
                            ("clause", clause or "–"),
                            ("count", str(len(_firms(crowd)))),
                        ),
                    )
    for digits, group in _groups(filings, lambda one: map(names.phone, one.phones)).items():
        if len(_firms(group)) > 1:
            yield Signal(
                Kind.PHONE,
                _keys(group),
                Strength.WEAK,
                mark("{count} applicants name one telephone number, ending in {end}."),
                (("count", str(len(_firms(group)))), ("end", str(digits)[-4:])),
            )


def _pieces(filings: Sequence[Filing], limits: Limits) -> Iterator[Signal]:
    pieces: dict[tuple[str, str, str], list[Filing]] = defaultdict(list)
    for one in filings:
        limit, stem = limits.pieces.get(one.clause), names.project(one.project)
        if limit is not None and one.amount is not None and 0 < one.amount < limit and stem:
            pieces[one.organisation, one.clause, stem].append(one)
    for (_firm, clause, _stem), group in pieces.items():
        if len(_keys(group)) < 2:
            continue
        total = sum((one.amount or Decimal(0) for one in group), Decimal(0))
        if total >= limits.pieces[clause]:
            yield Signal(
                Kind.PIECES,
                _keys(group),
                Strength.STRONG,
                mark(
                    "{count} applications of one firm for parts of {project} lie below {limit} yuan and reach {total}."
                ),
                (
                    ("count", str(len(_keys(group)))),
                    ("limit", f"{limits.pieces[clause]:,.2f}"),
                    ("project", min(one.project for one in group)),
                    ("total", f"{total:,.2f}"),
                ),
            )


def _related(filings: Sequence[Filing]) -> Iterator[Signal]:
    """Firms that one person or firm stands behind, applying for one clause in one window."""
    strong = _Sets()
    for proof in _groups(filings, lambda one: (each.id for each in _behind(one))).values():
        strong.join(one.organisation for one in proof)
    by_account = _groups(filings, lambda one: map(names.number, one.accounts))
    for group in by_account.values():
        strong.join(one.organisation for one in group)
    firms: dict[str, set[str]] = defaultdict(set)
    for one in filings:
        firms[names.company(one.name)].add(one.organisation)
    for one in filings:
        for holder in _holders(one):
            if key := names.company(holder):
                strong.join((one.organisation, *firms.get(key, ())))
    together: dict[tuple[str, str, str], list[Filing]] = defaultdict(list)
    for one in filings:
        if one.window:
            together[strong.of(one.organisation), one.window, one.clause].append(one)
    for (_group, _window, clause), members in together.items():
        if len(_firms(members)) > 1:
            yield Signal(
                Kind.RELATED,
                _keys(members),
                Strength.STRONG,
                mark("{count} related firms apply for {clause} in one window."),
                (("clause", clause or "–"), ("count", str(len(_firms(members))))),
            )


class _Sets:
    """Disjoint sets of firms; the smallest key stands for its set, whatever order they were joined in."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, key: str) -> str:
        """What stands for the set of ``key``."""
        root = key
        while (above := self._above.get(root, root)) != root:
            root = above
        while self._above.get(key, key) != root:
            self._above[key], key = root, self._above[key]
        return root

    def join(self, keys: Iterable[str]) -> None:
        """Make one set of those of ``keys``."""
        roots = {self.of(key) for key in keys}
        least = min(roots)
        for root in roots:
            self._above[root] = least
