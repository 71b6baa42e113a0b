"""HTTP as drivers need it: bounded in time and size, no proxy from the environment, no detour to another host."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache

import httpx
import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable

_HOPS = 5


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. Names of ``headers`` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A question. ``redirects``: same (host), any, or none."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes = b""
    auth: tuple[str, str] | None = None
    """User and password (HTTP Basic), sent to the host of ``url`` only."""
    redirects: str = "same"


def check_url(url: str, option: str) -> None:
    """Raise :class:`BadConfiguration` unless ``url`` is ``http(s)://host…`` without a user in it."""
    try:
        parsed = httpx.URL(url)
        fine = parsed.scheme in ("http", "https") and bool(parsed.host) and not parsed.userinfo
        fine = fine and (parsed.port is None or 0 < parsed.port < 65536)
    except (httpx.InvalidURL, ValueError):
        fine = False
    if not fine:
        raise BadConfiguration(
            mark("The option {option} is no address of a web server."),
            remedy=mark("Write it as http://host:port/path or https://…; user and password are options of their own."),
            option=option,
        )


@asynccontextmanager
async def web_client(
    url: str,
    timeout: float,  # noqa: ASYNC109
    *,
    verify: bool = True,
    ca: str = "",
) -> AsyncIterator[httpx.AsyncClient]:
    """Connections for ``url``; ``timeout`` in seconds is for a connection, and for silence on it.

    ``ca``: certificates of authorities to trust instead of the system's, as PEM text.
    """
    secure = url.startswith("https:")
    try:
        context = _context(verify, ca) if secure else _plain()
    except (ssl.SSLError, ValueError) as error:
        raise BadConfiguration(
            mark("The certificates in the option ca cannot be read: {reason}."),
            remedy=mark("Paste them as PEM text, from BEGIN CERTIFICATE to END CERTIFICATE."),
            reason=error,
        ) from error
    async with httpx.AsyncClient(verify=context, timeout=timeout, trust_env=False, follow_redirects=False) as client:
        yield client


async def fetch(client: httpx.AsyncClient, request: Request, limit: int, timeout: float) -> Answer:  # noqa: ASYNC109
    """The whole answer, at most ``limit`` bytes, within ``timeout`` seconds, whatever its status.

    Raises :class:`DeviceUnavailable`. Follows redirects as ``request`` allows; a method other than GET is not sent
    to another place.
    """
    url, headers = httpx.URL(request.url), {"accept-encoding": "gzip", **request.headers}
    with translated(request.url, timeout):
        async with asyncio.timeout(timeout):
            for _ in range(_HOPS):
                answer = await _once(client, request, url, headers, limit)
                if answer.status not in (301, 302, 303, 307, 308) or "location" not in answer.headers:
                    return answer
                there = url.join(answer.headers["location"])
                same = there.host == url.host and (there.scheme == url.scheme or there.scheme == "https")
                if there.scheme not in ("http", "https") or not (
                    request.method == "GET" and (request.redirects == "any" or (same and request.redirects == "same"))
                ):
                    raise DeviceUnavailable(
                        mark("{url} sends to {there}, which the option redirects does not allow."),
                        url=shown(request.url),
                        there=shown(str(there)),
                    )
                if there.host != url.host or there.port != url.port:
                    headers = {"accept-encoding": "gzip"}  # what it may know, others may not
                url = there
    raise DeviceUnavailable(mark("{url} redirects again and again."), url=shown(request.url))


async def _once(
    client: httpx.AsyncClient, request: Request, url: httpx.URL, headers: Mapping[str, str], limit: int
) -> Answer:
    content = request.body or None
    asked = httpx.URL(request.url)
    at_home = (url.host, url.port) == (asked.host, asked.port)
    auth = httpx.BasicAuth(*request.auth) if request.auth and at_home else None
    async with client.stream(request.method, url, headers=dict(headers), content=content, auth=auth) as response:
        coding = response.headers.get("content-encoding", "identity").lower()
        if coding not in ("identity", "gzip", ""):
            raise DeviceUnavailable(mark("{url} answers in the coding {coding}."), url=shown(str(url)), coding=coding)
        unpack = zlib.decompressobj(31) if coding == "gzip" else None
        body = bytearray()
        async for chunk in response.aiter_raw():
            # One octet more than allowed is enough to know; a small answer may unpack to gigabytes.
            body += unpack.decompress(chunk, limit + 1 - len(body)) if unpack else chunk
            if len(body) > limit:
                raise DeviceUnavailable(
                    mark("The answer of {url} is longer than {limit} bytes."),
                    remedy=mark("Ask for less, or raise the option max_bytes."),
                    url=shown(str(url)),
                    limit=limit,
                )
        if unpack is not None and not unpack.eof:
            raise DeviceUnavailable(mark("The answer of {url} breaks off."), url=shown(str(url)))
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, bytes(body))


class translated:  # noqa: N801 - reads like a statement
    """``with translated(url, timeout):`` turns faults of HTTP into :class:`DeviceUnavailable`."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = shown(url)
        self._timeout = timeout

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Raise the translation."""
        match error:
            case TimeoutError() | httpx.TimeoutException():
                raise DeviceUnavailable(
                    mark("{url} did not answer within {timeout} s."), url=self._url, timeout=f"{self._timeout:g}"
                ) from error
            case httpx.ConnectError() if "CERTIFICATE" in str(error).upper():
                raise DeviceUnavailable(
                    mark("The certificate of {url} is not trusted: {reason}."),
                    remedy=mark("Paste the certificate of its authority into the option ca."),
                    url=self._url,
                    reason=error,
                ) from error
            case httpx.ConnectError():
                raise DeviceUnavailable(
                    mark("Nothing answers at {url}: {reason}."),
                    remedy=mark("Check address, port, network and that the server is on."),
                    url=self._url,
                    reason=error,
                ) from error
            case httpx.HTTPError() | httpx.InvalidURL() | httpx.StreamError() | zlib.error() | OSError():
                raise DeviceUnavailable(
                    mark("The answer of {url} cannot be read: {reason}."),
                    url=self._url,
                    reason=str(error) or type(error).__name__,
                ) from error
            case _:
                return


def shown(url: str) -> str:
    """``url`` without its query, which may hold a key."""
    return url.partition("?")[0][:200]


@lru_cache(maxsize=64)
def _context(verify: bool, ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca or None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=1)
def _plain() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and spares loading the authorities
