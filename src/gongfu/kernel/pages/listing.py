"""One page of a list from the URL: search, filters, sort, columns, page. The list page and the API share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import filters
from gongfu.kernel.pages.filters import BoundFilter
from gongfu.kernel.pages.resource import Column, Resource

PAGE_SIZES = (25, 50, 100, 200)
MAX_SEARCH = 200
_OWN = {"q", "sort", "page", "page_size", "columns", "view"}
Parameters = Mapping[str, list[str]]


@dataclass(frozen=True)
class Chip:
    """One thing that narrows the list, and the query string without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True)
class Query:
    """What the URL asks for, checked."""

    search: str
    filters: list[BoundFilter]
    sort: str
    page: int
    page_size: int
    columns: list[Column[models.Model]]


@dataclass(frozen=True)
class Page:
    """Rows of one page and where it stands among all. ``first`` and ``last`` count from 1."""

    rows: list[models.Model]
    total: int
    number: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """Number of the first row."""
        return (self.number - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        """Number of the last row."""
        return min(self.number * self.size, self.total)

    @property
    def previous(self) -> int | None:
        """The page before."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The page after."""
        return self.number + 1 if self.number < self.pages else None


def parameters(query: QueryDict) -> Parameters:
    """The URL's parameters; raises :class:`Invalid` for characters no text has."""
    found = {key: query.getlist(key) for key in query}
    for key, values in found.items():
        if any("\0" in text or len(text) > 2000 for text in (key, *values)):
            raise Invalid(mark("The parameter {name} cannot be read."), name=key[:50].replace("\0", "�"))
    return found


def parse(
    resource: Resource[models.Model], given: Parameters, user: User, *, sizes: Sequence[int] = PAGE_SIZES
) -> Query:
    """Raises :class:`Invalid`, naming it, for a parameter, sort or column that does not exist."""
    bound = filters.bind(resource, given, user)
    known = _OWN.union(*(item.parameters for item in bound))
    for name in given:
        if name not in known:
            raise Invalid(
                mark("There is no filter {name} here."),
                remedy=mark("Use one of: {known}."),
                name=name[:50],
                known=", ".join(sorted(known)),
            )
    size = _number(given, "page_size", sizes[0])
    if not 1 <= size <= sizes[-1]:
        raise Invalid(
            mark("A page of {size} rows is not possible."), remedy=mark("Use 1 to {most}."), size=size, most=sizes[-1]
        )
    return Query(
        search=_one(given, "q").strip()[:MAX_SEARCH],
        filters=bound,
        sort=_sort(resource, _one(given, "sort") or resource.ordering),
        page=_number(given, "page", 1),
        page_size=size,
        columns=_columns(resource, ",".join(given.get("columns", []))),
    )


def select(
    resource: Resource[models.Model], query: Query, user: User, scope: Organisation | None = None
) -> QuerySet[models.Model]:
    """Everything the query matches, sorted, with what its rows show joined in."""
    found = resource.visible_to(user)
    if scope and resource.owner_lookup:
        found = found.filter(**{f"{resource.owner_lookup}__startswith": scope.path})
    if query.search and resource.search:
        found = found.filter(reduce(or_, (Q(**{f"{name}__icontains": query.search}) for name in resource.search)))
    for bound in query.filters:
        found = bound.apply(found)
    related = [f.name for f in resource.model._meta.concrete_fields if isinstance(f, models.ForeignKey)]
    shown = {column.name.split("__")[0] for column in query.columns} | {"organisation"}
    found = found.select_related(*[name for name in related if name in shown])
    return found.order_by(*_order(resource, query.sort))


def page(resource: Resource[models.Model], query: Query, found: QuerySet[models.Model]) -> Page:
    """The asked page; raises :class:`NotFound` beyond the last.

    Keys first, rows second: skipping to page 400 walks an index, not 10,000 joined rows.
    """
    total = found.order_by().count()
    result = Page([], total, query.page, query.page_size)
    if not 1 <= query.page <= result.pages:
        raise NotFound(
            mark("There is no page {page}."), remedy=mark("The last one is {last}."), page=query.page, last=result.pages
        )
    start = (query.page - 1) * query.page_size
    keys = list(found.select_related(None).values_list("pk", flat=True)[start : start + query.page_size])
    rows = {row.pk: row for row in found.order_by().filter(pk__in=keys)}
    return Page([rows[key] for key in keys if key in rows], total, query.page, query.page_size)


def chips(query: Query, given: QueryDict) -> list[Chip]:
    """What narrows the list now."""
    found = []
    if query.search:
        found.append(Chip(_("Search"), query.search, _without(given, "q")))
    for bound in query.filters:
        if bound.kind == "choice":
            found += [
                Chip(bound.label, option.label, _without(given, bound.name, option.value))
                for option in (bound.options if bound.is_set else ())
                if option.chosen
            ]
        else:
            for parameter in bound.parameters:
                for value in bound.values[parameter]:
                    sign = "≥ " if parameter.endswith("_from") else "≤ " if parameter.endswith("_to") else ""
                    found.append(Chip(bound.label, sign + value, _without(given, parameter)))
    return found


def sort_field(resource: Resource[models.Model], column: Column[models.Model]) -> str:
    """The database field behind ``column``, empty when it cannot be sorted."""
    if column.sort:
        return column.sort
    return column.name if resource.has_field(column.name) else ""


def _without(given: QueryDict, name: str, value: str | None = None) -> str:
    rest = given.copy()
    rest.pop("page", None)
    rest.setlist(name, [v for v in rest.getlist(name) if value is not None and v != value])
    return rest.urlencode()


def _order(resource: Resource[models.Model], sort: str) -> list[str]:
    if not sort:
        return [*(str(name) for name in resource.model._meta.ordering or ()), "pk"]
    column = next(column for column in resource.columns if column.name == sort.lstrip("-"))
    sign = "-" if sort.startswith("-") else ""
    return [sign + sort_field(resource, column), f"{sign}pk"]


def _sort(resource: Resource[models.Model], sort: str) -> str:
    sortable = [column.name for column in resource.columns if sort_field(resource, column)]
    if sort and sort.removeprefix("-") not in sortable:
        raise Invalid(
            mark("The list cannot be sorted by {name}."),
            remedy=mark("Use one of: {known}."),
            name=sort[:50],
            known=", ".join(sortable),
        )
    return sort


def _columns(resource: Resource[models.Model], text: str) -> list[Column[models.Model]]:
    if not text:
        return [column for column in resource.columns if column.shown]
    chosen = text.split(",")
    known = {column.name: column for column in resource.columns}
    for name in chosen:
        if name not in known:
            raise Invalid(
                mark("There is no column {name}."),
                remedy=mark("Use one of: {known}."),
                name=name[:50],
                known=", ".join(known),
            )
    return [known[name] for name in dict.fromkeys(chosen)]


def _one(given: Parameters, name: str) -> str:
    return next(iter(given.get(name, [])), "")


def _number(given: Parameters, name: str, default: int) -> int:
    text = _one(given, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise Invalid(mark("{name} must be a whole number, not {value}."), name=name, value=text[:50])
    return int(text)
