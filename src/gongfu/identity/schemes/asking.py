"""Ask an authority over the network, within three seconds, and never follow where it points. No Django.

HTTP goes to the configured server only: redirects are reported as links. Answers are cut at :data:`MOST_OCTETS`.
"""

from __future__ import annotations

import http.client
import secrets
import socket
import ssl
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gongfu.identity.handle import client
from gongfu.identity.schemes import dns_messages, linkset
from gongfu.identity.schemes.dns_messages import Kind, Response
from gongfu.identity.schemes.errors import UnknownCode, Unreachable
from gongfu.identity.schemes.linkset import Link
from gongfu.identity.schemes.routing import Authority, Route
from gongfu.kernel.i18n import mark

SECONDS = 3.0
"""How long an authority may take in all."""
MOST_OCTETS = 262_144
_RESOLV_CONF = Path("/etc/resolv.conf")
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of an answer: its name as the authority writes it, and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authority said; ``took`` in seconds."""

    route: Route
    took: float
    facts: tuple[Fact, ...] = ()
    links: tuple[Link, ...] = ()


def ask(route: Route, seconds: float = SECONDS) -> Answer:
    """The authority's answer.

    Raises :class:`UnknownCode` when it says that there is no such code, :class:`Unreachable` when it does not answer in
    time or not understandably, for a handle also what :func:`gongfu.identity.handle.client.resolve` raises.
    """
    start = time.monotonic()
    if route.authority is Authority.HANDLE:
        host, _, port = route.server.rpartition(":")
        found = client.resolve(route.question, host=host.strip("[]"), port=int(port), timeout=seconds)
        facts = tuple(Fact(value.type, value.text) for value in found.values)
        return Answer(route, time.monotonic() - start, facts)
    if route.authority in (Authority.DNS, Authority.ORS):
        facts, links = _ask_dns(route, start + seconds)
        return Answer(route, time.monotonic() - start, facts, links)
    status, location, body = _get(route, start + seconds)
    took = time.monotonic() - start
    if status in _REDIRECTS:
        safe = linkset.safe(location)
        return Answer(route, took, (), (Link("", safe, "", (), ""),) if safe else ())
    if status in (404, 410):
        raise _unknown(route)
    if status != 200:
        raise _silent(route, f"HTTP {status}")
    if route.authority is Authority.GS1:
        return Answer(route, took, (), tuple(_links(route, body)))
    return Answer(route, took, _facts(route, body))


def _get(route: Route, until: float) -> tuple[int, str, bytes]:
    """Status, ``Location`` and body of a GET; the whole within the deadline, drop by drop or not."""
    parts = urlsplit(route.question)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    accept = linkset.MEDIA_TYPE if route.authority is Authority.GS1 else "application/json, application/did+ld+json"
    connection = kind(parts.hostname or "", parts.port, timeout=_left(route, until))
    try:
        connection.request("GET", target, headers={"Accept": accept, "User-Agent": "gongfu"})
        answer = connection.getresponse()
        body = b""
        while len(body) <= MOST_OCTETS:
            left = _left(route, until)
            if connection.sock is not None:
                connection.sock.settimeout(left)
            piece = answer.read1(65_536)
            if not piece:
                break
            body += piece
        return answer.status, answer.headers.get("Location", ""), body
    except (OSError, ssl.SSLError, http.client.HTTPException, ValueError) as error:
        raise _silent(route, _reason(error)) from error
    finally:
        connection.close()


def _left(route: Route, until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise _silent(route, "timed out")
    return left


def _reason(error: Exception) -> str:
    return "timed out" if isinstance(error, TimeoutError) else (getattr(error, "strerror", "") or type(error).__name__)


def _silent(route: Route, reason: str) -> Unreachable:
    return Unreachable(
        mark("{server}, which answers for this code, cannot be reached: {reason}."),
        remedy=mark("Try again later; if it stays so, check the address in the settings."),
        server=_shown(route.server),
        reason=reason,
    )


def _unknown(route: Route) -> UnknownCode:
    return UnknownCode(
        mark("{server} knows nothing of this code."),
        remedy=mark("Check the characters, or ask whoever gave it out."),
        server=_shown(route.server),
    )


def _shown(server: str) -> str:
    """Without a user's name and password."""
    scheme, divider, rest = server.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if divider else server


