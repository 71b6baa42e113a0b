"""The form of a resource: its sections, choices limited to what the user may see, and protection from lost updates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import models
from django.forms import BoundField, ModelForm, modelform_factory
from django.forms.models import ModelChoiceField
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.pages.filters import MAX_OPTIONS, related_queryset
from gongfu.kernel.pages.resource import Resource, Section, resource_of

VERSION = "version"
"""Hidden field with the time of the change the form was made from."""


@dataclass(frozen=True)
class BoundSection:
    """A section with its fields ready to be shown."""

    section: Section
    fields: list[BoundField]


def build(
    resource: Resource[models.Model],
    user: User,
    instance: models.Model,
    data: Mapping[str, object] | None = None,
    files: MultiValueDict[str, UploadedFile[bytes]] | None = None,
) -> ModelForm[models.Model]:
    """The form for ``instance``; ``data`` when it was sent."""
    kind = modelform_factory(resource.model, form=resource.form_class or forms.ModelForm, fields=resource.form_fields)
    form = kind(data, files, instance=instance)
    for name, field in form.fields.items():
        if isinstance(field, ModelChoiceField):
            related = resource.field(name)
            if isinstance(related, models.ForeignKey):
                field.queryset = _choices(resource, related, user, instance)
                _shorten(field, f"{resource.list_url()}lookup/{name}", form.initial.get(name))
        if isinstance(field, forms.JSONField):
            field.validators.append(_storable)
        _dress(field)
    return form


def sections(resource: Resource[models.Model], form: ModelForm[models.Model]) -> Iterator[BoundSection]:
    """The form in the order of the declaration."""
    for section in resource.form:
        yield BoundSection(section, [form[name] for name in section.fields if name in form.fields])


def version(instance: models.Model) -> str:
    """When ``instance`` was last changed, empty if it does not keep that."""
    changed = getattr(instance, "updated_at", None)
    return changed.isoformat() if changed else ""


def check_version(form: ModelForm[models.Model], sent: str, now: str) -> None:
    """Add an error when somebody saved another version after this form was opened."""
    if sent and now and sent != now and not form.errors:
        form.add_error(
            None,
            _(
                "Somebody else saved this meanwhile. Your entries are kept below: compare them with the current "
                "version in another window, then save again."
            ),
        )


def _choices(
    resource: Resource[models.Model],
    field: models.ForeignKey[models.Model, models.Model],
    user: User,
    instance: models.Model,
) -> models.QuerySet[models.Model]:
    visible = related_queryset(field, user)
    if field.related_model is Organisation and field.name == "organisation" and not user.is_superuser:
        permission = resource.permissions.change if instance.pk else resource.permissions.add
        own = [m.organisation for m in user.memberships_cached if permission.test(user, m.organisation)]
        return visible.filter(pk__in=[organisation.pk for organisation in own])
    return visible


class LookupSelect(forms.Select):
    """A choice too long to list: it shows the first ones and finds the others while somebody types."""

    template_name = "pages/lookup_select.html"

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, object]:
        """Also the address to ask."""
        return super().get_context(name, value, attrs) | {"lookup": self.url}


def matching(field: models.ForeignKey[models.Model, models.Model], user: User, text: str) -> list[models.Model]:
    """What ``user`` may choose for ``field`` and contains ``text``, by the search fields of its resource."""
    found = related_queryset(field, user)
    related = resource_of(found.model)
    names = related.search if related else [f.name for f in found.model._meta.fields if isinstance(f, models.CharField)]
    if text and names:
        found = found.filter(reduce(or_, (models.Q(**{f"{name}__icontains": text}) for name in names)))
    return list(found[:MAX_OPTIONS])


def _shorten(field: ModelChoiceField[models.Model], url: str, chosen: object) -> None:
    """Show at most :data:`MAX_OPTIONS` choices; any other visible one is still accepted."""
    queryset = field.queryset
    if queryset is None:
        return
    first = list(queryset[: MAX_OPTIONS + 1])
    if len(first) > MAX_OPTIONS:
        field.widget = LookupSelect(url)
        current = list(queryset.filter(pk=chosen)) if chosen else []
        first = [*current, *(thing for thing in first[:MAX_OPTIONS] if thing not in current)]
    empty = [("", field.empty_label)] if field.empty_label is not None else []
    field.widget.choices = [*empty, *((thing.pk, str(thing)) for thing in first)]


def _storable(value: object) -> None:
    """JSON may spell characters that no database keeps: NUL and halves of surrogate pairs."""
    if isinstance(value, dict):
        for name, part in value.items():
            _storable(name)
            _storable(part)
    elif isinstance(value, list):
        for part in value:
            _storable(part)
    elif isinstance(value, str) and ("\0" in value or any("\ud800" <= character <= "\udfff" for character in value)):
        raise ValidationError(_("A text in it contains a character that cannot be kept."))


def _dress(field: forms.Field) -> None:
    """CSS classes by kind of widget."""
    widget = field.widget
    if isinstance(widget, forms.CheckboxInput):
        css = "form-check-input"
    elif isinstance(widget, forms.Select):
        css = "form-select"
    else:
        css = "form-control"
    widget.attrs["class"] = f"{widget.attrs.get('class', '')} {css}".strip()
