"""Filters of a list: what the URL says, checked, and what it does to a query."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import models
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Filter, Resource

MAX_OPTIONS = 100
_MAX_KEY = 2**63 - 1


@dataclass(frozen=True)
class Option:
    """One value to choose."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class BoundFilter:
    """A filter with the values the URL gave it. ``kind``: choice, date or text."""

    name: str
    label: str
    kind: str
    parameters: tuple[str, ...]
    values: Mapping[str, list[str]]
    declared: Filter | None
    field: models.Field[object, object] | None
    user: User

    @property
    def is_set(self) -> bool:
        """Whether it narrows the list."""
        return any(self.values.get(parameter) for parameter in self.parameters)

    @property
    def first(self) -> str:
        """The single value of a text filter."""
        return next(iter(self.values.get(self.name, [])), "")

    @property
    def start(self) -> str:
        """First day of a date filter."""
        return next(iter(self.values.get(f"{self.name}_from", [])), "")

    @property
    def end(self) -> str:
        """Last day of a date filter."""
        return next(iter(self.values.get(f"{self.name}_to", [])), "")

    @cached_property
    def options(self) -> list[Option]:
        """What can be chosen; relations at most :data:`MAX_OPTIONS`, the chosen ones always among them."""
        chosen = self.values.get(self.name, [])
        return [Option(value, label, value in chosen) for value, label in self._choices(chosen)]

    @property
    def is_long(self) -> bool:
        """Whether there is more to choose than is shown; then the lookup address finds the rest."""
        return isinstance(self.field, models.ForeignKey) and len(self.options) >= MAX_OPTIONS

    def _choices(self, chosen: Sequence[str]) -> list[tuple[str, str]]:
        if self.declared:
            return [(value, str(label)) for value, label in self.declared.choices(self.user)]
        if isinstance(self.field, models.BooleanField):
            return [("true", _("Yes")), ("false", _("No"))]
        if isinstance(self.field, models.ForeignKey):
            visible = related_queryset(self.field, self.user)
            found = list(visible[:MAX_OPTIONS])
            missing = {int(value) for value in chosen} - {thing.pk for thing in found}
            return [(str(t.pk), str(t)) for t in [*(visible.filter(pk__in=missing) if missing else ()), *found]]
        return [(str(value), str(label)) for value, label in (self.field.flatchoices if self.field else ())]

    def apply(self, queryset: QuerySet[models.Model]) -> QuerySet[models.Model]:
        """``queryset`` narrowed; raises :class:`Invalid` for a value that cannot be one."""
        if not self.is_set:
            return queryset
        values = self.values.get(self.name, [])
        if self.declared:
            known = {value for value, _label in self.declared.choices(self.user)}
            self._check(values, known)
            return self.declared.apply(queryset, values)
        if self.kind == "date":
            return self._apply_dates(queryset)
        if isinstance(self.field, models.BooleanField):
            self._check(values, {"true", "false"})
            return queryset.filter(**{f"{self.name}__in": [value == "true" for value in values]})
        if self.field is not None and self.field.choices:
            self._check(values, {str(value) for value, _label in self.field.flatchoices})
            return queryset.filter(**{f"{self.name}__in": values})
        if isinstance(self.field, models.ForeignKey | models.IntegerField):
            return queryset.filter(**{f"{self.name}__in": [self._key(value) for value in values]})
        return queryset.filter(**{f"{self.name}__icontains": self.first})

    def _apply_dates(self, queryset: QuerySet[models.Model]) -> QuerySet[models.Model]:
        for text, lookup in ((self.start, "gte"), (self.end, "lte")):
            if text:
                try:
                    day = dt.date.fromisoformat(text)
                except ValueError as error:
                    raise self._refusal(text, mark("Write the date as 2026-11-20.")) from error
                part = "date__" if isinstance(self.field, models.DateTimeField) else ""
                queryset = queryset.filter(**{f"{self.name}__{part}{lookup}": day})
        return queryset

    def _key(self, value: str) -> int:
        if not (value.isascii() and value.isdigit()) or len(value) > 19 or int(value) > _MAX_KEY:
            raise self._refusal(value, mark("Use a whole number."))
        return int(value)

    def _check(self, values: Sequence[str], known: set[str]) -> None:
        for value in values:
            if value not in known:
                raise self._refusal(value, mark("Choose from: {known}."), known=", ".join(sorted(known)))

    def _refusal(self, value: str, remedy: str, **values: object) -> Invalid:
        return Invalid(
            mark("The filter {name} cannot be {value}."), remedy=remedy, name=self.name, value=value[:100], **values
        )


def related_queryset(field: models.ForeignKey[models.Model, models.Model], user: User) -> QuerySet[models.Model]:
    """What ``user`` may choose for ``field``."""
    manager = field.related_model._default_manager
    visible = getattr(manager, "visible_to", None)
    found: QuerySet[models.Model] = visible(user) if visible else manager.all()
    return found


def bind(resource: Resource[models.Model], parameters: Mapping[str, list[str]], user: User) -> list[BoundFilter]:
    """Every filter of ``resource`` with its values from the URL."""
    bound = []
    for declared in resource.filters:
        if isinstance(declared, Filter):
            bound.append(_bound(declared.name, str(declared.label), "choice", declared, None, parameters, user))
            continue
        field = resource.field(declared)
        if isinstance(field, models.DateField):
            kind = "date"
        elif field.choices or isinstance(field, models.ForeignKey | models.BooleanField):
            kind = "choice"
        else:
            kind = "text"
        bound.append(_bound(declared, str(capfirst(str(field.verbose_name))), kind, None, field, parameters, user))
    return bound


def _bound(
    name: str,
    label: str,
    kind: str,
    declared: Filter | None,
    field: models.Field[object, object] | None,
    parameters: Mapping[str, list[str]],
    user: User,
) -> BoundFilter:
    names = (f"{name}_from", f"{name}_to") if kind == "date" else (name,)
    values = {key: [value for value in parameters.get(key, []) if value] for key in names}
    return BoundFilter(name, label, kind, names, values, declared, field, user)
