"""Where a device is reached, from the options of its driver. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from gongfu.network.drivers import registry
from gongfu.network.map.shapes import Readiness

_PORTS = {"opc.tcp": 4840, "http": 80, "https": 443, "mqtt": 1883, "mysql": 3306, "postgresql": 5432}
"""Of schemes whose addresses may leave the port out: OPC UA Part 6 §7.2, RFC 9110 §4.2, IANA."""


class Address(msgspec.Struct, frozen=True):
    """A host with the port of the service; 0 when the driver names none."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def address_of(driver: str, options: Mapping[str, object]) -> Address | None:
    """The address that ``options`` name; None for what has none: a serial line, a file, a client of the broker."""
    if driver not in registry.names():
        return None
    known = registry.manifest(driver).options
    for name in ("endpoint", "url"):
        if name in known and isinstance(text := options.get(name, known[name].default), str) and "://" in text:
            return _of_url(text)
    if "host" not in known:
        return None
    host = options.get("host", known["host"].default)
    port = options.get("port", known["port"].default if "port" in known else 0)
    if not isinstance(host, str) or not host.strip():
        return None
    return Address(_plain(host), port if isinstance(port, int) and 0 < port < 2**16 else 0)


def of_text(text: str) -> Address | None:
    """``192.168.1.2``, ``switch-3:22``, ``[fd00::1]:161``, ``fd00::1``; None for nothing and for what is no address."""
    text = text.strip()
    try:
        return Address(str(ipaddress.ip_address(text)))
    except ValueError:
        pass
    return _of_url(f"any://{text}") if text and not any(sign in text for sign in "/ @?#") else None


def readiness(address: str) -> Readiness:
    """What a literal address says by itself; UNKNOWN for a name."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return Readiness.UNKNOWN
    if isinstance(found, ipaddress.IPv4Address) or found.ipv4_mapped:
        return Readiness.NONE
    if found.is_link_local or found.is_loopback or found.is_unspecified or found.is_multicast:
        return Readiness.LOCAL
    return Readiness.ADDRESSED


def _of_url(text: str) -> Address | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or len(parts.hostname) > 253:
        return None
    return Address(parts.hostname, port or _PORTS.get(parts.scheme.partition("+")[0], 0))


def _plain(host: str) -> str:
    return host.strip().strip("[]")[:253]
