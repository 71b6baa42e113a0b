"""Facets as links: each adds itself to the address, or takes itself away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django import template
from django.http import HttpRequest
from django.utils.translation import gettext as _

register = template.Library()


@dataclass(frozen=True)
class Link:
    """One value to narrow by."""

    label: str
    count: int
    chosen: bool
    query: str


@register.simple_tag
def facet_name(name: str) -> str:
    """What a facet is called."""
    return {
        "organisation": _("Enterprise"),
        "industry": _("Industry"),
        "kind": _("Type"),
        "template": _("Template"),
        "type": _("Has the field"),
    }[name]


@register.simple_tag(takes_context=True)
def facet_links(context: template.Context, name: str, options: Sequence[tuple[str, str, int]]) -> list[Link]:
    """``options`` of the facet ``name`` as links of this page."""
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        return []
    chosen = request.GET.get(name, "")
    links = []
    for value, label, count in options[:12]:
        query = request.GET.copy()
        query.pop("after", None)
        if value == chosen:
            query.pop(name)
        else:
            query[name] = value
        links.append(Link(label, count, value == chosen, query.urlencode()))
    return links
