"""HTTP parsed in C, with the bound on a request's head that neither uvicorn nor llhttp has."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

USUAL: Final = 2**16
"""Octets of request line and headers."""
_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s"
)


def bounded(most: int = USUAL) -> type[HttpToolsProtocol]:
    """The protocol for ``uvicorn.Config(http=…)``: 431 and the end when a head is longer than ``most`` octets.

    Counted are octets since a head, a piece of a body or a request was whole; what one reading of the socket brings
    (256 KiB at most) is not cut. Fields behind a chunked body are passed over: they are no headers (RFC 9110 §6.5.1).
    """
    text = (
        f"请求行和请求头超过 {most} 字节的上限。\nRequest line and headers are longer than {most} octets.\n"
    ).encode()

    class Bounded(HttpToolsProtocol):
        _came = 0
        _on = False
        """Whether the octets at hand completed something."""
        _body = False

        def data_received(self, data: bytes) -> None:
            self._on = False
            super().data_received(data)
            self._came = 0 if self._on else self._came + len(data)
            if self._came > most and not self.transport.is_closing():
                self.transport.write(_TOO_LONG % (len(text), text))
                self.transport.close()

        def on_header(self, name: bytes, value: bytes) -> None:
            if not self._body:
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._on = self._body = True
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._on = True
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._on, self._body = True, False
            super().on_message_complete()

    return Bounded
