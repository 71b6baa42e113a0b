"""The door of search: find identifiers, say how far the index is, build it anew."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction

from gongfu.identity.handle import names
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.search import feeding, queries, words
from gongfu.identity.search.models import IndexedPrefix
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import StoreClient, Value, client

PAGE = 50
MAX_TEXT = 200
_ROUNDS = 4  # how often a page that turned out short is filled up
_SECONDS = 5.0
_FACETS = 12
_FEW = 200


@dataclass(frozen=True)
class Question:
    """What somebody looks for; empty parts do not narrow. ``after`` is the last page's :attr:`Found.after`."""

    text: str = ""
    owner: int | None = None
    prefix: str = ""
    kind: str = ""
    type: str = ""
    industry: str = ""
    template: str = ""
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    """Time of the last change: from ``start`` to before ``end``."""
    after: str = ""


@dataclass(frozen=True)
class Facet:
    """One value that narrows further, and how many of the first ten thousand have it."""

    value: str
    count: int


@dataclass(frozen=True)
class Found:
    """One page. ``total`` is capped at :data:`queries.CAP` + 1; it and ``facets`` come with the first page only.

    ``facets`` are the commonest of ``org``, ``kind`` and ``type`` (of a value) among those counted.
    """

    records: list[Record]
    after: str
    total: int | None
    facets: dict[str, list[Facet]]


@dataclass(frozen=True)
class Progress:
    """How far the index is: changes and prefixes still to come, and when the oldest of those changes was made."""

    behind: int
    prefixes: int
    up_to: dt.datetime | None

    @property
    def current(self) -> bool:
        """Whether everything is in it."""
        return not self.behind and not self.prefixes


def search(user: User, question: Question, *, limit: int = PAGE, scope: Organisation | None = None) -> Found:
    """Identifiers that fit, as they are registered now, of the organisations ``user`` may see.

    Latest change first; where more than :data:`queries.CAP` fit, in the order of identifiers.

    Raises :class:`Invalid`, :class:`Unavailable` when the store does not answer.
    """
    if len(question.text) > MAX_TEXT or not 1 <= limit <= 500:
        raise Invalid(mark("A search holds at most {limit} characters."), limit=MAX_TEXT)
    asked = words.ask(question.text)
    orgs = _orgs(user, scope)
    known = {name.encode() for name in registry.prefixes(user, scope).values_list("name", flat=True)}
    names_, values = _conditions(question, asked)
    if len(known) <= _FEW:  # the table is sorted by prefix: a tenant reads its own part only
        names_, values = [*names_, "prefixes"], values | {"prefixes": sorted(name.decode() for name in known)}
    table = client()
    total: int | None = None
    facets: dict[str, list[Facet]] = {}
    place = _place(question.after)
    if place is None:
        total, facets = _summary(table, names_, values, orgs)
        place = _Place(ordered=total > queries.CAP)
    found: dict[bytes, Record] = {}
    places: dict[bytes, _Place] = {}
    exhausted = False
    for _ in range(_ROUNDS):
        wanted = limit + 1 - len(found)
        rows = _page(table, names_, values, place, wanted, orgs)
        for key, modified in rows:
            place = _Place(place.ordered, modified, key)
            record = _live(key.encode(), known, asked, question)
            if record is not None and key.encode() not in found:
                found[key.encode()] = record
                places[key.encode()] = place
        exhausted = len(rows) < wanted
        if exhausted or len(found) > limit:
            break
    shown = list(found.values())[:limit]
    if len(found) > limit:
        place = places[shown[-1].handle.key]
    after = "" if exhausted else str(place)
    if total is not None:
        total = max(total, len(found))
    if not found and not question.after and not asked.fields:
        shown = _starting(user, question, limit, scope)
        total = len(shown)
    return Found(shown, after, total, facets)


def progress() -> Progress:
    """How far the index is behind the identifiers themselves."""
    store = registry.store()
    cursor = store.cursor(feeding.CURSOR)
    waiting = IndexedPrefix.objects.filter(complete=False).count()
    if not IndexedPrefix.objects.exists():
        return Progress(0, Prefix.objects.count(), None)
    behind = max(0, store.last_change() - cursor)
    oldest = store.changes(cursor, 1) if behind else []
    return Progress(behind, waiting, dt.datetime.fromtimestamp(oldest[0].time, dt.UTC) if oldest else None)


