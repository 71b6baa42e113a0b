"""Answers that are sent piece by piece. Django reads a plain iterator to its end before an ASGI server sends any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO, cast

from django.core.files import File
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, HttpRequest, StreamingHttpResponse

_PIECE = 2**16


def download(request: HttpRequest, file: BinaryIO | File[bytes], name: str, content_type: str = "") -> FileResponse:
    """``file`` as an attachment called ``name``; closed when it is sent, or its reader has gone."""
    given = {"content_type": content_type} if content_type else {}
    answer = FileResponse(file, as_attachment=True, filename=name, **given)
    if isinstance(request, ASGIRequest):
        answer.streaming_content = one_by_one(iter(lambda: file.read(_PIECE), b""))
    return answer


def streamed(request: HttpRequest, pieces: Iterator[bytes], content_type: str) -> StreamingHttpResponse:
    """``pieces``, each made when the one before has gone."""
    asynchronous = isinstance(request, ASGIRequest)
    return StreamingHttpResponse(one_by_one(pieces) if asynchronous else pieces, content_type=content_type)


async def one_by_one(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """``pieces`` made in threads; empty ones are left out."""
    while (piece := await asyncio.to_thread(next, cast("Iterator[bytes | None]", pieces), None)) is not None:
        if piece:
            yield piece
