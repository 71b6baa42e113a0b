"""How figures are shown: what is not known is a dash, what is only an upper bound says so."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gongfu.data.performance import words
from gongfu.data.performance.rules import Figure, Performance

register = template.Library()


@register.filter
def hours(seconds: float) -> str:
    """Hours and minutes."""
    return words.hours(seconds or 0.0)


@register.simple_tag
def share(figure: Figure) -> str:
    """A share in percent."""
    return "–" if figure.percent is None else f"{figure.percent:.1f} %"


@register.simple_tag
def oee(performance: Performance) -> str:
    """OEE in percent, with ≤ where something is not known."""
    if performance.percent is None:
        return "–"
    return f"{'' if performance.known else '≤ '}{performance.percent:.1f} %"


@register.simple_tag
def bar(performance: Performance, target: float | None) -> SafeString:
    """OEE as a bar with its target as a line."""
    told = oee(performance)
    if performance.percent is None:
        return format_html('<span class="quiet">{}</span>', told)
    line = format_html('<line x1="{0}" x2="{0}" y1="0" y2="10"/>', f"{target:.1f}") if target else ""
    kind = "bar bar-below" if target is not None and performance.percent < target else "bar"
    return format_html(
        '<span class="bar-line"><svg class="{}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ground" width="100" height="10"/><rect width="{}" height="10"/>{}</svg> <b>{}</b></span>',
        kind,
        f"{performance.percent:.1f}",
        line,
        told,
    )
