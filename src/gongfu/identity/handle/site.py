"""Where a prefix is served: HS_SITE, and the values that lead from one identifier to another. No input or output.

HS_SITE on the wire (RFC 3651 §3.2.2; Handle.Net writes the same), all integers big endian::

    u16 format | u8 u8 protocol | u16 serial | u8 primary mask | u8 hash option | text hash filter
    u32 number of attributes,  each: text name, text value
    u32 number of servers,     each: u32 number | 16 octets address | u32 length, public key
                                     u32 number of interfaces, each: u8 service | u8 transmission | u32 port

A text is UTF-8 behind its u32 length. An IPv4 address is written as ::ffff:a.b.c.d, as the RFC says; Handle.Net pads
with zeros instead, which is read as well. Which server of a site has an identifier is told by a hash (RFC 3652 §3.1).
"""

from __future__ import annotations

import hashlib
import ipaddress
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from gongfu.identity.handle import names, wire
from gongfu.identity.handle.codes import MAX_HANDLE, MAX_MESSAGE, PORT, VERSION
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.kernel.i18n import mark

HS_SITE = "HS_SITE"
HS_SERV = "HS_SERV"
"""Holds the identifier of the service handle, which holds the HS_SITE values (RFC 3651 §3.2.4)."""
HS_ALIAS = "HS_ALIAS"
"""Holds the identifier that this one is another name of (RFC 3651 §3.2.5)."""
HS_NAMESPACE = "HS_NAMESPACE"
"""Rules of a prefix, an XML text: kept and handed out as it is."""
PREFIX_ROOT = "0.NA"
"""Prefix of the prefix handles: ``0.NA/88.118`` tells where 88.118 is served and who administers it."""

MAX_SERVERS = 256
MAX_ATTRIBUTES = 64
MAX_INTERFACES = 16
_MAX_TEXT = 4_096
_MAX_KEY = 16_384
_PRIMARY = 0x80
_MULTI_PRIMARY = 0x40

_HEAD = struct.Struct(">HBBHBB")
_U32 = struct.Struct(">I")
_INTERFACE = struct.Struct(">BBI")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class HashOption(IntEnum):
    """Which part of an identifier decides its server."""

    PREFIX = 0
    SUFFIX = 1
    HANDLE = 2


class Service(IntFlag):
    """What an interface is for; 0 is out of service."""

    ADMINISTRATION = 1
    RESOLUTION = 2


class Transmission(IntEnum):
    """How an interface is reached; HTTPS is Handle.Net's addition."""

    UDP = 0
    TCP = 1
    HTTP = 2
    HTTPS = 3


BOTH = Service.ADMINISTRATION | Service.RESOLUTION


@dataclass(frozen=True, slots=True)
class Interface:
    """A port of a server; ``transmission`` stays an integer, so that an unknown one does no harm."""

    service: Service
    transmission: int
    port: int


@dataclass(frozen=True, slots=True)
class Server:
    """One machine of a site; ``public_key`` is encoded as in HS_PUBKEY, empty when there is none."""

    number: int
    address: Address
    interfaces: tuple[Interface, ...]
    public_key: bytes = b""

    def port(self, transmission: Transmission, service: Service = Service.RESOLUTION) -> int | None:
        """The port for ``service`` over ``transmission``, or None."""
        return next(
            (item.port for item in self.interfaces if item.transmission == transmission and item.service & service),
            None,
        )


@dataclass(frozen=True, slots=True)
class Site:
    """One copy of a service: all its servers together have all its identifiers."""

    servers: tuple[Server, ...]
    serial: int = 1
    primary: bool = True
    multi_primary: bool = False
    hash_option: HashOption = HashOption.HANDLE
    hash_filter: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    protocol: tuple[int, int] = VERSION
    version: int = 1

    def ordered(self, handle: str) -> tuple[Server, ...]:
        """The server responsible for ``handle``, then the others; empty for a site without servers."""
        if not self.servers:
            return ()
        first = bucket(handle, self.hash_option, len(self.servers))
        return self.servers[first:] + self.servers[:first]


