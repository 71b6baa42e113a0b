"""Tags of the shell: icons, navigation, texts for scripts, figures as people say them."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from importlib.metadata import version

from django import template
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone, translation
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString

from gongfu.console import navigation, texts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.settings import settings

register = template.Library()


@register.simple_tag
@cache
def icon(name: str, classes: str = "") -> SafeString:
    """An icon of the sprite; the text beside it says what it means."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        classes,
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def rooms(context: template.Context) -> tuple[navigation.Room, ...]:
    """The navigation of whoever is signed in; nothing for nobody."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if not isinstance(request, HttpRequest) or not isinstance(user, User):
        return ()
    return navigation.rooms(user, request.path)


@register.simple_tag
@lru_cache(1024)
def drawn_rooms(found: tuple[navigation.Room, ...]) -> SafeString:
    """The links of the navigation: a third of the work of a small page, and the same for all who see the same."""
    return render_to_string("console/_rooms.html", {"rooms": found})


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """system, light or dark: the user's, else the cookie's."""
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        return "system"
    user = getattr(request, "user", None)
    chosen = user.theme if isinstance(user, User) else request.COOKIES.get("gongfu_theme", "")
    return chosen if chosen in ("light", "dark") else "system"


@register.simple_tag
def script_texts() -> SafeString:
    """Sentences of the scripts in the language of the request, as they read them."""
    return _script_texts(translation.get_language())


@cache
def _script_texts(language: str | None) -> SafeString:
    with translation.override(language):
        return json_script(texts.texts(), "console-texts")


@register.simple_tag
def node_timezone() -> str:
    """The zone in which times are shown."""
    return settings().timezone


@register.simple_tag
def node_name() -> str:
    """This node's name among others."""
    return settings().node


@register.simple_tag
@cache
def product_version() -> str:
    """Version of Gongfu."""
    return version("gongfu")


@register.filter
def big(value: float | None) -> str:
    """A count as people say it: 万 and 亿 in Chinese, thousands separated otherwise."""
    if value is None:
        return "—"
    if (translation.get_language() or "").startswith("zh"):
        for size, word in ((100_000_000, "亿"), (10_000, "万")):
            if abs(value) >= size:
                return f"{_rounded(value / size)} {word}"
        return f"{value:,.0f}"
    return f"{value:,.0f}"


def _rounded(value: float) -> str:
    places = Decimal("1") if value >= 100 else Decimal("0.1") if value >= 10 else Decimal("0.01")
    text = str(Decimal(str(value)).quantize(places, ROUND_HALF_UP))
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def ago(moment: dt.datetime | None) -> SafeString | str:
    """A moment as the time since; the script keeps it true, without it the moment itself stands there."""
    if moment is None:
        return "—"
    local = timezone.localtime(moment)
    return format_html(
        '<time-ago at="{}">{}</time-ago>', int(moment.timestamp() * 1000), local.strftime("%Y-%m-%d %H:%M")
    )
