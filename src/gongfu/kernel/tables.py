"""Tables of the telemetry store, as data: a room declares what it keeps there, the recorder makes it.

The same definition makes the embedded store's table and a server's.
"""

from __future__ import annotations

from dataclasses import dataclass


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
