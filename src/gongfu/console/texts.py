"""Sentences that the console's scripts show, handed to them with the page."""

from __future__ import annotations

from django.utils.translation import gettext

from gongfu.kernel.i18n import mark

TEXTS = (
    mark("just now"),
    mark("{n} s ago"),
    mark("{n} min ago"),
    mark("{n} h ago"),
    mark("{n} days ago"),
    mark("since {time}"),
    mark("no value yet"),
    mark("Good"),
    mark("Uncertain"),
    mark("Bad"),
    mark("Stale"),
    mark("On"),
    mark("Off"),
    mark("Live"),
    mark("1 h"),
    mark("8 h"),
    mark("24 h"),
    mark("7 days"),
    mark("Loading…"),
    mark("Try again"),
    mark("Save as {format}"),
    mark("No readings in this time."),
    mark("The chart could not be loaded. Reload the page."),
    mark("The readings cannot be read now. They are kept and will appear here again."),
    mark("The history cannot be read now."),
    mark("Nothing is known about this time."),
    mark("Nothing found."),
    mark("Copy"),
    mark("Copy {what}"),
    mark("Copied"),
)


def texts() -> dict[str, str]:
    """English to the language of the request, only where they differ."""
    return {text: translated for text in TEXTS if (translated := gettext(text)) != text}
