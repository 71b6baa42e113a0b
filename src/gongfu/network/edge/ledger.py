"""What of a local stream was forwarded: a file of intervals that survives ``kill -9``.

Forwarding goes in *blocks*, runs of sequence numbers. A block is written down before its first message leaves, so
that after a crash exactly the same messages leave again, under the same ids, and the node recognises what it has.

The file has one JSON list a line: ``["stream", incarnation]``, ``["floor", n]`` (everything up to n is done),
``["sent", first, last, shift]``, ``["done", first, last]``. A line that was cut off by a crash was not acted upon.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from gongfu.network.edge.contract import ForwardOrder

UNKNOWN_SHIFT = "?"
"""In place of a shift: nobody knows how wrong the clock was."""
_COMPACT = 4000
"""Lines after which the file is written anew."""

Shift = int | str


class Block(msgspec.Struct, frozen=True, order=True):
    """Sequence numbers ``first`` … ``last``; ``shift`` in microseconds is added to their times."""

    first: int
    last: int
    shift: Shift = 0


_lines: msgspec.json.Decoder[list[str | int]] = msgspec.json.Decoder(list[str | int])


class Ledger:
    """The intervals of one stream. ``incarnation`` names the stream: of another one, nothing was forwarded."""

    def __init__(self, path: Path, incarnation: str) -> None:
        self._path = path
        self.incarnation = incarnation
        self.floor = 0
        self.sent: dict[int, Block] = {}
        """Blocks that left and are not confirmed, by their first number."""
        self._done: list[tuple[int, int]] = []
        """Confirmed intervals above the floor, sorted, with gaps between them."""
        self._read()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._compact()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def plan(self, block: Block) -> None:
        """``block`` is about to leave."""
        self.sent[block.first] = block
        self._write(["sent", block.first, block.last, block.shift])

    def confirm(self, first: int, last: int) -> bool:
        """Everything from ``first`` to ``last`` is with the node, or gone; True when the floor has risen."""
        self.sent.pop(first, None)
        before = self.floor
        self._add(first, last)
        self._write(["done", first, last])
        if self._count > _COMPACT:
            os.close(self._file)
            self._compact()
        return self.floor > before

    def skip_to(self, floor: int) -> None:
        """Nothing up to ``floor`` is there any more."""
        if floor > self.floor:
            self._add(self.floor + 1, floor)
            self._write(["floor", self.floor])

    def next(self, order: ForwardOrder, last: int, most: int) -> tuple[int, int] | None:
        """The interval that should be sent next of those up to ``last``, at most ``most`` long; None: there is none."""
        taken = sorted([*self._done, *((block.first, block.last) for block in self.sent.values())])
        if order is ForwardOrder.OLDEST:
            begin = self.floor + 1
            for first, end in taken:
                if begin < first:
                    return begin, min(first - 1, last, begin + most - 1)
                begin = end + 1
            return (begin, min(last, begin + most - 1)) if begin <= last else None
        end = last
        for first, until in reversed(taken):
            if until < end:
                return max(until + 1, end - most + 1), end
            end = min(end, first - 1)
        return (max(self.floor + 1, end - most + 1), end) if end > self.floor else None

    def waiting(self, last: int) -> int:
        """How many numbers up to ``last`` are not confirmed."""
        return max(0, last - self.floor - sum(end - first + 1 for first, end in self._done))

    def _add(self, first: int, last: int) -> None:
        merged: list[tuple[int, int]] = []
        for begin, end in sorted([*self._done, (first, last)]):
            if merged and begin <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((begin, end))
        while merged and merged[0][0] <= self.floor + 1:
            self.floor = max(self.floor, merged.pop(0)[1])
        self._done = merged

    def _read(self) -> None:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        if not lines or lines[0] != msgspec.json.encode(["stream", self.incarnation]):
            return
        for line in lines[1:]:
            try:
                self._take(_lines.decode(line))
            except (msgspec.DecodeError, ValueError):
                continue  # the last line of a crash

    def _take(self, line: list[str | int]) -> None:
        match line:
            case ["floor", int(floor)]:
                self._add(1, floor)
            case ["done", int(first), int(last)] if first <= last:
                self.sent.pop(first, None)
                self._add(first, last)
            case ["sent", int(first), int(last), shift] if first <= last:
                self.sent[first] = Block(first, last, shift)

    def _write(self, line: list[str | int]) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")
        self._count += 1

    def _compact(self) -> None:
        lines: list[list[str | int]] = [["stream", self.incarnation], ["floor", self.floor]]
        lines += [["done", first, last] for first, last in self._done]
        lines += [["sent", block.first, block.last, block.shift] for block in self.sent.values()]
        draft = self._path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._count = len(lines)
