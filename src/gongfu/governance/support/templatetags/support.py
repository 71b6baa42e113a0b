"""How sums, lines and documents are shown."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from django import template
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.governance.support.models import LedgerEntry
from gongfu.governance.support.schemes import built_in
from gongfu.kernel.i18n import translate

register = template.Library()


class _Said(Protocol):
    def text(self, language: str | None = None) -> str: ...


class _Titled(Protocol):
    title: str
    title_en: str


class _Worded(Protocol):
    text: str
    text_en: str


@register.filter
def yuan(sum_of_money: Decimal | None) -> str:
    """¥8,500.00; a dash for nothing known."""
    return "–" if sum_of_money is None else f"{'−' if sum_of_money < 0 else ''}¥{abs(sum_of_money):,.2f}"


@register.filter
def edition(version: str) -> str:
    """A version of a document as readers know it: its year, or that it is a draft for comment (征求意见稿)."""
    return _("draft for comment") if version == "draft" else version


@register.filter
def said(thing: _Said) -> str:
    """The sentence of a line, a figure, a reading or a difference in the reader's language."""
    return thing.text(get_language())


@register.filter
def marked(text: str) -> str:
    """A marked text in the reader's language."""
    return translate(text, get_language())


@register.filter
def title(thing: _Titled) -> str:
    """Title of a document or clause."""
    return thing.title_en if _english() and thing.title_en else thing.title


@register.filter
def words(thing: _Worded) -> str:
    """Words of a condition."""
    return thing.text_en if _english() and thing.text_en else thing.text


@register.filter
def basis(thing: object) -> str:
    """What a clause counts."""
    names = ("basis_en", "basis") if _english() else ("basis", "basis_en")
    return next((str(value) for name in names if (value := getattr(thing, name, ""))), "")


@register.filter
def issuer(thing: object) -> str:
    """Who issued a document."""
    return str(getattr(thing, "issuer_en" if _english() else "issuer", ""))


@register.filter
def cited(entry: LedgerEntry) -> str:
    """The clause an entry was paid under, as its document is cited; another policy by its name."""
    for scheme in built_in():
        if scheme.family == entry.scheme:
            return next((one.cite for one in scheme.clause if one.key == entry.clause), scheme.document)
    return f"{entry.scheme} {entry.clause}".strip()


def _english() -> bool:
    return (get_language() or "").startswith("en")
