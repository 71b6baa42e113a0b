"""From what ClickHouse clients say to what the store's gate lets through: text in, text out, no I/O.

Clients ask for more than SELECT when they connect: SHOW, DESCRIBE, EXISTS, ``system.tables``, SETTINGS at the end of a
query. Here each becomes a SELECT over the views of :mod:`gongfu.data.telemetry.views`, which list what every tenant
may know. Nothing here decides what is allowed: the gate of the store parses the result with the engine's own parser
(:mod:`gongfu.data.telemetry.store.scope`), so a mistake in this file can refuse a good query, never pass a bad one.
"""

# ruff: noqa: S608 - names are quoted, and the gate looks at the whole result

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gongfu.data.telemetry.store.limits import READER_LIMITS, harmless
from gongfu.data.telemetry.views import CATALOGUE
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MAX_TEXT: Final = 262_144
"""Characters of one query: ClickHouse's own ``max_query_size``."""
_LEXEMES: Final = re.compile(
    r"""(?P<space>\s+)
    |(?P<comment>--[^\n]*|\#[!\x20][^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>'(?:[^'\\]|\\.|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
    |(?P<number>\d[\w.]*)
    |(?P<word>\w+)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_LITERAL_CALLS: Final = frozenset(("displayname", "hostname", "fqdn", "currentuser", "user"))


@dataclass(frozen=True)
class Lexeme:
    """One piece of SQL that is neither space nor comment, and where it stands."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """What an identifier names, without its quotes; empty for anything else."""
        if self.kind == "word":
            return self.text
        if self.kind != "quoted":
            return ""
        mark_, inner = self.text[0], self.text[1:-1]
        return re.sub(r"\\(.)", r"\1", inner.replace(mark_ * 2, mark_))

    def says(self, *words: str) -> bool:
        """Whether it is one of the keywords ``words``."""
        return self.kind == "word" and self.text.upper() in words


@dataclass(frozen=True)
class Said:
    """A query as the store takes it; ``sql`` is empty for a statement that has nothing to do (USE, SET)."""

    sql: str
    format: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def lexemes(sql: str) -> list[Lexeme]:
    """The pieces of ``sql``; never fails."""
    return [
        Lexeme(found.lastgroup or "", found[0], found.start(), found.end())
        for found in _matches(sql)
        if found.lastgroup not in ("space", "comment")
    ]


def _matches(sql: str) -> list[re.Match[str]]:
    # The group of a heredoc's tag is matched inside "string", which ends after it and so is the last one.
    return list(_LEXEMES.finditer(sql))


def understand(sql: str, *, database: str, user: str) -> Said:
    """What ``sql`` asks of ``database``, as one SELECT for the gate; raises :class:`Invalid` for one too long."""
    if len(sql) > MAX_TEXT:
        raise Invalid(mark("The query has {length} characters; {limit} are allowed."), length=len(sql), limit=MAX_TEXT)
    pieces = lexemes(sql)
    while pieces and pieces[-1].text == ";":
        pieces.pop()
    pieces, asked, settings = _tail(pieces)
    if not pieces:
        return Said("", asked, settings)
    if (catalogue := _statement(pieces, database)) is not None:
        return Said(catalogue, asked, settings)
    return Said(_replaced(sql, pieces, database, user), asked, settings)


def passes(name: str) -> bool:
    """Whether a user may give the setting ``name``."""
    return name in READER_LIMITS or harmless(name)


def _tail(pieces: list[Lexeme]) -> tuple[list[Lexeme], str, dict[str, str]]:
    """Take FORMAT and harmless SETTINGS off the end, in either order."""
    asked, settings = "", dict[str, str]()
    for _ in range(2):
        if len(pieces) > 2 and pieces[-2].says("FORMAT") and pieces[-1].kind == "word" and not asked:
            asked, pieces = pieces[-1].text, pieces[:-2]
        elif (found := _settings(pieces)) is not None and not settings:
            settings, pieces = found[1], pieces[: found[0]]
    return pieces, asked, settings


def _settings(pieces: Sequence[Lexeme]) -> tuple[int, dict[str, str]] | None:
    """Where a SETTINGS clause begins that reaches to the end and names only what a user may set, and its values."""
    begin = next((at for at in range(len(pieces) - 1, 0, -1) if pieces[at].says("SETTINGS")), 0)
    given: dict[str, str] = {}
    rest = list(pieces[begin + 1 :])
    while begin and len(rest) >= 3 and rest[1].text == "=" and rest[2].kind in ("number", "string", "word"):
        name, value = rest[0].name, rest[2].text
        if not passes(name) or (len(rest) > 3 and rest[3].text != ","):
            return None
        given[name] = value[1:-1] if value.startswith("'") else value
        rest = rest[4:]
        if not rest:
            return begin, given
    return None


def _statement(pieces: Sequence[Lexeme], database: str) -> str | None:
    """The SELECT that answers SHOW, DESCRIBE or EXISTS; empty for USE and SET of what is harmless."""
    first = pieces[0]
    if first.says("USE") and len(pieces) == 2 and pieces[1].name in (database, "default"):
        return ""
    if first.says("SET") and _settings([first, Lexeme("word", "SETTINGS", 0, 0), *pieces[1:]]) is not None:
        return ""
    words = [piece for piece in pieces if not piece.says("FULL", "EXTENDED", "TEMPORARY")]
    if first.says("SHOW"):
        return _show(words[1:], database)
    if first.says("DESCRIBE", "DESC"):
        rest = words[2:] if len(words) > 1 and words[1].says("TABLE") else words[1:]
        return _columns(rest, database) if rest and rest[0].text != "(" else None
    if first.says("EXISTS"):
        rest = words[2:] if len(words) > 1 and words[1].says("TABLE", "VIEW") else words[1:]
        if (named := _table(rest, database)) is not None:
            return f"SELECT count() > 0 AS result FROM {_view('tables', database)} WHERE {named}"
    return None


def _show(words: Sequence[Lexeme], database: str) -> str | None:
    if not words:
        return None
    kind, rest = words[0], words[1:]
    if kind.says("DATABASES", "SCHEMAS"):
        return _listed("databases", rest, "", database)
    if kind.says("TABLES"):
        inside = _quote(database)
        if len(rest) >= 2 and rest[0].says("FROM", "IN"):
            inside, rest = _quote(rest[1].name), rest[2:]
        return _listed("tables", rest, f"database = {inside}", database)
    if kind.says("COLUMNS", "FIELDS") and rest and rest[0].says("FROM", "IN"):
        return _columns(rest[1:], database)
    if kind.says("CREATE"):
        rest = rest[1:] if rest and rest[0].says("TABLE", "VIEW", "DATABASE") else rest
        if (named := _table(rest, database)) is not None:
            return f"SELECT create_table_query AS statement FROM {_view('tables', database)} WHERE {named}"
    return None


def _listed(what: str, rest: Sequence[Lexeme], condition: str, database: str) -> str | None:
    conditions = [condition] if condition else []
    if len(rest) >= 2 and rest[-2].says("LIKE", "ILIKE") and rest[-1].kind == "string":
        no = "NOT " if rest[0].says("NOT") else ""
        conditions.append(f"name {no}{rest[-2].text.upper()} {rest[-1].text}")
        rest = rest[:-3] if no else rest[:-2]
    if rest:
        return None
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT name FROM {_view(what, database)}{where} ORDER BY name"


def _columns(words: Sequence[Lexeme], database: str) -> str | None:
    named = _table(words, database, "table")
    if named is None:
        return None
    return (
        "SELECT name, type, default_kind AS default_type, default_expression, comment, '' AS codec_expression,"
        f" '' AS ttl_expression FROM {_view('columns', database)} WHERE {named} ORDER BY position"
    )


def _table(words: Sequence[Lexeme], database: str, column: str = "name") -> str | None:
    """The condition that finds ``[database.]table``; None when ``words`` are something else."""
    if len(words) == 1 and words[0].name:
        return f"database = {_quote(database)} AND {column} = {_quote(words[0].name)}"
    if len(words) == 3 and words[1].text == "." and words[0].name and words[2].name:
        return f"database = {_quote(words[0].name)} AND {column} = {_quote(words[2].name)}"
    return None


def _replaced(sql: str, pieces: Sequence[Lexeme], database: str, user: str) -> str:
    """``sql`` up to its last piece, with tables of ``system`` and calls that name host or user exchanged."""
    parts: list[str] = []
    done, at = 0, 0
    while at < len(pieces):
        piece, following = pieces[at], pieces[at + 1 : at + 3]
        after_dot = at > 0 and pieces[at - 1].text == "."
        new = ""
        if len(following) == 2 and not after_dot:
            if piece.name == "system" and following[0].text == "." and following[1].name in CATALOGUE:
                new = _view(following[1].name, database)
            elif [one.text for one in following] == ["(", ")"] and piece.text.lower() in _LITERAL_CALLS:
                new = _quote(user if piece.text.lower() in ("user", "currentuser") else "gongfu")
        if new:
            parts += [sql[done : piece.start], new]
            done, at = following[1].end, at + 3
        else:
            at += 1
    return "".join([*parts, sql[done : pieces[-1].end]])


def _view(name: str, database: str) -> str:
    return f"`{database}`.`{CATALOGUE[name]}`"


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
