"""Bodies of requests to a ClickHouse HTTP interface: compressed ones, and forms in which clients send parameters."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pyarrow as pa

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark


def form(content_type: str, body: bytes) -> dict[str, str]:
    """Fields of a form: clients send long parameters so."""
    message = BytesParser(policy=policy.HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, str] = {}
    for part in message.iter_parts() if isinstance(message, EmailMessage) else ():
        name, content = part.get_param("name", "", "content-disposition"), part.get_payload(decode=True)
        if part.get_filename() is not None or not isinstance(name, str) or not isinstance(content, bytes):
            raise Invalid(mark("Tables sent along with a query are not supported."))
        fields[name] = content.decode("utf-8", "replace")
    return fields


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """``body`` without its HTTP ``encoding``; raises :class:`Invalid`, also above ``limit`` octets."""
    if encoding.lower() in ("", "identity"):
        return body
    if encoding.lower() not in ("gzip", "lz4", "zstd"):
        raise Invalid(mark("The content encoding {encoding} is not known."), encoding=encoding)
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), encoding.lower()) as stream:
            data: bytes = stream.read(limit + 1)
    except OSError as error:
        raise Invalid(mark("The body cannot be decompressed: {reason}."), reason=error) from error
    if len(data) > limit:
        raise Invalid(mark("A request may hold {limit} bytes."), limit=limit)
    return data
