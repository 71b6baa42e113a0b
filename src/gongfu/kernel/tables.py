"""Tables of the telemetry store, as data: a room declares what it keeps there, the recorder makes it.

The same definition makes the embedded store's table and a server's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

OWNED: Final[Mapping[str, str]] = {
    "readings": "org",
    "texts": "org",
    "latest": "org",
    "events": "org",
    "identifiers": "org",
    "arrays": "org",
    "series": "org",
    "rollups": "org",
    "durations": "org",
    "poison": "org",
    "dirty": "org",
    "readings_cold": "org",
    "texts_cold": "org",
    "arrays_cold": "org",
    # views, see gongfu.data.telemetry.views
    "points": "org",
    "text_points": "org",
    "last_points": "org",
    "minutes": "org",
    "hours": "org",
    "days": "org",
}
"""Tables and views that hold rows of organisations, each with the column that names the owner.

What stands here may be read by people, each of whom sees the rows of the own organisations; nothing else may.
"""


@dataclass(frozen=True)
class Column:
    """One column; ``codec`` is empty for the engine's own choice."""

    name: str
    type: str
    codec: str = ""


@dataclass(frozen=True)
class Table:
    """One table. ``version`` is the column that decides which of two rows with one ``key`` stays; empty: the later.

    ``indexes`` are further ones, each as ``name expression TYPE …``; ``settings`` of the engine, as ``name = value``.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    version: str
    partition: str = ""
    indexes: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def ddl(self) -> str:
        """The statement that creates it in the current database."""
        columns = [f"`{c.name}` {c.type}" + (f" CODEC({c.codec})" if c.codec else "") for c in self.columns]
        parts = ", ".join([*columns, *(f"INDEX {index}" for index in self.indexes)])
        partition = f" PARTITION BY {self.partition}" if self.partition else ""
        return (
            f"CREATE TABLE IF NOT EXISTS `{self.name}` ({parts})"
            f" ENGINE = ReplacingMergeTree({f'`{self.version}`' if self.version else ''}){partition}"
            f" ORDER BY ({', '.join(self.key)})"
            f" SETTINGS {', '.join(('fsync_after_insert = 1', *self.settings))}"
        )


def filters(database: str, orgs: Collection[int]) -> str:
    """The setting ``additional_table_filters`` that leaves the rows of ``orgs``.

    Neighbours are written as a range: an operator of thousands of organisations must still fit a request line.
    """
    chosen = sorted({int(org) for org in orgs})
    conditions = {owner: " OR ".join(_ranges(owner, chosen)) or "0" for owner in set(OWNED.values())}
    return "{" + ", ".join(f"'{database}.{table}': '{conditions[owner]}'" for table, owner in OWNED.items()) + "}"


def _ranges(owner: str, orgs: Sequence[int]) -> Iterator[str]:
    alone: list[int] = []
    for _, group in groupby(enumerate(orgs), lambda pair: pair[1] - pair[0]):
        run = [org for _, org in group]
        if len(run) > 2:
            yield f"{owner} BETWEEN {run[0]} AND {run[-1]}"
        else:
            alone += run
    if alone:
        yield f"{owner} IN ({','.join(map(str, alone))})"
