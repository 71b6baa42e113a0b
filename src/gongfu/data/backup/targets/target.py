"""The port of a place for backups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Target(Protocol):
    """Named objects. Calls block, from any thread; failures are :class:`gongfu.kernel.errors.GongfuError`."""

    address: str
    """As people may see it: no password."""

    def put(self, name: str, octets: bytes, *, new: bool = False) -> None:
        """Durable when it returns; readers see all of it or nothing. With ``new``, :class:`Conflict` if it is there."""

    def get(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """An object or a piece of it; raises :class:`NotFound`."""

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Objects whose name begins with ``prefix``, with their sizes."""

    def delete(self, name: str) -> None:
        """It is gone afterwards, or was not there."""

    def close(self) -> None:
        """Release connections."""