def _links(route: Route, body: bytes) -> list[Link]:
    try:
        return linkset.decode(body)
    except linkset.BadLinkset as error:
        raise _silent(route, error.text()) from error


_Flat = dict[str, object]


def _facts(route: Route, body: bytes) -> tuple[Fact, ...]:
    """The members of a JSON object, nested ones by their path; at most 100."""
    try:
        document = msgspec.json.decode(body, type=_Flat)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _silent(route, "not JSON") from error
    found: list[Fact] = []
    pending: list[tuple[str, object]] = list(reversed(document.items()))
    while pending and len(found) < 100:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{name}.{key}", inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            pending += [(f"{name}.{place}", inner) for place, inner in reversed(list(enumerate(value)))]
        else:
            found.append(Fact(name[:200], str(value)[:2000]))
    return tuple(found)


# --- DNS ---


def nameserver(configured: str) -> str:
    """``host:port`` of the DNS server: the configured one, else the system's first; empty when there is none."""
    if configured:
        host, colon, port = configured.rpartition(":")
        return configured if colon and port.isdigit() and host else f"{configured}:53"
    try:
        lines = _RESOLV_CONF.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    words = [line.split() for line in lines]
    found = next((word[1] for word in words if len(word) > 1 and word[0] == "nameserver"), "")
    return (f"[{found}]:53" if ":" in found else f"{found}:53") if found else ""


def _ask_dns(route: Route, until: float) -> tuple[tuple[Fact, ...], tuple[Link, ...]]:
    kinds: Sequence[Kind] = (Kind.NAPTR,) if route.authority is Authority.ORS else (Kind.A, Kind.AAAA)
    facts: list[Fact] = []
    links: list[Link] = []
    for kind in kinds:
        response = _query(route, kind, until)
        if response.code == 3:
            raise _unknown(route)
        if response.code:
            raise _silent(route, f"RCODE {response.code}")
        for record in response.records:
            fact = Fact(record.kind.name, record.value)
            if fact not in facts:
                facts.append(fact)
            service, address = dns_messages.naptr_target(record) if record.kind is Kind.NAPTR else ("", "")
            if linkset.safe(address):
                links.append(Link(service, address, service, (), ""))
    if not facts:
        raise _unknown(route)
    return tuple(facts), tuple(links)


def _query(route: Route, kind: Kind, until: float) -> Response:
    host, _, port = route.server.rpartition(":")
    number = secrets.randbits(16)
    packet = dns_messages.question(number, route.question, kind)
    try:
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.connect(address)  # answers of others are not delivered
            udp.send(packet)
            while True:
                udp.settimeout(_left(route, until))
                found = dns_messages.answer(udp.recv(65_535), number, route.question, kind)
                if found is not None:
                    break
        return _query_tcp(route, kind, until, packet, number) if found.truncated else found
    except (OSError, ValueError) as error:
        raise _silent(route, _reason(error)) from error


def _query_tcp(route: Route, kind: Kind, until: float, packet: bytes, number: int) -> Response:
    host, _, port = route.server.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_left(route, until)) as tcp:
        tcp.sendall(struct.pack(">H", len(packet)) + packet)
        size = struct.unpack(">H", _exactly(route, tcp, 2, until))[0]
        found = dns_messages.answer(_exactly(route, tcp, size, until), number, route.question, kind)
    if found is None:
        raise _silent(route, "another answer")
    return found


def _exactly(route: Route, tcp: socket.socket, size: int, until: float) -> bytes:
    octets = b""
    while len(octets) < size:
        tcp.settimeout(_left(route, until))
        piece = tcp.recv(size - len(octets))
        if not piece:
            raise _silent(route, "closed")
        octets += piece
    return octets
