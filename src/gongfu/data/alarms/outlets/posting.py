"""Posting to addresses that users enter, without letting them reach into the node's own network.

The name is resolved once, every address it has must be public or allowed by the setting ``outlet_networks``, and the
connection goes to the address that was looked at: a second look-up could say something else (DNS rebinding).
Redirects are not followed.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from gongfu.data.alarms.outlets.letter import Reply, Request
from gongfu.kernel.errors import Forbidden, Invalid, Unavailable
from gongfu.kernel.i18n import mark

SECONDS: Final = 10.0
_MOST_REPLY: Final = 65_536


def check_address(address: str) -> None:
    """Raise :class:`Invalid` unless ``address`` is one that can be posted to."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or parts.username is not None:
        raise Invalid(mark("This is no address to post to."), remedy=mark("Use https://name/path."))
    if any(letter.isspace() or ord(letter) < 32 for letter in address):
        raise Invalid(mark("This is no address to post to."), remedy=mark("Use https://name/path."))


def post(request: Request, allowed: Sequence[str]) -> Reply:
    """The answer. Raises :class:`Forbidden` for an address in a network that is not allowed, :class:`Unavailable`.

    ``allowed``: networks such as 192.168.1.0/24 that may be reached although they are private.
    """
    check_address(request.url)
    parts = urlsplit(request.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    try:
        sock = socket.create_connection((_resolved(host, port, allowed), port), timeout=SECONDS)
        with sock:
            if parts.scheme == "https":
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
            connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
            connection.sock = sock
            headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "gongfu", **request.headers}
            connection.request("POST", target, body=request.body, headers=headers)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.read(_MOST_REPLY))
            connection.close()
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise Unavailable(
            mark("{host} did not take the message: {reason}."), host=host, reason=type(error).__name__
        ) from error
    return reply


def _resolved(host: str, port: int, allowed: Sequence[str]) -> str:
    networks = [ipaddress.ip_network(one, strict=False) for one in allowed]
    found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for one in found:
        address = ipaddress.ip_address(one.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        inside = any(address.version == network.version and address in network for network in networks)
        if not inside and (not address.is_global or address.is_multicast):
            raise Forbidden(
                mark("{host} lies in a network that outlets may not reach."),
                remedy=mark("Whoever runs the node may allow it: setting outlet_networks."),
                host=host,
            )
    return sorted(found)[0]
