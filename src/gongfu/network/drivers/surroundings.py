"""What the machine gives the drivers of one gateway: a place for positions, folders, an address to listen on.

The gateway says it once, with :func:`provide`, before it starts a device; tasks started afterwards know it. A driver
asks with :func:`current`. Without a word there is nothing: no folder may be read, and positions stay in memory.
"""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

import msgspec


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Set by the operator of the machine, not by who configures a device."""

    positions: Path | None = None
    """File in which drivers keep how far they have read; None: in memory only."""
    roots: tuple[Path, ...] = ()
    """Folders that hold a folder for each organisation, named by its code, from which its devices may read files."""
    ingest_host: str = "127.0.0.1"
    """Address on which the HTTP listener for pushing devices waits."""
    ingest_port: int = 0
    """Its port; 0: there is none."""


_current: ContextVar[Surroundings] = ContextVar("surroundings", default=Surroundings())  # noqa: B039 - it is frozen


def provide(surroundings: Surroundings) -> None:
    """Tell the tasks that are started from here on."""
    _current.set(surroundings)


def current() -> Surroundings:
    """What was provided."""
    return _current.get()
