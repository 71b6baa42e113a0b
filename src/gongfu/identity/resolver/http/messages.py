"""HTTP requests and responses as octets (RFC 9112), as much of them as an API needs. Pure, fuzzed.

Not ASGI, and no uvicorn: its pure-Python parser alone answers a third of what is asked of the resolver, and it does not
hand on the client's certificate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus

MAX_HEAD = 16_384
"""Octets of request line and header fields."""
MAX_BODY = 8_388_608
"""Octets of a body: a batch of a thousand identifiers fits, and no identifier is larger than 262,144."""
_MAX_FIELDS = 100
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP/(\d)\.(\d)")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
JSON = b"application/json;charset=UTF-8"


class BadRequest(Exception):
    """Octets that are no request, or one that is too large; ``status`` is answered and the connection closed."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Request:
    """One request; names of ``headers`` in lower case. ``certificate`` is the client's, DER, its key being proved."""

    method: str
    target: bytes
    headers: dict[bytes, bytes]
    keep: bool = True
    body: bytes = b""
    peer: str = ""
    secure: bool = False
    certificate: bytes | None = None

    @property
    def path(self) -> bytes:
        """What stands before the question mark, still percent-encoded."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> str:
        """What stands behind it."""
        return self.target.partition(b"?")[2].decode("latin-1")

    @property
    def local(self) -> bool:
        """Whether it came from this machine."""
        return self.peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1")


@dataclass(slots=True)
class Response:
    """One response; ``headers`` beyond type and length."""

    status: int
    body: bytes = b""
    kind: bytes = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)

    def encode(self, *, keep: bool, with_body: bool = True) -> bytes:
        """Octets of the whole response; a HEAD request gets everything but the body."""
        lines = [
            b"HTTP/1.1 %d %s" % (self.status, _REASONS.get(self.status, b"")),
            b"Content-Type: " + self.kind,
            b"Content-Length: %d" % len(self.body),
            *(f"{name}: {_one_line(value)}".encode() for name, value in self.headers),
        ]
        if not keep:
            lines.append(b"Connection: close")
        return b"\r\n".join([*lines, b"", self.body if with_body else b""])


def read_head(head: bytes) -> tuple[Request, int]:
    """Request without its body, and the body's length; ``head`` lacks the empty line. Raises :class:`BadRequest`."""
    first, *lines = head.split(b"\r\n")
    found = _REQUEST.fullmatch(first)
    if found is None:
        raise BadRequest(400, "The request line is malformed.")
    method, target, major, minor = found.groups()
    if major != b"1":
        raise BadRequest(505, "HTTP/1.1 is spoken here.")
    if len(lines) > _MAX_FIELDS:
        raise BadRequest(431, f"There are more than {_MAX_FIELDS} header fields.")
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or b"\0" in value or b"\r" in value or b"\n" in value:
            raise BadRequest(400, "A header field is malformed.")
        name = name.lower()
        if name in headers and name in _ONCE:
            raise BadRequest(400, f"{name.decode()} is given twice.")
        headers[name] = value.strip(b" \t")
    if b"transfer-encoding" in headers:
        raise BadRequest(411, "Send the body with its Content-Length.")
    connection = headers.get(b"connection", b"").lower()
    keep = b"close" not in connection and (minor != b"0" or b"keep-alive" in connection)
    return Request(method.decode(), _origin_form(target), headers, keep), _length(headers)


_ONCE = {b"content-length", b"host", b"authorization", b"transfer-encoding"}


def _length(headers: dict[bytes, bytes]) -> int:
    raw = headers.get(b"content-length", b"0")
    if not raw.isdigit() or len(raw) > 18:
        raise BadRequest(400, "Content-Length is no number.")
    if int(raw) > MAX_BODY:
        raise BadRequest(413, f"A body has at most {MAX_BODY} octets.")
    return int(raw)


def _origin_form(target: bytes) -> bytes:
    if target.startswith(b"/"):
        return target
    if target[:8].lower().startswith((b"http://", b"https://")):  # absolute form, as sent to proxies
        return b"/" + target.partition(b"://")[2].partition(b"/")[2]
    if target == b"*":
        return b"/"
    raise BadRequest(400, "The request target is malformed.")


def _one_line(value: str) -> str:
    """Without what could begin another header field; other letters as UTF-8."""
    return re.sub(r"[\x00-\x1f\x7f]", "", value)
