"""The port between the recorder and what stores: embedded in this process, or a ClickHouse server."""

from __future__ import annotations

from typing import Protocol

from gongfu.data.telemetry.schema import Table
from gongfu.kernel.errors import Unavailable


class StoreFailure(Unavailable):
    """The engine refused or failed; ``number`` is ClickHouse's error code (0: none given)."""

    def __init__(self, message: str, /, *, number: int = 0, remedy: str = "", **values: object) -> None:
        super().__init__(message, remedy=remedy, **values)
        self.number = number


class Engine(Protocol):
    """All calls block and may come from any thread; every failure is a :class:`StoreFailure`."""

    def insert(self, table: Table, block: bytes) -> None:
        """Store one Native block of all columns of ``table``; on disk when this returns."""

    def execute(self, sql: str) -> None:
        """Run a statement that returns nothing."""

    def scalar(self, sql: str) -> str:
        """First value of the first row, as text."""

    def background(self, sql: str) -> str:
        """Run ``sql`` beside the insertions, with one thread and bounded memory; the first value it returns."""

    def close(self) -> None:
        """Release files and connections."""
