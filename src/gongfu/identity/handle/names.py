"""What an identifier looks like and when two of them are the same.

An identifier is ``prefix/suffix``; in the national system ``88.<secondary>.<enterprise>/<suffix>``, at most 255 octets.

Two spellings name the same identifier when they are equal after Unicode normal form C and folding of the ASCII
letters a-z to A-Z, in prefix and suffix alike. Handle.Net can be set either way and makes records unreachable when
the setting changes; here it is decided once, in :func:`key`, and every store and cache uses that key. What was
registered is kept as it was written. Letters beyond ASCII are not folded: that would depend on a Unicode version.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from gongfu.identity.handle.codes import MAX_HANDLE
from gongfu.identity.handle.errors import BadHandle
from gongfu.kernel.i18n import mark

MAX_LENGTH = 255
"""Octets of a registered identifier in UTF-8."""
TOP = "88"
"""The prefix of the national system, below which secondary prefixes are allotted."""
PREFIXES = "0.NA"
"""Under this stand the handles of prefixes: ``0.NA/88.118`` says who administers 88.118 and where it is served."""
_SECONDARY = re.compile(r"88\.[0-9]{1,10}")
_ENTERPRISE = re.compile(r"88\.[0-9]{1,10}\.[0-9A-Za-z]{1,30}")
# Control, format, surrogate, private use, unassigned, line and paragraph separators: invisible or not the same to all.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Handle:
    """A valid identifier as its owner writes it, in normal form C."""

    prefix: str
    suffix: str

    def __str__(self) -> str:
        return f"{self.prefix}/{self.suffix}"

    @property
    def key(self) -> bytes:
        """Under which it is stored and found."""
        return str(self).encode().upper()


def parse(text: str) -> Handle:
    """An identifier that may be registered; raises :class:`BadHandle` saying what is wrong with ``text``."""
    text = unicodedata.normalize("NFC", text)
    prefix, slash, suffix = text.partition("/")
    if not slash or not suffix:
        raise BadHandle(
            mark("{handle} is not an identifier: it needs a prefix, a slash and a suffix."),
            remedy=mark("Write it as 88.118.1/EXAMPLE-001."),
            handle=text,
        )
    parse_prefix(prefix)
    if (not suffix.isprintable() and _has_invisible(suffix)) or suffix != suffix.strip():
        raise BadHandle(
            mark("{handle} holds characters that cannot be seen."),
            remedy=mark("Remove control characters and spaces at the ends."),
            handle=ascii(text),
        )
    if len(text.encode()) > MAX_LENGTH:
        raise BadHandle(
            mark("The identifier is {length} octets long; at most {limit} are allowed."),
            remedy=mark("Shorten the suffix. A Chinese character counts as three octets."),
            length=len(text.encode()),
            limit=MAX_LENGTH,
        )
    return Handle(prefix, suffix)


def _has_invisible(text: str) -> bool:
    """Also spaces other than the usual one are not *printable*, but can be seen."""
    return any(unicodedata.category(letter) in _INVISIBLE for letter in text)


def parse_prefix(text: str) -> str:
    """``text`` if it is a secondary (88.118) or an enterprise prefix (88.118.1); raises :class:`BadHandle`."""
    if not (is_secondary(text) or is_enterprise(text)):
        raise BadHandle(
            mark("{prefix} is not a prefix."),
            remedy=mark("A secondary node's prefix looks like 88.118, an enterprise's like 88.118.1."),
            prefix=text,
        )
    return text


def parse_any(text: str) -> Handle:
    """An identifier or the handle of a prefix (0.NA/88.118.1); raises :class:`BadHandle`."""
    head, _, prefix = text.partition("/")
    return prefix_handle(prefix) if head.upper() == PREFIXES else parse(text)


def prefix_handle(prefix: str) -> Handle:
    """The handle that says who administers ``prefix`` and where it is served; raises :class:`BadHandle`."""
    return Handle(PREFIXES, prefix if prefix == TOP else parse_prefix(prefix))


def is_secondary(prefix: str) -> bool:
    """Whether ``prefix`` is a secondary node's."""
    return _SECONDARY.fullmatch(prefix) is not None


def is_enterprise(prefix: str) -> bool:
    """Whether ``prefix`` is an enterprise's."""
    return _ENTERPRISE.fullmatch(prefix) is not None


def parent(prefix: str) -> str:
    """The prefix above a secondary or an enterprise prefix."""
    return prefix.rpartition(".")[0]


def key(handle: bytes) -> bytes:
    """Under which ``handle``, as it came over the wire, is looked up; raises :class:`BadHandle`.

    Looser than :func:`parse`: a look-up for something nobody could have registered is simply not found.
    """
    if not handle.isascii():
        try:
            handle = unicodedata.normalize("NFC", handle.decode()).encode()
        except UnicodeDecodeError as error:
            raise BadHandle(mark("The identifier is not UTF-8.")) from error
    if b"/" not in handle or len(handle) > MAX_HANDLE:
        raise BadHandle(mark("The identifier needs a prefix, a slash and a suffix."))
    return handle.upper()  # bytes.upper folds ASCII only


def prefix_key(key: bytes) -> bytes:
    """The prefix part of a key."""
    return key.partition(b"/")[0]
