"""One question to the store: count and facets, then candidates page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gongfu.identity.business import services as business
from gongfu.identity.search import queries, rows
from gongfu.identity.search.scoping import Scope
from gongfu.identity.search.specs import family
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import StoreClient, Value

_SECONDS = 5.0
_FACETS = 12


@dataclass(frozen=True)
class Facet:
    """One value that narrows further, and how many of the first ten thousand have it."""

    value: str
    count: int


@dataclass(frozen=True)
class Place:
    """Where a page ends: in the order of identifiers, or of their last change and ``number``."""

    ordered: bool
    first: int = 0
    """Moment of the change."""
    rest: str = ""
    """Identifier, or the number that orders those of one moment."""

    def __str__(self) -> str:
        return f"{'k' if self.ordered else 't'}{self.first}:{self.rest}"


@dataclass(frozen=True)
class Candidate:
    """A row that fits; ``number`` orders those of one moment."""

    prefix: str
    suffix: str
    audience: int
    modified: int
    number: int

    def place(self, ordered: bool) -> Place:
        """Where a page ends that ends with it."""
        if ordered:
            return Place(True, 0, f"{self.prefix}/{self.suffix}")
        return Place(False, self.modified, str(self.number))


class Asking:
    """One question to the store."""

    def __init__(self, table: StoreClient, seen: Scope, conditions: dict[str, Value]) -> None:
        self._table = table
        self._seen = seen
        self._names = [name for name in conditions if name not in ("orgs", "granted")]
        self._values = {name: value for name, value in conditions.items() if name not in queries.PLAIN}

    def summary(self, page: int) -> tuple[int, dict[str, list[Facet]], list[Candidate]]:
        """How many there are, the commonest values among the first of them, and the latest of them for a page."""
        if self._seen.names == []:
            return 0, {}, []
        [row] = self._query(queries.summary(self._names, page), {}).to_pylist()
        prefixes: dict[str, int] = dict(row["prefixes"])  # Arrow gives a map as pairs
        found: dict[str, Counter[str]] = {name: Counter() for name in ("org", "industry", "kind", "type", "template")}
        for name, owner in self._seen.owners(prefixes).items():
            found["org"][str(owner)] += prefixes[name]
        for name, code in business.industries_of(prefixes).items():
            found["industry"][code] += prefixes[name]
        for text, number in row["sets"]:
            kind, template, types = rows.traits(text)
            found["kind"][kind] += number
            found["template"][family(template)] += number
            for one in types:
                found["type"][one] += number
        total, latest = int(row["n"]), [tuple(one.values()) for one in row["latest"]]
        candidates = self._these(latest) if total <= queries.CAP else []
        return total, {name: _commonest(counted) for name, counted in found.items()}, candidates

    def _these(self, latest: Sequence[tuple[int, int, str]]) -> list[Candidate]:
        """The candidates of :func:`queries.summary`, in its order."""
        order = {(2**32 - 1 - moment, 2**64 - 1 - number): at for at, (moment, number, _) in enumerate(latest)}
        if not order:
            return []
        names_ = [name for name in self._names if name != "prefixes"]
        narrow: dict[str, Value] = {"prefixes": sorted({prefix for *_, prefix in latest})}
        narrow["places"] = sorted({number for _, number in order})
        found = self._candidates(self._query(queries.these([*names_, "prefixes"]), narrow))
        places = {(one.modified, one.number): one for one in found}
        return [places[key] for key in sorted(order, key=order.__getitem__) if key in places]

    def page(self, place: Place, limit: int) -> list[Candidate]:
        """The candidates behind ``place``."""
        asked: dict[str, Value] = {"limit": limit}
        names_ = self._names
        if place.rest and place.ordered:
            prefix, _, suffix = place.rest.partition("/")
            asked |= {"behind_prefix": prefix, "behind_suffix": suffix}
            names_ = [*names_, "behind"]
        elif place.rest:
            asked |= {"modified": place.first, "behind": int(place.rest)}
            names_ = [*names_, "earlier"]
        return self._candidates(
            self._query(queries.in_order(names_) if place.ordered else queries.latest(names_), asked)
        )

    def _candidates(self, found: pa.Table) -> list[Candidate]:
        columns = (found.column(name).to_pylist() for name in queries.COLUMNS)
        return [Candidate(*row) for row in zip(*columns, strict=True)]

    def _query(self, sql: str, more: dict[str, Value]) -> pa.Table:
        return self._table.query_arrow(sql, self._values | more, orgs=self._seen.readable, limit_seconds=_SECONDS)


def _commonest(counted: Mapping[str, int]) -> list[Facet]:
    found = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Facet(value, int(number)) for value, number in found if value][:_FACETS]


def read_place(after: str) -> Place | None:
    """The place that a page said it ended at; None for the first page. Raises :class:`Invalid`."""
    if not after:
        return None
    first, _, rest = after[1:].partition(":")
    known = after[0] in "kt" and _is_number(first, 32) and bool(rest) and (after[0] == "k" or _is_number(rest, 64))
    if not known:
        raise Invalid(mark("The parameter {name} cannot be read."), name="after")
    return Place(after[0] == "k", int(first), rest)


def _is_number(text: str, bits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20 and int(text) < 2**bits
