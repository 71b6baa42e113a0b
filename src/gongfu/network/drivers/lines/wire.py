"""Bytes as they come, cut into lines; check sums of lines. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import reduce

import msgspec

_STX = b"\x02"
_PADDING = b"\0\x02\x03\r\n"
"""Nothing that belongs to the text of a line: framing of one kind inside another."""


class Terminator(StrEnum):
    """What ends a line. ``any``: CR, LF, or both. ``idle``: nothing, but a pause follows."""

    ANY = "any"
    CRLF = "crlf"
    CR = "cr"
    LF = "lf"
    ETX = "etx"
    IDLE = "idle"


class Checksum(StrEnum):
    """How a line proves that it is whole; see the README."""

    NONE = "none"
    XOR = "xor"
    SUM8 = "sum8"
    NMEA = "nmea"


_ENDS = {
    Terminator.ANY: re.compile(rb"[\r\n]+"),
    Terminator.CRLF: re.compile(rb"\r\n"),
    Terminator.CR: re.compile(rb"\r"),
    Terminator.LF: re.compile(rb"\n"),
    Terminator.ETX: re.compile(rb"\x03"),
}


class Cut(msgspec.Struct, frozen=True):
    """``lines`` that are complete, and how many were ``too_long`` and are lost."""

    lines: tuple[bytes, ...] = ()
    too_long: int = 0


class Splitter:
    """Bytes of one connection. Lines longer than ``longest`` are left out whole; empty ones mean nothing."""

    def __init__(self, terminator: Terminator, longest: int) -> None:
        self._end = _ENDS.get(terminator)
        self._etx = terminator is Terminator.ETX
        self._longest = longest
        self._rest = b""
        self._skipping = False

    @property
    def waiting(self) -> bool:
        """Whether the beginning of a line is there."""
        return bool(self._rest) or self._skipping

    def feed(self, data: bytes) -> Cut:
        """The lines that ``data`` completes."""
        parts = self._end.split(self._rest + data) if self._end is not None else [self._rest + data]
        # "any" may be split inside its own end, which looks like an empty line and means nothing.
        whole, self._rest = parts[:-1], parts[-1]
        cut = self._clean(whole)
        if len(self._rest) > self._longest:
            lost = 0 if self._skipping else 1
            self._skipping, self._rest = True, b""
            cut = Cut(cut.lines, cut.too_long + lost)
        elif self._skipping:
            self._rest = b""
        return cut

    def flush(self) -> Cut:
        """The line that a pause, or the end of the connection, completes."""
        whole, self._rest = [self._rest], b""
        return self._clean(whole)

    def _clean(self, whole: list[bytes]) -> Cut:
        lines: list[bytes] = []
        too_long = 0
        for number, raw in enumerate(whole):
            if self._skipping and number == 0:  # the end of what was too long, and counted
                self._skipping = False
                continue
            if len(raw) > self._longest:
                too_long += 1
                continue
            text = raw.rpartition(_STX)[2] if self._etx else raw
            text = text.strip(_PADDING)
            if text:
                lines.append(text)
        return Cut(tuple(lines), too_long)


def checked(line: bytes, checksum: Checksum) -> bytes | None:
    """``line`` without its check sum; None when that is wrong or missing."""
    match checksum:
        case Checksum.NONE:
            return line
        case Checksum.NMEA:  # $text*hh, the exclusive-or of the text (NMEA 0183)
            start = line.find(b"$")
            text, star, digits = line[start + 1 :].rpartition(b"*")
            return line if start >= 0 and star and _value(digits) == _xor(text) else None
        case _:
            text, digits = line[:-2], line[-2:]
            wanted = _xor(text) if checksum is Checksum.XOR else sum(text) & 0xFF
            return text if text and _value(digits) == wanted else None


def with_checksum(text: bytes, checksum: Checksum) -> bytes:
    """The reverse of :func:`checked`; for simulators."""
    match checksum:
        case Checksum.NONE:
            return text
        case Checksum.NMEA:
            return b"$%s*%02X" % (text, _xor(text))
        case Checksum.XOR:
            return b"%s%02X" % (text, _xor(text))
        case Checksum.SUM8:
            return b"%s%02X" % (text, sum(text) & 0xFF)


def _xor(data: bytes) -> int:
    return reduce(int.__xor__, data, 0)


def _value(digits: bytes) -> int:
    """Two hexadecimal digits as a number, -1 for anything else."""
    return int(digits, 16) if re.fullmatch(rb"[0-9A-Fa-f]{2}", digits) else -1
