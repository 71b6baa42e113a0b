"""Becoming an edge node: one request to the node's console, with a token that is good once."""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import platform
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.edge import credentials
from gongfu.network.edge.contract import JOIN_PATH, JoinAnswer, JoinRequest, check_code
from gongfu.network.edge.credentials import Membership

TIMEOUT = 15.0
_LONGEST = 1_000_000
_KINDS: dict[int, type[GongfuError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 422: Invalid}


def join(home: Path, url: str, token: str, *, ca: Path | None = None) -> Membership:
    """Join the node at ``url`` and keep what it answers. ``ca`` is a PEM file of who signed its certificate.

    Raises :class:`Conflict` when the machine is an edge already; the node's refusal as the class it has there;
    :class:`Unavailable` when the node does not answer. Redirections are not followed: the token is for this host.
    """
    if credentials.path(home).exists():
        raise Conflict(
            mark("This machine is an edge node already."),
            remedy=mark("Leave first: gongfu edge leave. What it has not forwarded yet is lost to the other node."),
        )
    request = JoinRequest(
        token=token,
        name=socket.gethostname()[:200],
        version=importlib.metadata.version("gongfu"),
        platform=f"{platform.platform()} Python {platform.python_version()}"[:200],
        time=time.time_ns() // 1000,
    )
    url = url.rstrip("/")
    pem = ca.read_text(encoding="ascii", errors="replace") if ca else ""
    try:
        answer = msgspec.json.decode(_post(url, msgspec.json.encode(request), pem), type=JoinAnswer)
    except msgspec.DecodeError as error:
        raise Unavailable(
            mark("{url} does not answer as a node of Gongfu: {reason}."),
            remedy=mark("Give the address of the node's console."),
            url=url,
            reason=error,
        ) from error
    check_code(answer.edge)
    membership = Membership(url, answer, pem)
    credentials.save(home, membership)
    return membership


def _post(url: str, body: bytes, ca: str) -> bytes:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise Invalid(
            mark("{url} is not the address of a node."), remedy=mark("Use https://name or http://name:port."), url=url
        )
    try:
        connection = connect(url, ca, TIMEOUT)
        try:
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            connection.request("POST", parts.path.rstrip("/") + JOIN_PATH, body, headers)
            with connection.getresponse() as response:
                data = response.read(_LONGEST + 1)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(
            mark("The node at {url} does not answer: {reason}."),
            remedy=mark("Check the address and the network, then try again: the token has not been used."),
            url=url,
            reason=str(error) or type(error).__name__,
        ) from error
    if response.status not in (200, 201):
        kind = _KINDS.get(response.status, Unavailable)
        raise kind(mark("The node refused: {reason}"), reason=_reason(data, response.status))
    return data


def connect(url: str, ca: str, timeout: float) -> http.client.HTTPConnection:
    """A connection to the console at ``url``; ``ca`` is PEM, empty for what the system trusts."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    context = ssl.create_default_context(cadata=ca or None)
    return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=context)


def _reason(data: bytes, status: int) -> str:
    """The node's own words, if it has some."""
    try:
        said = json.loads(data[:10_000])
        words = [said[key] for key in ("message", "remedy", "detail") if isinstance(said.get(key), str)]
    except (ValueError, AttributeError):
        words = []
    return " ".join(words)[:500] or f"HTTP {status}"
