"""What processes print: prefixed lines on the terminal, and files that do not grow for ever."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FILE_BYTES = 10_000_000
FILES = 3
"""A log is cut at 10 MB; the two before it are kept."""
LINE_BYTES = 64_000
"""A longer line is written in pieces, so that a process that never ends a line cannot fill memory."""
_COLOURS = (36, 32, 33, 35, 34, 96, 92, 95)


class Output:
    """Where the lines of one process go. A full disk loses log lines, never the process."""

    def __init__(self, name: str, file: Path, position: int) -> None:
        label = f"{name:<11} │ "
        if sys.stderr.isatty():
            label = f"\x1b[{_COLOURS[position % len(_COLOURS)]}m{label}\x1b[0m"
        self._prefix = label.encode()
        self._path = file
        self._rest = b""
        self._size = 0
        self._file = -1
        self._open()

    def feed(self, data: bytes) -> None:
        """Take what the process has printed; whole lines are passed on."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            rest = line
            while len(rest) > LINE_BYTES:
                self._write(rest[:LINE_BYTES])
                rest = rest[LINE_BYTES:]
            self._write(rest)
        while len(self._rest) > LINE_BYTES:
            self._write(self._rest[:LINE_BYTES])
            self._rest = self._rest[LINE_BYTES:]

    def close(self) -> None:
        """Pass on an unfinished line and close the file."""
        if self._rest:
            self._write(self._rest)
            self._rest = b""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: bytes) -> None:
        try:
            sys.stderr.buffer.write(self._prefix + line + b"\n")
            sys.stderr.buffer.flush()
        except (OSError, ValueError):
            pass  # the terminal has gone; the file remains
        try:
            if self._size > FILE_BYTES:
                self._rotate()
            if self._file >= 0:
                self._size += os.write(self._file, line + b"\n")
        except OSError:
            pass

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
        except OSError:
            self._file = -1

    def _rotate(self) -> None:
        os.close(self._file)
        self._file = -1
        for number in range(FILES - 1, 0, -1):
            source = self._path if number == 1 else self._path.with_suffix(f".log.{number - 1}")
            if source.exists():
                source.replace(self._path.with_suffix(f".log.{number}"))
        self._open()
