"""How far a growing table has been read: by a column that grows, so that no row is lost or doubled. Pure.

Rows with the last value are asked for again, because more of them may come, and known by their content. With an
overlap, so are rows a little before it: a transaction that takes long shows its rows late.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.rows import Cell

Key = int | float | str | Decimal | datetime | date


class _Stored(msgspec.Struct, frozen=True):
    kind: str
    last: str
    seen: list[tuple[str, str]]


class Progress:
    """Where reading goes on. ``overlap``: seconds, when the column holds times; else its own unit."""

    def __init__(self, overlap: float = 0.0, stored: bytes = b"") -> None:
        self._overlap = overlap
        self._last: Key | None = None
        self._seen: dict[str, Key] = {}
        if stored:
            kept = msgspec.json.decode(stored, type=_Stored)
            self._last = _loaded(kept.kind, kept.last)
            self._seen = {digest: _loaded(kept.kind, value) for digest, value in kept.seen}

    @property
    def begin(self) -> Key | None:
        """Rows from this value on are wanted; None: all."""
        return None if self._last is None else _less(self._last, self._overlap)

    def begin_at(self, last: Key) -> None:
        """Take everything up to ``last`` as read, as far as it is there already."""
        self._last = last

    def fresh(self, rows: Sequence[Sequence[Cell]], place: int) -> tuple[list[Sequence[Cell]], Progress]:
        """Those of ``rows`` (in the order of the column at ``place``) that are new, and the progress behind them.

        Raises :class:`Invalid` when the column holds what cannot be ordered.
        """
        found: list[Sequence[Cell]] = []
        after = Progress(self._overlap)
        after._last, after._seen = self._last, dict(self._seen)
        try:
            for row in rows:
                digest = hashlib.sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).hexdigest()[:20]
                key = row[place]
                if isinstance(key, bool | bytes) or key is None:
                    raise TypeError(type(key).__name__)
                if digest not in self._seen:
                    found.append(row)
                    after._seen[digest] = key
                if after._last is None or key > after._last:  # type: ignore[operator]
                    after._last = key
            if after._last is not None:
                begin = _less(after._last, self._overlap)
                after._seen = {digest: key for digest, key in after._seen.items() if key >= begin}  # type: ignore[operator]
        except TypeError as error:
            raise Invalid(mark("The column of the option after cannot be ordered: {reason}."), reason=error) from error
        return found, after

    def stored(self) -> bytes:
        """For :class:`Progress`."""
        if self._last is None:
            return b""
        seen = [(digest, _saved(key)) for digest, key in self._seen.items()]
        return msgspec.json.encode(_Stored(_kind(self._last), _saved(self._last), seen))


def _less(key: Key, overlap: float) -> Key:
    if not overlap:
        return key
    match key:
        case datetime():
            return key - timedelta(seconds=overlap)
        case date():
            return key - timedelta(days=int(overlap // 86_400) + 1)
        case str():
            return key
        case Decimal():
            return key - Decimal(str(overlap))
        case int():
            return key - int(overlap)
        case _:
            return key - overlap


def _kind(key: Key) -> str:
    return type(key).__name__


def _saved(key: Key) -> str:
    return key.isoformat() if isinstance(key, date) else repr(key) if isinstance(key, float) else str(key)


def _loaded(kind: str, text: str) -> Key:
    match kind:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "Decimal":
            return Decimal(text)
        case "datetime":
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo is None else moment.astimezone(UTC)
        case "date":
            return date.fromisoformat(text)
        case _:
            return text
