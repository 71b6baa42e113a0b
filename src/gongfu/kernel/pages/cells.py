"""How one value is shown: relations as links, choices by name, times in local time, nothing as a dash."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.db import models
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from gongfu.kernel.pages.resource import Column, Resource, url_of

EMPTY = SafeString('<span class="text-secondary">—</span>')


def show(value: object) -> str:
    """``value`` as HTML."""
    if value is None or value == "":
        return EMPTY
    if isinstance(value, SafeString):
        return value
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dt.datetime):
        local = timezone.localtime(value)
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            value.astimezone(dt.UTC).isoformat(),
            local.strftime("%Y-%m-%d %H:%M:%S"),
            local.strftime("%Y-%m-%d %H:%M"),
        )
    if isinstance(value, models.Model):
        url = url_of(value)
        return format_html('<a href="{}">{}</a>', url, value) if url else format_html("{}", value)
    return format_html("{}", value)


def attribute(thing: models.Model, name: str) -> object:
    """A field's or attribute's value; the name of a choice rather than its code."""
    display = getattr(thing, f"get_{name}_display", None)
    if callable(display):
        value: object = display()
        return value
    found: object = thing
    for part in name.split("__"):
        found = getattr(found, part, None)
    return found() if callable(found) and not isinstance(found, models.Model) else found


def label(resource: Resource[models.Model], column: Column[models.Model]) -> str:
    """Heading of a column."""
    if column.label:
        return str(column.label)
    return heading(resource.field(column.name)) if resource.has_field(column.name) else column.name


def heading(field: models.Field[object, object]) -> str:
    """What a field is called at the beginning of a line."""
    return str(capfirst(str(field.verbose_name)))


def cell(column: Column[models.Model], thing: models.Model) -> str:
    """One cell as HTML."""
    if column.template:
        return render_to_string(column.template, {"object": thing})
    return show(column.render(thing) if column.render else attribute(thing, column.name))


def plain(column: Column[models.Model], thing: models.Model) -> str | int | float | Decimal | None:
    """One cell for a spreadsheet: text or number, times in local time."""
    value = column.export(thing) if column.export else attribute(thing, column.name)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if value is None or isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, dt.datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    return str(value)
