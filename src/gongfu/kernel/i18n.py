"""Translation that works with and without Django.

Source texts are English; every room keeps its catalogue in ``<room>/locale/zh_Hans/LC_MESSAGES/``.
Daemons do not import Django, so they read the same compiled catalogues through the standard library.
Inside a Django request the active language of the request is used.
"""

from __future__ import annotations

import gettext
import os
import sys
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
LANGUAGES = ("zh-hans", "en")


def mark(text: str) -> str:
    """Mark ``text`` for the catalogue without translating it yet."""
    return text


def locale_paths() -> list[Path]:
    """Every room's ``locale`` directory."""
    return sorted(PACKAGE.glob("*/locale"))


def translate(text: str, language: str | None = None) -> str:
    """``text`` in ``language``; default: the request's language, else ``GONGFU_LANGUAGE``, else Chinese."""
    code = (language or current()).lower()
    return text if code.startswith("en") else _catalogue().get(text, text)


def current() -> str:
    """The request's language, else ``GONGFU_LANGUAGE``, else Chinese."""
    # Only if Django is already there: a daemon must not load it for a sentence.
    if "django.utils.translation" in sys.modules and "django.conf" in sys.modules:
        from django.conf import settings  # noqa: PLC0415

        if settings.configured:
            return sys.modules["django.utils.translation"].get_language() or LANGUAGES[0]
    return os.environ.get("GONGFU_LANGUAGE", LANGUAGES[0])


@cache
def _catalogue() -> dict[str, str]:
    merged: dict[str, str] = {}
    for path in locale_paths():
        mo = path / "zh_Hans" / "LC_MESSAGES" / "django.mo"
        if mo.exists():
            with mo.open("rb") as file:
                catalogue = gettext.GNUTranslations(file)
            merged.update(
                {k: v for k, v in catalogue._catalog.items() if isinstance(k, str) and k and v}  # type: ignore[attr-defined]
            )
    return merged
