"""One signed request to a paired node and its signed answer. Pure: no database, no Django.

Only the pinned address is called: redirects are not followed, proxies of the environment are not used, and an address
that turns out to be link-local (the metadata services of clouds) or multicast gets no byte.
"""

from __future__ import annotations

import http.client
import ipaddress
import secrets
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gongfu.identity.peers import jws, keys
from gongfu.identity.peers.errors import NotSigned, PeerUnreachable
from gongfu.kernel.i18n import mark

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
LARGEST_ANSWER = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Remote:
    """The node at the other end, as it was pinned."""

    url: str
    public: bytes


def request(key: Ed25519PrivateKey, remote: Remote, path: str, body: bytes, *, now: int) -> bytes:
    """POST ``body``; returns the answer's body once its signature was verified against the pinned key.

    Raises :class:`PeerUnreachable` with what went wrong, also when the other side refused.
    """
    me, them = jws.thumbprint(keys.public_octets(key)), jws.thumbprint(remote.public)
    header = jws.Protected(alg=jws.ALGORITHM, kid=me, aud=them, iat=now, nonce=secrets.token_urlsafe(16), url=path)
    status, signature, answer = _post(remote, path, body, jws.sign(key, header, body))
    if status != http.client.OK:
        raise PeerUnreachable(
            mark("{url} answered {status}: {reason}"),
            remedy=mark("Correct what it names; the message is sent again by itself."),
            url=remote.url,
            status=status,
            reason=_said(answer),
        )
    try:
        detached = jws.read(signature)
        jws.verify(detached, remote.public, answer)
        if (detached.header.aud, detached.header.nonce) != (me, header.nonce):
            raise NotSigned(mark("The answer belongs to another request."))
    except NotSigned as error:
        raise PeerUnreachable(
            mark("What answers at {url} is not the node that was paired: {reason}"),
            remedy=mark("Look at the address; if the node has a new key, pair again."),
            url=remote.url,
            reason=str(error),
        ) from error
    return answer


def _post(remote: Remote, path: str, body: bytes, signature: str) -> tuple[int, str, bytes]:
    parts = urlsplit(remote.url)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=CONNECT_SECONDS, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=CONNECT_SECONDS)
    )
    try:
        connection.connect()
        _check_address(connection.sock.getpeername()[0], remote.url)
        connection.sock.settimeout(ANSWER_SECONDS)
        headers = {"Content-Type": "application/octet-stream", "Accept-Language": "en", jws.HEADER: signature}
        connection.request("POST", parts.path + path, body, headers)
        answer = connection.getresponse()
        octets = answer.read(LARGEST_ANSWER + 1)
        if len(octets) > LARGEST_ANSWER:
            raise http.client.HTTPException("the answer is too large")
        return answer.status, answer.headers.get(jws.HEADER, ""), octets
    except (OSError, http.client.HTTPException) as error:
        raise PeerUnreachable(
            mark("{url} does not answer: {reason}."),
            remedy=mark("Look whether it runs and can be reached; the message is sent again by itself."),
            url=remote.url,
            reason=str(error) or type(error).__name__,
        ) from error
    finally:
        connection.close()


class _Refusal(msgspec.Struct):
    message: str
    remedy: str = ""


def _said(answer: bytes) -> str:
    """The sentences of a refusal; of anything else its beginning."""
    try:
        refusal = msgspec.json.decode(answer, type=_Refusal)
        return f"{refusal.message} {refusal.remedy}".strip()[:800]
    except msgspec.MsgspecError:
        return answer[:200].decode(errors="replace") or "-"


def _check_address(text: str, url: str) -> None:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified:
        raise PeerUnreachable(
            mark("{url} leads to {address}, where no node may stand."),
            remedy=mark("Pair again with the node's real address."),
            url=url,
            address=text,
        )