def bucket(handle: str, option: HashOption, buckets: int) -> int:
    """Which of ``buckets`` servers has ``handle`` (RFC 3652 §3.1).

    The last four octets of the MD5 of the part in upper case, as a signed integer, its absolute value, modulo.
    """
    octets = handle.encode(errors="replace").upper()
    prefix, slash, suffix = octets.partition(b"/")
    part = octets
    if option is HashOption.PREFIX and slash:
        part = prefix
    elif option is HashOption.SUFFIX and slash:
        part = suffix
    digest = hashlib.md5(part, usedforsecurity=False).digest()
    return abs(int.from_bytes(digest[-4:], "big", signed=True)) % buckets


def single(address: str, port: int = PORT, *, serial: int = 1, description: str = "") -> Site:
    """A site of one server that answers everything at ``address``; raises :class:`Malformed` when that is no IP."""
    interfaces = (Interface(BOTH, Transmission.TCP, port), Interface(Service.RESOLUTION, Transmission.UDP, port))
    attributes = (("desc", description),) if description else ()
    return Site((Server(1, read_address(address), interfaces),), serial, attributes=attributes)


def read_address(text: str) -> Address:
    """An IP address; raises :class:`Malformed` for anything else, a host name too: HS_SITE has no room for one."""
    try:
        return _plain(ipaddress.ip_address(text.strip()))
    except ValueError as error:
        raise Malformed(
            mark("{address} is not an IP address."),
            remedy=mark("Write it as 192.0.2.7 or 2001:db8::7; a site holds no host names."),
            address=text[:100],
        ) from error


# --- octets ---


def encode(site: Site) -> bytes:
    """Data of an HS_SITE value."""
    mask = (_PRIMARY if site.primary else 0) | (_MULTI_PRIMARY if site.multi_primary else 0)
    parts = [
        _HEAD.pack(site.version, *site.protocol, site.serial, mask, site.hash_option),
        wire.encode_counted(site.hash_filter.encode()),
        _U32.pack(len(site.attributes)),
        *(wire.encode_counted(text.encode()) for pair in site.attributes for text in pair),
        _U32.pack(len(site.servers)),
    ]
    for server in site.servers:
        parts += (
            _U32.pack(server.number),
            _packed(server.address),
            wire.encode_counted(server.public_key),
            _U32.pack(len(server.interfaces)),
            *(_INTERFACE.pack(item.service, item.transmission, item.port) for item in server.interfaces),
        )
    return b"".join(parts)


def decode(data: bytes) -> Site:
    """The site in the data of an HS_SITE value; raises :class:`Malformed`."""
    reader = wire.Reader(data)
    version, major, minor, serial, mask, option = reader.fields(_HEAD, HS_SITE)
    if option not in tuple(HashOption):
        raise Malformed(mark("There is no hash option {number}."), number=option)
    hash_filter = reader.text(_MAX_TEXT, "hash filter")
    attributes = tuple(
        (reader.text(_MAX_TEXT, "attribute"), reader.text(_MAX_TEXT, "attribute"))
        for _ in range(reader.count(MAX_ATTRIBUTES, 8, "attributes"))
    )
    servers = tuple(_server(reader) for _ in range(reader.count(MAX_SERVERS, 28, "servers")))
    if reader.left:
        raise Malformed(mark("{count} octets follow the end of the message."), count=reader.left)
    return Site(
        servers,
        serial,
        bool(mask & _PRIMARY),
        bool(mask & _MULTI_PRIMARY),
        HashOption(option),
        hash_filter,
        attributes,
        (major, minor),
        version,
    )


def _server(reader: wire.Reader) -> Server:
    number = reader.u32("server")
    address = _plain(ipaddress.IPv6Address(reader.octets(16, "address")))
    key = reader.counted(_MAX_KEY, "public key")
    return Server(
        number,
        address,
        tuple(_interface(reader) for _ in range(reader.count(MAX_INTERFACES, _INTERFACE.size, "interfaces"))),
        key,
    )


