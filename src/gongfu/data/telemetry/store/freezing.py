"""Copies of the embedded store: freeze it as of one moment, and build one from frozen parts.

A part never changes once it is written, so FREEZE makes hard links and takes milliseconds. Backup programs ask the
recorder for it: ``POST /freeze`` with the internal password; the answer is a JSON list of :class:`Frozen`.
Source: https://clickhouse.com/docs/en/sql-reference/statements/alter/partition#freeze-partition
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from gongfu.data.telemetry.dirt import OUTSIDE
from gongfu.data.telemetry.schema import DATABASE
from gongfu.data.telemetry.store.embedded import EmbeddedEngine, literal
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.data.telemetry.store.http import USER
from gongfu.kernel.ops import App, Receive, Scope, Send, respond

NAME: Final = "gongfu_backup"
"""Of the frozen copy: there is one at a time, a new one takes the place of what a killed backup left."""
PATH: Final = "/freeze"
_CREATE: Final = re.compile(r"\ACREATE (TABLE|MATERIALIZED VIEW|VIEW|DICTIONARY) (?!IF NOT EXISTS)")


class Frozen(msgspec.Struct, frozen=True):
    """A table: the statement that made it, and the folder of its frozen parts; views have none."""

    name: str
    statement: str
    folder: str = ""


class _Described(msgspec.Struct, frozen=True):
    name: str
    engine: str
    statement: str
    folder: str


def freeze(engine: EmbeddedEngine) -> list[Frozen]:
    """Every table of the database as it is between two inserts; tables first, views behind them."""
    described = _tables(engine)
    kept = [one for one in described if one.engine.endswith("MergeTree")]
    shutil.rmtree(engine.path / "shadow" / NAME, ignore_errors=True)
    engine.together(f"ALTER TABLE `{one.name}` FREEZE WITH NAME {literal(NAME)}" for one in kept)
    frozen = [Frozen(one.name, one.statement, str(_shadow(engine.path, Path(one.folder)))) for one in kept]
    return [*frozen, *(Frozen(one.name, one.statement) for one in described if one not in kept)]


def thaw(store: Path) -> None:
    """Drop the frozen copy of the store in the folder ``store``; what is only in it gives its room back."""
    shutil.rmtree(store / "engine" / "shadow" / NAME, ignore_errors=True)


def build(engine: EmbeddedEngine, tables: Iterable[Frozen]) -> None:
    """Make ``tables`` in the empty store of ``engine``; parts are moved out of their folders."""
    wanted = list(tables)
    engine.execute("SET enable_alp_codec = 1")  # a statement names the codecs of its columns, not what they need
    for table in wanted:
        engine.execute(_CREATE.sub(r"CREATE \1 IF NOT EXISTS ", table.statement))
    places = {one.name: Path(one.folder) for one in _tables(engine)}
    for table in wanted:
        for part in sorted(Path(table.folder).iterdir()) if table.folder and Path(table.folder).is_dir() else ():
            target = places[table.name] / "detached" / part.name
            target.parent.mkdir(exist_ok=True)
            part.rename(target)
            engine.execute(f"ALTER TABLE `{table.name}` ATTACH PART {literal(part.name)}")


def rolled_again(since: int) -> Iterator[str]:
    """Statements after which roll-ups of what arrived since ``since`` (seconds) are computed once more."""
    for text, table in enumerate(("readings", "texts")):
        yield (
            f"INSERT INTO dirty SELECT {OUTSIDE + 1 + text}, org, series, {text},"  # noqa: S608 - numbers and names of ours
            " intDiv(toUnixTimestamp(min(ts)), 60) * 60, toUnixTimestamp(max(ts)) + 60"
            f" FROM {table} WHERE arrived >= toDateTime({max(0, since)}, 'UTC')"
            " AND ts < '2106-01-01' AND ts > '1970-01-02' GROUP BY org, series"
        )


def _tables(engine: EmbeddedEngine) -> list[_Described]:
    """Files behind a table are not asked where they lie: they refuse to say."""
    described = (
        "SELECT name, engine, create_table_query AS statement, {folder} AS folder FROM system.tables"  # noqa: S608
        f" WHERE database = {literal(DATABASE)} AND NOT is_temporary"
    )
    rows = [
        msgspec.json.decode(row, type=_Described)
        for row in engine.query(described.format(folder="''"), "JSONEachRow").splitlines()
        if row
    ]
    kept = ", ".join(literal(one.name) for one in rows if one.engine.endswith("MergeTree"))
    folders: dict[str, str] = {}
    if kept:
        asked = described.format(folder="arrayElement(data_paths, 1)") + f" AND name IN ({kept})"
        for row in engine.query(asked, "JSONEachRow").splitlines():
            one = msgspec.json.decode(row, type=_Described)
            folders[one.name] = one.folder
    return sorted(
        (msgspec.structs.replace(one, folder=folders.get(one.name, "")) for one in rows),
        key=lambda one: (one.engine.endswith("View"), one.name),
    )


def _shadow(path: Path, folder: Path) -> Path:
    return path / "shadow" / NAME / folder.resolve().relative_to(path.resolve())


class FreezeApp:
    """ASGI app that answers ``POST /freeze`` and leaves the rest to ``other``."""

    def __init__(self, engine: EmbeddedEngine, password: str, other: App) -> None:
        self._engine = engine
        self._expected = b"Basic " + base64.b64encode(f"{USER}:{password}".encode())
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] != PATH or scope["method"] != "POST":
            await self._other(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, self._expected):
            await respond(send, 403, b"forbidden\n", "text/plain")
            return
        try:
            frozen = await asyncio.to_thread(freeze, self._engine)
        except StoreFailure as error:
            await respond(send, 500, str(error).encode()[:2000], "text/plain")
            return
        await respond(send, 200, msgspec.json.encode(frozen), "application/json")
