"""Whether a text is one SELECT and nothing else. Pure.

This is the first of three guards; the second is a read-only transaction, and the third the rights of the account
that the other system's administrator hands out. What is doubtful is refused: a harmless query can be written plainly.
"""

from __future__ import annotations

import re

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration

_PARTS = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    |(?P<word>[^\W\d]\w*)
    |(?P<comment>--|/\*|\#)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = frozenset(
    """
    alter attach begin call commit copy create delete detach drop exec execute explain grant handler insert into
    lo_export lo_import load load_extension load_file lock merge pragma reindex rename revoke rollback savepoint
    set truncate unlock update vacuum
    """.split()  # noqa: SIM905 - a list of so many is a column of them
)


def select_only(query: str) -> None:
    """Raise :class:`BadConfiguration` unless ``query`` reads, and only reads."""
    first = ""
    for part in _PARTS.finditer(query):
        text = part.group()
        if part["comment"]:
            raise _refused(mark("it has a comment, or a sign that begins one"))
        if part["string"] and "\\" in text:
            raise _refused(mark("it has a backslash in a text"))
        if part["other"] and text in ";'\"`$\\\x00":
            raise _refused(mark("it has a {sign} where none may stand"), sign=repr(text))
        if part["word"]:
            first = first or text.lower()
            if text.lower() in _WORDS:
                raise _refused(mark("it has the word {word}; put it in quotes if it is a column"), word=text[:40])
    if first not in ("select", "with"):
        raise _refused(mark("it does not begin with SELECT or WITH"))


def _refused(reason: str, **values: str) -> BadConfiguration:
    return BadConfiguration(
        mark("The query is refused: {reason}."),
        remedy=mark("Write one SELECT, without a semicolon."),
        reason=reason.format(**values),
    )
