"""The door of search: find identifiers, say how far the index is, build it anew."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q

from gongfu.identity.business import classes
from gongfu.identity.business.fields import TEMPLATE_TYPE
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.search import asking, feeding, queries, rows, words
from gongfu.identity.search.asking import Wanted
from gongfu.identity.search.looking import Asking, Candidate, Facet, Place, read_place
from gongfu.identity.search.models import IndexedPrefix
from gongfu.identity.search.scoping import scope_of
from gongfu.identity.search.specs import Specs, family, specs
from gongfu.identity.search.table import PARTNER
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import Value, client

PAGE = 50
MAX_TEXT = 200
_ROUNDS = 4  # how often a page that turned out short is filled up


@dataclass(frozen=True)
class Question:
    """What somebody looks for; empty parts do not narrow. ``after`` is the last page's :attr:`Found.after`."""

    text: str = ""
    owner: int | None = None
    prefix: str = ""
    kind: str = ""
    type: str = ""
    industry: str = ""
    """Code of GB/T 4754: of the enterprise that holds the prefix, as its contract says now."""
    template: str = ""
    """``operator/machinery@2``, or ``operator/machinery`` for every version."""
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    """Time of the last change: from ``start`` to before ``end``."""
    after: str = ""


@dataclass(frozen=True)
class Found:
    """One page. ``total`` is capped at :data:`queries.CAP` + 1; it and ``facets`` come with the first page only.

    ``records`` hold what the reader may read of them. ``facets`` are the commonest of ``org``, ``industry``, ``kind``,
    ``type`` (of a value) and ``template`` among those counted.
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

    Under prefixes that were granted to one of his organisations he finds them by what partners may read.
    Latest change first; where more than :data:`queries.CAP` fit, in the order of identifiers.

    Raises :class:`Invalid`, :class:`Unavailable` when the store does not answer.
    """
    if len(question.text) > MAX_TEXT or not 1 <= limit <= 500:
        raise Invalid(mark("A search holds at most {limit} characters."), limit=MAX_TEXT)
    known = specs()
    wanted = asking.resolve(words.ask(question.text), known.fields(question.template))
    industry = classes.check_industry(question.industry) if question.industry else ""
    seen = scope_of(user, scope, owner=question.owner, prefix=question.prefix, industry=industry)
    asked = Asking(client(), seen, seen.conditions | _conditions(question, wanted))
    total: int | None = None
    facets: dict[str, list[Facet]] = {}
    place = read_place(question.after)
    first: list[Candidate] | None = None
    if place is None:
        total, facets, first = asked.summary(limit + 1)
        place = Place(ordered=total > queries.CAP)
    found: dict[bytes, Record] = {}
    places: dict[bytes, Place] = {}
    exhausted = seen.names == []
    for _ in range(0 if exhausted else _ROUNDS):
        missing = limit + 1 - len(found)
        if first is None or place.ordered:
            page = asked.page(place, missing)
            exhausted = len(page) < missing
        else:
            page = first
            exhausted = (total or 0) < missing
        first = None
        shelves = seen.open({(candidate.audience, candidate.prefix) for candidate in page})
        for candidate in page:
            place = candidate.place(place.ordered)
            record = _live(candidate, known, wanted, question)
            if record is not None and (candidate.audience, candidate.prefix) in shelves:
                found[record.handle.key] = record
                places[record.handle.key] = place
        if exhausted or len(found) > limit:
            break
    shown = list(found.values())[:limit]
    if len(found) > limit:
        place = places[shown[-1].handle.key]
    after = "" if exhausted and len(found) <= limit else str(place)
    if total is not None:  # all candidates are looked at: what was changed meanwhile, or is on the edge, does not count
        total = len(found) if exhausted and len(found) <= limit else max(total, len(found))
    if not found and not question.after and not wanted.spellings and not wanted.ranges:
        shown = _starting(user, question, limit, scope)
        total = len(shown)
    return Found(shown, after, total, facets)


def progress() -> Progress:
    """How far the index is behind the identifiers themselves."""
    store = registry.store()
    cursor = store.cursor(feeding.CURSOR)
    known = IndexedPrefix.objects.aggregate(all=Count("pk"), waiting=Count("pk", filter=Q(complete=False)))
    waiting = int(known["waiting"])
    if not known["all"]:
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


def _conditions(question: Question, wanted: Wanted) -> dict[str, Value]:
    """Names of conditions of :mod:`queries`, with their values."""
    given: dict[str, Value] = {}
    every = list(wanted.words)
    every += [words.of_kind(question.kind)] if question.kind else []
    every += [words.with_type(question.type)] if question.type else []
    every += [words.of_template(question.template)] if question.template else []
    start, end = (_seconds(moment) for moment in (question.start, question.end))
    groups = [*wanted.spellings, *wanted.covers]
    if start is not None:
        given["start"] = start
        groups.append(tuple(words.of_time(start, min(int(time.time()) + words.DAY, end or 2**32 - 1))))
    if end is not None:
        given["end"] = end
    several = [list(group) for group in groups if len(group) > 1]
    every += [group[0] for group in groups if len(group) == 1]
    given |= {f"any{number}": group for number, group in enumerate(several)}
    if every:
        given["all"] = every
    elif not several:
        given["standing"] = ""  # what was removed has no words
    return given


def _seconds(moment: dt.datetime | None) -> int | None:
    return None if moment is None else max(0, min(2**32 - 1, int(moment.timestamp())))


def _live(candidate: Candidate, known: Specs, wanted: Wanted, question: Question) -> Record | None:
    """The record as its audience may see it, if it is still there and what was asked for."""
    record = registry.record_under(f"{candidate.prefix}/{candidate.suffix}".encode())
    if record is None:
        return None
    spec = known.get(record.text(TEMPLATE_TYPE))
    if candidate.audience == PARTNER:
        record = rows.readable(record, spec)
    if not asking.fits(record, spec, wanted) or (question.kind and rows.kind_of(record) != question.kind):
        return None
    if question.template and question.template not in (template := record.text(TEMPLATE_TYPE), family(template)):
        return None
    if question.type and all(value.type != question.type for value in record.values):
        return None
    if question.start and record.modified < question.start.timestamp():
        return None
    return None if question.end and record.modified >= question.end.timestamp() else record


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
