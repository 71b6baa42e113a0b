"""``multipart/x-mixed-replace`` as it comes in: bytes to parts (RFC 2046 §5.1; MTConnect Part 1, streaming). Pure."""

from __future__ import annotations

import re

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.mtconnect.wire import LIMIT, BadDocument

_HEAD = 8192
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*("([^"]{1,200})"|[^\s;"]{1,200})', re.IGNORECASE)
_LENGTH = re.compile(rb"^content-length\s*:\s*(\d{1,12})\s*$", re.IGNORECASE | re.MULTILINE)


def boundary(content_type: str) -> bytes | None:
    """The boundary of a multipart answer, None for any other."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/") or found is None:
        return None
    return (found[2] or found[1]).encode("latin-1", "replace")


class Parts:
    """Fed with bytes, gives whole parts. A part without a length ends where the next boundary begins."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"--" + boundary
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are whole now; raises :class:`BadDocument` when what comes is no such stream."""
        self._data += data
        found: list[bytes] = []
        while (body := self._next()) is not None:
            if body:
                found.append(body)
        return found

    def _next(self) -> bytes | None:
        data = self._data
        start = data.find(self._mark)
        if start < 0:
            if len(data) > _HEAD:
                raise BadDocument(mark("The agent's stream has lost its boundaries."))
            return None
        head = start + len(self._mark)
        end = _end_of_head(data, head)
        if end < 0:
            if len(data) - head > _HEAD:
                raise BadDocument(mark("The agent's stream has lost its boundaries."))
            return None
        length = _LENGTH.search(bytes(data[head:end]).replace(b"\r", b""))
        if length is not None:
            stop = end + int(length[1])
            if stop - end > LIMIT:
                raise BadDocument(mark("The document of the agent is longer than {limit} bytes."), limit=LIMIT)
            if len(data) < stop:
                return None
        else:
            stop = data.find(self._mark, end)
            if stop < 0:
                if len(data) - end > LIMIT:
                    raise BadDocument(mark("The document of the agent is longer than {limit} bytes."), limit=LIMIT)
                return None
        body = bytes(data[end:stop]).strip()
        del data[:stop]
        return body


def _end_of_head(data: bytearray, start: int) -> int:
    """Where the body begins; some agents end lines with a bare line feed."""
    ends = [(at, len(blank)) for blank in (b"\r\n\r\n", b"\n\n") if (at := data.find(blank, start)) >= 0]
    return -1 if not ends else sum(min(ends))
