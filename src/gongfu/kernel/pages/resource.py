"""One declaration of a model: what its list, detail page, forms and API show, and who may use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.text import capfirst
from rules.predicates import Predicate

from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, is_member

M = TypeVar("M", bound=models.Model)
Text = str | Promise
"""A text, or one that is translated when shown."""


@dataclass(frozen=True)
class Column(Generic[M]):
    """A column of a list. ``name`` is a field or an attribute."""

    name: str
    label: Text = ""
    render: Callable[[M], object] | None = None
    """What to show instead of the field's value; safe strings are not escaped again."""
    template: str = ""
    """A template that shows the cell; it knows ``object``."""
    sort: str = ""
    """Field to sort by; default: ``name`` when it is a database field."""
    shown: bool = True
    """Whether it is there before anyone chooses columns."""
    export: Callable[[M], object] | None = None
    """Plain value for CSV and XLSX; default: the field's value."""


@dataclass(frozen=True)
class Filter:
    """A filter that is more than equality on one field."""

    name: str
    label: Text
    apply: Callable[[QuerySet[models.Model], list[str]], QuerySet[models.Model]]
    choices: Callable[[User], Sequence[tuple[str, Text]]]


@dataclass(frozen=True)
class Section:
    """Fields of a form that belong together."""

    title: Text
    fields: Sequence[str]
    help: Text = ""


@dataclass(frozen=True)
class Tab(Generic[M]):
    """A tab of the detail page. ``template`` knows ``object``, ``resource`` and what ``context`` returns."""

    name: str
    title: Text
    template: str
    context: Callable[[HttpRequest, M], Mapping[str, object]] | None = None
    may: Predicate = is_member
    position: int = 50
    """Order among the tabs that higher modules add; the first one is what people see first."""


@dataclass(frozen=True)
class Action(Generic[M]):
    """Something to do to one or many: a button on the detail page and in the list's selection bar.

    ``perform`` gets the user and one thing, inside a transaction, raises a :class:`GongfuError` to refuse, and may
    return a sentence for the user.
    """

    name: str
    label: Text
    perform: Callable[[User, M], Text | None]
    may: Predicate = can_edit
    dangerous: bool = False
    icon: str = ""
    audit: bool = True


@dataclass(frozen=True)
class Permissions:
    """Who may do what. Reading also requires that the thing is visible to the user at all."""

    view: Predicate = is_member
    add: Predicate = can_edit
    change: Predicate = can_edit
    delete: Predicate = can_edit


@dataclass(frozen=True)
class Resource(Generic[M]):
    """The declaration. Its model has a manager with ``visible_to(user)``."""

    model: type[M]
    room: str
    slug: str
    columns: Sequence[Column[M]]
    icon: str = "file"
    search: Sequence[str] = ()
    filters: Sequence[str | Filter] = ()
    ordering: str = ""
    """Sort before anyone chooses, as in the URL: a column's name, with ``-`` for descending."""
    form: Sequence[Section] = ()
    form_extra: str = ""
    """A template below the sections of the form, inside it; knows ``form`` and ``object``."""
    form_class: type[ModelForm[M]] | None = None
    """Further rules of the form; its fields are those of ``form``."""
    tabs: Sequence[Tab[M]] = ()
    actions: Sequence[Action[M]] = ()
    permissions: Permissions = field(default_factory=Permissions)
    queryset: Callable[[User], QuerySet[M]] | None = None
    """What a user may see, when the manager's ``visible_to`` is not enough (annotations, prefetching)."""
    owner_path: str | None = None
    """Lookup of the owner's materialised path; default ``organisation__path`` when there is such a field."""
    detail: Sequence[str] | None = None
    """Fields on the first tab; default: all that are not hidden."""
    api_fields: Sequence[str] | None = None
    """Fields of the API; default: those of ``detail``."""
    api: bool = True
    save: Callable[[M, User, bool], None] | None = None
    """Stores a changed (``False``) or new (``True``) one inside the page's transaction; default ``instance.save()``."""
    remove: Callable[[M, User], None] | None = None
    """Removes one inside the page's transaction; default ``instance.delete()``."""
    summary: str = ""
    """Template above the tabs of the detail page: identity and state at a glance; knows ``object``."""
    lead: Callable[[HttpRequest], object] | None = None
    """The sentence or figure above the list that answers its one question."""
    empty: Text = ""
    """What this is for and what the first step is; shown when there is none."""
    live: int = 0
    """Seconds after which the shown rows are fetched again; 0 for never."""

    @property
    def name(self) -> str:
        """Prefix of its URL names: ``platform-devices`` is the list, ``platform-devices-detail`` one of them."""
        return f"{self.room}-{self.slug}"

    @property
    def label(self) -> str:
        """What one is called."""
        return str(self.model._meta.verbose_name)

    @property
    def label_plural(self) -> str:
        """What many are called, at the beginning of a line."""
        return str(capfirst(str(self.model._meta.verbose_name_plural)))

    @property
    def form_fields(self) -> list[str]:
        """Every field people may write, in order."""
        return [name for section in self.form for name in section.fields]

    @property
    def detail_fields(self) -> list[models.Field[object, object]]:
        """Fields of the first tab and, unless said otherwise, of the API."""
        if self.detail is not None:
            return [self.field(name) for name in self.detail]
        return [f for f in self.model._meta.concrete_fields if not f.primary_key and f.name != "path"]

    @property
    def owner_lookup(self) -> str:
        """Lookup of the owner's path, empty when nobody owns it."""
        if self.owner_path is not None:
            return self.owner_path
        return "organisation__path" if self.has_field("organisation") else ""

    def has_field(self, name: str) -> bool:
        """Whether the model stores ``name``."""
        try:
            return self.model._meta.get_field(name).concrete
        except FieldDoesNotExist:
            return False

    def field(self, name: str) -> models.Field[object, object]:
        """The database field called ``name``; raises :class:`LookupError` for a mistake in the declaration."""
        found = self.model._meta.get_field(name)
        if not isinstance(found, models.Field):
            raise LookupError(f"{self.model.__name__}.{name} is no database field")
        return found

    def visible_to(self, user: User) -> QuerySet[M]:
        """What ``user`` may know of."""
        if self.queryset:
            return self.queryset(user)
        return self.model._default_manager.visible_to(user)  # type: ignore[attr-defined,no-any-return]

    def action(self, name: str) -> Action[M] | None:
        """The action called ``name``."""
        return next((action for action in self.actions if action.name == name), None)

    def list_url(self) -> str:
        """Address of the list."""
        return f"/{self.room}/{self.slug}/"

    def url(self, thing: models.Model) -> str:
        """Address of the detail page of ``thing``."""
        return f"/{self.room}/{self.slug}/{thing.pk}/"


_registry: dict[type[models.Model], Resource[models.Model]] = {}


def install(resources: Sequence[Resource[models.Model]]) -> None:
    """Make ``resources`` the ones that links and the API know; called once, by the composition of the console."""
    _registry.clear()
    for resource in resources:
        _registry[resource.model] = resource


def installed() -> list[Resource[models.Model]]:
    """All resources, in the order of the console."""
    return list(_registry.values())


def resource_of(model: type[models.Model]) -> Resource[models.Model] | None:
    """The resource that shows ``model``, if any."""
    return _registry.get(model)


def url_of(thing: models.Model) -> str:
    """Address of the page of ``thing``, empty when it has none."""
    resource = resource_of(type(thing))
    return resource.url(thing) if resource else ""
