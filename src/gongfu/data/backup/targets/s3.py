"""Backups behind an S3-compatible address: AWS, MinIO, Ceph, OSS, OBS, COS.

Bucket in the path (``https://host/bucket/key``), signature version 4, large objects in parts, what may succeed later
tried again. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

import httpx
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from gongfu.data.backup.targets.signing import Credentials, encoded_path, encoded_query, sign
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, Unavailable
from gongfu.kernel.i18n import mark

PART: Final = 32 * 1024 * 1024
"""Larger objects are sent in parts of this many octets."""
ATTEMPTS: Final = 6
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})


class S3:
    """See :class:`Target`; objects stand below ``prefix`` in ``bucket``."""

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        prefix: str,
        credentials: Credentials,
        *,
        part: int = PART,
        pause: float = 0.3,
        timeout: float = 60,
    ) -> None:
        self.address = f"s3://{bucket}/{prefix}".rstrip("/")
        self._endpoint = endpoint.rstrip("/")
        self._host = urlsplit(endpoint).netloc
        self._base = f"/{bucket}/"
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._credentials = credentials
        self._part, self._pause = part, pause
        self._ahead = timedelta()
        self._client = httpx.Client(timeout=httpx.Timeout(timeout, connect=10), follow_redirects=False, trust_env=False)

    def put(self, name: str, octets: bytes, *, new: bool = False) -> None:
        """See :class:`Target`."""
        if len(octets) > self._part:
            self._put_parts(name, octets)
            return
        try:
            self._call("PUT", self._prefix + name, octets=octets, headers={"if-none-match": "*"} if new else {})
        except Conflict:
            if self.get(name) != octets:  # else an answer was lost on the way and this is our own object
                raise

    def get(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """See :class:`Target`."""
        headers = {}
        if offset or size is not None:
            headers["range"] = f"bytes={offset}-{'' if size is None else offset + size - 1}"
        return self._call("GET", self._prefix + name, headers=headers).content

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See :class:`Target`."""
        token = ""
        while True:
            query = {"list-type": "2", "prefix": self._prefix + prefix}
            page = _xml(self._call("GET", "", query=query | ({"continuation-token": token} if token else {})))
            for item in _all(page, "Contents"):
                yield _text(item, "Key").removeprefix(self._prefix), int(_text(item, "Size") or 0)
            token = _text(page, "NextContinuationToken")
            if _text(page, "IsTruncated") != "true" or not token:
                return

    def delete(self, name: str) -> None:
        """See :class:`Target`."""
        with contextlib.suppress(NotFound):
            self._call("DELETE", self._prefix + name)

    def close(self) -> None:
        """See :class:`Target`."""
        self._client.close()

    def _put_parts(self, name: str, octets: bytes) -> None:
        key = self._prefix + name
        upload = _text(_xml(self._call("POST", key, query={"uploads": ""})), "UploadId")
        try:
            tags = []
            for number, start in enumerate(range(0, len(octets), self._part), 1):
                query = {"partNumber": str(number), "uploadId": upload}
                sent = self._call("PUT", key, query=query, octets=octets[start : start + self._part])
                tags.append(sent.headers.get("etag", ""))
            listed = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
                for number, tag in enumerate(tags, 1)
            )
            body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
            done = self._call("POST", key, query={"uploadId": upload}, octets=body)
            if b"<Error" in done.content:  # told in a body behind status 200
                raise self._refused(done)
        except GongfuError:
            with contextlib.suppress(GongfuError):
                self._call("DELETE", key, query={"uploadId": upload})
            raise

    def _call(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        octets: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        path, asked = self._base + key, dict(query or {})
        url = f"{self._endpoint}{encoded_path(path)}" + (f"?{encoded_query(asked)}" if asked else "")
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self._pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - a pause
            now = datetime.now(UTC) + self._ahead
            signed = sign(self._credentials, method, path, asked, {"host": self._host, **(headers or {})}, octets, now)
            try:
                answer = self._client.request(method, url, content=octets, headers=signed)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                continue
            if answer.status_code < 300:
                return answer
            reason = f"{answer.status_code} {_code(answer)}"
            if answer.status_code == 403 and _code(answer) == "RequestTimeTooSkewed" and self._follow_clock(answer):
                continue
            if answer.status_code not in _PASSING:
                raise self._refused(answer, key)
        raise Unavailable(
            mark("{place} does not answer as it should: {reason}."),
            remedy=mark("Check the address and the network; what was sent already is used again by the next backup."),
            place=self.address,
            reason=reason,
        )

    def _follow_clock(self, answer: httpx.Response) -> bool:
        """Our clock is wrong: sign with the time of the other side."""
        try:
            self._ahead = parsedate_to_datetime(answer.headers["date"]) - datetime.now(UTC)
        except (KeyError, ValueError, TypeError):
            return False
        return True

    def _refused(self, answer: httpx.Response, key: str = "") -> GongfuError:
        code = _code(answer)
        if answer.status_code in (409, 412):
            return Conflict(
                mark("{name} is there already."),
                remedy=mark("Another program backs up into the same place; give each node its own."),
                name=key,
            )
        if answer.status_code == 404 and code != "NoSuchBucket":
            return NotFound(
                mark("{name} is missing in {place}."),
                remedy=mark("Name the folder or address that gongfu backup wrote to."),
                name=key,
                place=self.address,
            )
        if answer.status_code in (401, 403):
            return Forbidden(
                mark("{place} refuses access: {reason}."),
                remedy=mark("Correct s3_access_key, s3_secret_key and s3_region, or the rights of that user."),
                place=self.address,
                reason=code or answer.status_code,
            )
        return Invalid(
            mark("{place} refuses the request: {reason}."),
            remedy=mark("Check the bucket's name and s3_endpoint."),
            place=self.address,
            reason=f"{answer.status_code} {code}".strip(),
        )


def _xml(answer: httpx.Response) -> Element:
    try:
        root: Element = fromstring(answer.content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Unavailable(
            mark("What answers at {host} is not S3: {reason}."),
            remedy=mark("Correct s3_endpoint."),
            host=answer.request.url.host,
            reason=error,
        ) from error
    return root


def _all(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if child.tag.rpartition("}")[2] == name)


def _text(element: Element, name: str) -> str:
    return next((child.text or "" for child in _all(element, name)), "")


def _code(answer: httpx.Response) -> str:
    try:
        return _text(fromstring(answer.content), "Code")
    except (ParseError, DefusedXmlException, ValueError):
        return ""