def _interface(reader: wire.Reader) -> Interface:
    service, transmission, port = reader.fields(_INTERFACE, "interface")
    if not 0 < port < 65_536:
        raise Malformed(mark("There is no port {port}."), port=port)
    return Interface(Service(service & BOTH), transmission, port)


def _plain(address: Address) -> Address:
    """IPv4 where it is one, mapped or padded with zeros; ``::`` and ``::1`` are IPv6's own."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _MAPPED:
            return ipaddress.IPv4Address(address.packed[12:])
        if not any(address.packed[:12]) and int(address) > 1:
            return ipaddress.IPv4Address(address.packed[12:])
    return address


def _packed(address: Address) -> bytes:
    return address.packed if address.version == 6 else _MAPPED.network_address.packed[:12] + address.packed


# --- values that lead on ---


def prefix_handle(prefix: str) -> str:
    """``0.NA/88.118`` for 88.118."""
    return f"{PREFIX_ROOT}/{prefix}"


def is_prefix_handle(key: bytes) -> bool:
    """Whether a key (see :func:`names.key`) is that of a prefix handle."""
    return key.startswith(b"0.NA/")


def lineage(prefix: str) -> list[str]:
    """The prefixes above ``prefix`` and itself, highest first: 88, 88.118, 88.118.1."""
    labels = prefix.split(".")
    return [".".join(labels[: number + 1]) for number in range(len(labels))]


def sites(values: Iterable[wire.Value]) -> tuple[Site, ...]:
    """The sites among ``values``, primary ones last: they are the ones that also have to write.

    A value that cannot be read is left out; raises :class:`Malformed` when none can.
    """
    found: list[Site] = []
    broken: Malformed | None = None
    for value in values:
        if value.type.upper() == HS_SITE:
            try:
                found.append(decode(value.data))
            except Malformed as error:
                broken = error
    if not found and broken is not None:
        raise broken
    return tuple(sorted(found, key=lambda site: site.primary))


def alias(values: Iterable[wire.Value]) -> str | None:
    """The identifier that these values say they are another name of; raises :class:`BadHandle` for one that is none."""
    return _leads_to(values, HS_ALIAS)


def service_handle(values: Iterable[wire.Value]) -> str | None:
    """The identifier that holds the sites (HS_SERV); raises :class:`BadHandle`."""
    return _leads_to(values, HS_SERV)


def _leads_to(values: Iterable[wire.Value], kind: str) -> str | None:
    data = next((value.data for value in values if value.type.upper() == kind), None)
    if data is None:
        return None
    if len(data) > MAX_HANDLE:
        raise BadHandle(mark("The identifier needs a prefix, a slash and a suffix."))
    names.key(data)
    text = data.decode()
    if not text.isprintable():
        raise BadHandle(mark("{handle} holds characters that cannot be seen."), handle=ascii(text))
    return text


# --- referrals ---


@dataclass(frozen=True, slots=True)
class Referral:
    """Body of an answer 302 or 303: ask there (RFC 3652 §3.4); ``handle`` names where its sites stand, may be empty."""

    handle: str
    values: tuple[wire.Value, ...] = ()


def encode_referral(handle: str, values: Sequence[wire.Value] = ()) -> bytes:
    """Body of an answer 302 or 303; values are left out where there are none, as Handle.Net does."""
    return wire.encode_counted(handle.encode()) + (wire.encode_values(values) if values else b"")


def decode_referral(body: bytes) -> Referral:
    """Body of an answer 302 or 303, without a request digest; raises :class:`Malformed`."""
    reader = wire.Reader(body)
    handle = reader.text(min(MAX_HANDLE, MAX_MESSAGE), "referral")
    return Referral(handle, wire.decode_values(reader) if reader.left else ())