def reindex(user: User) -> None:
    """Build the index anew; until it is complete, some identifiers are not found."""
    if not is_platform_admin.test(user, None):
        raise Forbidden(mark("Only a platform administrator builds the search index anew."))
    client().command("TRUNCATE TABLE identifiers")
    with transaction.atomic():
        feeding.forget(registry.store())
        operator = Organisation.objects.filter(parent=None).order_by("pk").first()
        if operator is not None:
            audit.record(user, "reindex", operator)


def _orgs(user: User, scope: Organisation | None) -> list[int]:
    if scope is None:
        return accounts.organisation_ids(user)
    visible = accounts.visible_organisations(user).filter(path__startswith=scope.path)
    return list(visible.values_list("pk", flat=True))


def _conditions(question: Question, asked: words.Asked) -> tuple[list[str], dict[str, Value]]:
    given: dict[str, Value] = {}
    if asked.tokens:
        given["tokens"] = asked.tokens
    if question.owner is not None:
        given["owners"] = [question.owner]
    for name in ("prefix", "kind", "type", "industry", "template"):
        if text := getattr(question, name):
            given[name] = text.upper() if name == "prefix" else text
    for name, moment in (("start", question.start), ("end", question.end)):
        if moment is not None:
            given[name] = max(0, min(2**32 - 1, int(moment.timestamp())))
    return list(given), given


@dataclass(frozen=True)
class _Place:
    """Where a page ends: behind ``key``, in the order of identifiers or of their last change."""

    ordered: bool
    modified: int = 0
    key: str = ""

    def __str__(self) -> str:
        return f"{'k' if self.ordered else 't'}{self.modified}:{self.key}"


def _page(
    table: StoreClient, names_: list[str], values: dict[str, Value], place: _Place, limit: int, orgs: list[int]
) -> list[tuple[str, int]]:
    asked: dict[str, Value] = {**values, "limit": limit}
    conditions = names_
    if place.key:
        asked["behind"] = place.key
        asked |= {"behind_prefix": place.key.partition("/")[0]} if place.ordered else {"modified": place.modified}
        conditions = [*names_, "behind" if place.ordered else "earlier"]
    sql = queries.in_order(conditions) if place.ordered else queries.latest(conditions)
    found = table.query_arrow(sql, asked, orgs=orgs, limit_seconds=_SECONDS)
    return list(zip(found.column("key").to_pylist(), found.column("modified").to_pylist(), strict=True))


def _summary(
    table: StoreClient, names_: list[str], values: dict[str, Value], orgs: list[int]
) -> tuple[int, dict[str, list[Facet]]]:
    [row] = table.query_arrow(queries.summary(names_), values, orgs=orgs, limit_seconds=_SECONDS).to_pylist()
    facets = {}
    for name in ("org", "kind", "type"):
        counted = sorted(row[name], key=lambda pair: (-pair[1], pair[0]))  # Arrow gives a map as pairs
        facets[name] = [Facet(str(value), int(number)) for value, number in counted if value][:_FACETS]
    return int(row["n"]), facets


def _live(key: bytes, known: set[bytes], asked: words.Asked, question: Question) -> Record | None:
    """The record under ``key`` if it is still what was asked for and still the reader's to see."""
    if names.prefix_key(key) not in known:
        return None
    record = registry.record_under(key)
    if record is None or not words.fits(record, asked):
        return None
    pairs = (("TYPE", question.kind), ("INDUSTRY", question.industry), ("TEMPLATE", question.template))
    if any(text and record.text(name)[:100] != text for name, text in pairs):
        return None
    if question.type and all(value.type != question.type for value in record.values):
        return None
    return record


def _place(after: str) -> _Place | None:
    if not after:
        return None
    modified, _, key = after[1:].partition(":")
    known = after[0] in "kt" and modified.isascii() and modified.isdigit() and len(modified) <= 10
    if not (known and int(modified) < 2**32 and key):
        raise Invalid(mark("The parameter {name} cannot be read."), name="after")
    return _Place(after[0] == "k", int(modified), key)


def _starting(user: User, question: Question, limit: int, scope: Organisation | None) -> list[Record]:
    """What the index cannot find: identifiers whose suffix starts like this."""
    narrowed = (question.kind, question.type, question.industry, question.template, question.owner)
    if not question.text or any(narrowed) or question.start or question.end or " " in question.text.strip():
        return []
    try:
        page = registry.identifiers(user, prefix=question.prefix, search=question.text, limit=limit, scope=scope)
    except NotFound:
        return []
    return page.records
