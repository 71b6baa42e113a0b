"""Tags of the generic pages."""

from __future__ import annotations

from django import template
from django.db import models
from django.utils.html import strip_tags

from gongfu.kernel.pages import cells, resource

register = template.Library()


@register.simple_tag
def cell(column: resource.Column[models.Model], thing: models.Model) -> str:
    """One cell of a list."""
    return cells.cell(column, thing)


@register.simple_tag
def first_cell(column: resource.Column[models.Model], thing: models.Model) -> str:
    """The first cell, which is a link already: a link in it would end that one. Never empty."""
    shown = cells.cell(column, thing)
    return (strip_tags(shown) if "<a " in shown else shown) or str(thing)


@register.filter
def link(thing: models.Model | None) -> str:
    """Name of ``thing``, linked to its page."""
    return cells.show(thing)


@register.filter
def show(value: object) -> str:
    """Any value as the pages show it."""
    return cells.show(value)


@register.simple_tag
def resource_url(kind: resource.Resource[models.Model], page: str = "", thing: models.Model | None = None) -> str:
    """Address of a page of ``kind``: ``""``, ``new``, ``detail``, ``edit``, ``delete``, ``views``."""
    base = kind.url(thing) if thing is not None else kind.list_url()
    return base if page == "detail" else base + page
