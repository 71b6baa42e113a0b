"""Who answers for a code that is not bound here: the scheme's authority, as far as this node has its address. Pure.

Only addresses from the settings are ever called. A code decides what is asked, never whom: a Digital Link of a
stranger's host goes to the configured resolver, and the links that come back are shown, not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from gongfu.identity.schemes import dns, oid
from gongfu.identity.schemes.errors import NotConfigured, UnknownCode
from gongfu.identity.schemes.types import Identifier, Scheme
from gongfu.kernel.i18n import mark


class Authority(StrEnum):
    """Kinds of authorities, by how they are asked."""

    HANDLE = "handle"
    """The recursive resolver of the settings or, without one, this node's own; over the Handle protocol."""
    GS1 = "gs1"
    """A GS1-Conformant resolver, for its link set."""
    DID = "did"
    """A resolver of DIDs (W3C DID Resolution, HTTP binding)."""
    ECODE = "ecode"
    """A resolver of Ecodes (HTTP)."""
    DNS = "dns"
    """A DNS server, for addresses."""
    ORS = "ors"
    """The OID resolution system, in the DNS."""


_AUTHORITY: Mapping[Scheme, Authority] = {
    Scheme.HANDLE: Authority.HANDLE,
    Scheme.VAA: Authority.HANDLE,
    Scheme.GS1: Authority.GS1,
    Scheme.OID: Authority.ORS,
    Scheme.ECODE: Authority.ECODE,
    Scheme.BID: Authority.DID,
    Scheme.DID: Authority.DID,
    Scheme.DNS: Authority.DNS,
}
_SETTING: Mapping[Authority, str] = {
    Authority.GS1: "gs1_resolver_url",
    Authority.DID: "did_resolver_url",
    Authority.ECODE: "ecode_resolver_url",
    Authority.DNS: "dns_server",
    Authority.ORS: "dns_server",
}


@dataclass(frozen=True, slots=True)
class Route:
    """Whom to ask what. ``server`` is an address from the settings, ``question`` what the authority is asked for:
    a URL below ``server``, a name in the DNS, or a handle."""

    authority: Authority
    server: str
    question: str


def route(identifier: Identifier, servers: Mapping[Authority, str]) -> Route:
    """The way to the authority of ``identifier``.

    ``servers`` holds the configured addresses, empty where there is none. Raises :class:`NotConfigured`, and
    :class:`UnknownCode` for a scheme that has no authority (a UUID).
    """
    authority = _AUTHORITY.get(identifier.scheme)
    if authority is None:
        raise UnknownCode(
            mark("Nobody answers for a {scheme}: it is known only where it is registered."),
            remedy=mark("Ask whoever made it, or bind it to an identifier here."),
            scheme=identifier.kind,
        )
    server = servers.get(authority, "")
    if not server:
        raise NotConfigured(
            mark("This node does not know whom to ask about a {scheme}."),
            remedy=mark("Enter the address of its resolver in the setting {setting}."),
            scheme=identifier.kind,
            setting=_SETTING.get(authority, "handle_port"),
        )
    return Route(authority, server, _question(authority, identifier, server))


def _question(authority: Authority, identifier: Identifier, server: str) -> str:
    base = server.rstrip("/")
    if authority is Authority.GS1:
        return f"{base}/{identifier.code}?linkType=linkset"
    if authority is Authority.DID:
        return f"{base}/1.0/identifiers/{quote(identifier.code, safe=':')}"
    if authority is Authority.ECODE:
        return f"{base}/{quote(identifier.code, safe='')}"
    return _domain(identifier.code) if authority is Authority.ORS else identifier.code


def _domain(code: str) -> str:
    name = oid.domain(code)
    if len(name) > dns.LONGEST or any(len(arc) > dns.LONGEST_LABEL for arc in code.split(".")):
        raise UnknownCode(
            mark("This object identifier is too long for the DNS, so nobody can have registered it there."),
            remedy=mark("Ask whoever gave it out."),
        )
    return name


def less_specific(code: str) -> list[str]:
    """A GS1 key with all its qualifiers, then with one less, …, then alone.

    A link given for a product answers for each of its batches and items too (GS1-Conformant Resolver §6.4).

    >>> less_specific("01/09506000134352/10/ABC/21/7")
    ['01/09506000134352/10/ABC/21/7', '01/09506000134352/10/ABC', '01/09506000134352']
    """
    segments = code.split("/")
    return ["/".join(segments[:end]) for end in range(len(segments), 1, -2)]
