"""What people write for a tag inside an expression. Pure.

| written | is |
|---|---|
| ``power`` | the tag of this key of the same device |
| ``{press-01.power}`` | tag ``power`` of device ``press-01`` |
| ``{sum power}`` | ``power`` of every device of the organisation that has it, taken together |
| ``{mean temperature @一车间}`` | the same at a place and everything in it |
| ``{max vibration #centrifugal-pump}`` | the same of an information model |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gongfu.data.computed.rules import MOST_INPUTS, Together
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

_BRACES: Final = re.compile(r"[{｛]([^{}｛｝]*)[}｝]")
_GROUP: Final = re.compile(
    r"(?P<how>sum|mean|min|max|count)\s+(?P<key>[^\s@#]+)(?:\s*@\s*(?P<place>[^@#]+?))?(?:\s*#\s*(?P<type>[^\s@#]+))?"
)
_WORD: Final = re.compile(r"[^\W\d]\w*")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'|“[^”]*”|‘[^’]*’")


@dataclass(frozen=True)
class One:
    """A tag of another device."""

    device: str
    key: str


@dataclass(frozen=True)
class Group:
    """A tag of many devices."""

    how: Together
    key: str
    place: str = ""
    type: str = ""


@dataclass(frozen=True)
class Written:
    """An expression taken apart."""

    text: str
    """With names in place of what stood in braces."""
    references: dict[str, One | Group]
    """Those names."""
    spelt: dict[str, str]
    """How they were written."""
    words: frozenset[str]
    """Every other word: keys of the device's own tags among them."""


def take_apart(text: str) -> Written:
    """The expression ``text``; raises :class:`Invalid` for braces that name nothing."""
    references: dict[str, One | Group] = {}
    spelt: dict[str, str] = {}
    known: dict[One | Group, str] = {}

    def named(found: re.Match[str]) -> str:
        reference = _reference(found.group(1))
        if reference not in known:
            name = known[reference] = f"ref_{len(known) + 1}_"
            references[name], spelt[name] = reference, found.group()
        return known[reference]

    plain = _BRACES.sub(named, text)
    if len(references) > MOST_INPUTS:
        raise Invalid(mark("There are more than {most} inputs."), most=MOST_INPUTS)
    if set("{}｛｝") & set(plain):
        raise Invalid(
            mark("A brace is open or closed without its other half."), remedy=mark("Write device.tag in braces.")
        )
    words = frozenset(_WORD.findall(_QUOTED.sub(" ", plain))) - references.keys()
    return Written(plain, references, spelt, words)


def _reference(inner: str) -> One | Group:
    inner = inner.strip()
    group = _GROUP.fullmatch(inner)
    if group:
        how: Together = group["how"]  # type: ignore[assignment]
        return Group(how, group["key"], (group["place"] or "").strip(), group["type"] or "")
    device, dot, key = inner.partition(".")
    if not dot or not device.strip() or not key.strip() or len(inner) > 200:
        raise Invalid(
            mark("{reference} names no tag."),
            remedy=mark("Write device.tag, or such as: sum power @place, with keys of devices and tags."),
            reference=repr(inner[:60]),
        )
    return One(device.strip(), key.strip())
