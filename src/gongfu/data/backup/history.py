"""What became of backups and verifications: one JSON line each in ``run/backup.jsonl``. Pure.

It lies outside the database: a node whose records are broken still knows its last backup, and a restored one starts
without a past that is not its own.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final, Literal

import msgspec

KEPT: Final = 500
"""Newest lines that stay."""
_NAME: Final = ("run", "backup.jsonl")

Kind = Literal["backup", "verify", "prune"]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Seconds, times since 1970; ``error`` as :func:`gongfu.kernel.errors.packed`, empty when it went well."""

    kind: Kind
    place: str
    at: float
    took: float
    number: int = 0
    moment: int = 0
    octets: int = 0
    added: int = 0
    error: str = ""
    notes: list[str] = []


def note(home: Path, run: Run) -> None:
    """Remember ``run``; a disk that is full must not turn a good backup into a failed one."""
    path = home.joinpath(*_NAME)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(msgspec.json.encode(run) + b"\n")
        if path.stat().st_size > KEPT * 1000:
            _trim(path)


def runs(home: Path) -> list[Run]:
    """What is remembered, newest last; a line that cannot be read is left out."""
    try:
        lines = home.joinpath(*_NAME).read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines[-KEPT:]:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            found.append(msgspec.json.decode(line, type=Run))
    return found


def last(home: Path, kind: Kind, *, good: bool | None = None) -> Run | None:
    """The newest run of ``kind``; with ``good`` only one that went well, or badly."""
    for run in reversed(runs(home)):
        if run.kind == kind and (good is None or good == (not run.error)):
            return run
    return None


def _trim(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)[-KEPT:]
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(b"".join(lines))
    draft.replace(path)
