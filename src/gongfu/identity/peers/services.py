"""The only door to paired nodes: pair with them, call them, know who calls."""

from __future__ import annotations

import random
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from typing import TypeVar

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from gongfu.identity.peers import channel, jws, keys, rules
from gongfu.identity.peers.errors import NotSigned, PeerUnreachable, Replayed
from gongfu.identity.peers.models import Nonce, Peer
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

_T = TypeVar("_T")
PAIR_PATH = "/api/v1/identity/pairing"


class PairRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the node below sends to take up an invitation."""

    invitation: str
    proof: str
    name: str
    url: str
    key: str
    exchange: str


class PairAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the node above says to it."""

    name: str
    exchange: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and the number it bore; the answer is signed for both."""

    peer: Peer
    nonce: str
    path: str


def operator() -> Organisation:
    """The organisation that runs this node; raises :class:`Conflict` before there is one."""
    found = Organisation.objects.filter(parent=None).order_by("pk").first()
    if found is None:
        raise Conflict(mark("This node has no operator yet."), remedy=mark("Start it once with gongfu up."))
    return found


def own_node() -> str:
    """Thumbprint of this node's key."""
    return keys.node_id(settings().home)


def above() -> QuerySet[Peer]:
    """Nodes that this one is paired with and that stand above it."""
    return Peer.objects.filter(role=Peer.Role.ABOVE, state=Peer.State.PAIRED)


# --- pairing ---


def invite(user: User, name: str, url: str) -> tuple[Peer, str]:
    """Let a node below pair with this one; the code is shown once and holds for a day. Raises :class:`Invalid`."""
    if not name.strip():
        raise Invalid(mark("The node needs a name."), remedy=mark("Enter what its operator calls it."))
    secret = secrets.token_bytes(32)
    peer = Peer(
        organisation=operator(),
        created_by=user,
        name=name.strip()[:80],
        role=Peer.Role.BELOW,
        url=rules.check_url(url),
        invitation=secrets.token_urlsafe(12),
        secret_digest=rules.digest(secret).hex(),
        invited_until=timezone.now() + rules.CODE_LIFETIME,
    )
    with transaction.atomic():
        peer.save()
        audit.record(user, "create", peer, after=audit.state(peer))
    public = keys.public_octets(keys.signing_key(settings().home))
    return peer, rules.write_code(rules.PairingCode(settings().url, public, peer.invitation, secret))


def join(user: User, text: str, name: str = "") -> Peer:
    """Pair with the node above that gave out the code ``text``.

    Raises :class:`Invalid` for a code that is none, :class:`PeerUnreachable` when that node does not answer or refuses.
    """
    code = rules.read_code(text)
    home = settings().home
    key = keys.signing_key(home)
    node, own = jws.thumbprint(code.key), own_node()
    if node == own:
        raise Invalid(mark("This is a code of this node itself."), remedy=mark("Enter it at the node below."))
    if Peer.objects.filter(node=node).exists():
        raise Conflict(mark("This node is paired with that one already."), remedy=mark("Remove the pairing first."))
    wanted = PairRequest(
        invitation=code.invitation,
        proof=rules.proof(rules.digest(code.secret), node, own),
        name=settings().node,
        url=settings().url,
        key=jws.encode64(keys.public_octets(key)),
        exchange=jws.encode64(keys.public_octets(keys.exchange_key(home))),
    )
    remote = channel.Remote(code.url, code.key)
    octets = channel.request(key, remote, PAIR_PATH, msgspec.json.encode(wanted), now=int(time.time()))
    answer = decoded(octets, PairAnswer)
    peer = Peer(
        organisation=operator(),
        created_by=user,
        name=(name.strip() or answer.name)[:80],
        role=Peer.Role.ABOVE,
        url=code.url,
        state=Peer.State.PAIRED,
        public_key=jws.encode64(code.key),
        exchange_key=_key(answer.exchange),
        node=node,
        heard_at=timezone.now(),
    )
    with transaction.atomic():
        peer.save()
        audit.record(user, "create", peer, after=audit.state(peer))
    return peer


def accept_pairing(request: HttpRequest) -> HttpResponse:
    """A node below takes up its invitation; sending it again changes nothing.

    Raises :class:`NotSigned`, :class:`Forbidden` for a wrong, used or outdated code or another address.
    """
    body = request.body
    wanted = decoded(body, PairRequest)
    detached = jws.read(request.headers.get(jws.HEADER, ""))
    public = _octets(wanted.key)
    jws.verify(detached, public, body)
    node, own = jws.thumbprint(public), own_node()
    _check_header(detached, node, request.path_info)
    rules.check_clock(detached.header.iat, int(time.time()), wanted.name[:80])
    with transaction.atomic():
        peer = Peer.objects.select_for_update().filter(role=Peer.Role.BELOW, invitation=wanted.invitation).first()
        known = bytes.fromhex(peer.secret_digest) if peer and wanted.invitation else secrets.token_bytes(32)
        fits = compare_digest(rules.proof(known, own, node), wanted.proof)
        again = peer is not None and peer.node == node
        if peer is None or not fits or peer.node not in ("", node) or not (again or _is_open(peer)):
            raise Forbidden(
                mark("This pairing code is wrong, used or outdated."), remedy=mark("Ask the node above for a new one.")
            )
        if rules.check_url(wanted.url) != peer.url:
            raise Forbidden(
                mark("The node says its address is {theirs}; the operator above has entered {ours}."),
                remedy=mark("Set public_url of the node below to that address, or invite it again."),
                theirs=wanted.url,
                ours=peer.url,
            )
        if not again:
            if Peer.objects.filter(node=node).exists():
                raise Conflict(mark("This node is paired already."), remedy=mark("Remove the earlier pairing first."))
            before = audit.state(peer)
            peer.node, peer.public_key, peer.exchange_key = node, wanted.key, _key(wanted.exchange)
            peer.state, peer.heard_at = Peer.State.PAIRED, timezone.now()
            peer.save()
            audit.record(f"node {wanted.name}"[:64], "pair", peer, before=before, after=audit.state(peer))
    exchange = jws.encode64(keys.public_octets(keys.exchange_key(settings().home)))
    answer = PairAnswer(name=settings().node, exchange=exchange)
    return reply(Caller(peer, detached.header.nonce, request.path_info), msgspec.json.encode(answer))


def suspend(peer: Peer) -> None:
    """Neither call it nor listen to it until :func:`resume`."""
    _switch(peer, Peer.State.PAIRED, Peer.State.SUSPENDED)


def resume(peer: Peer) -> None:
    """Talk to it again, at once."""
    peer.failures, peer.next_attempt_at = 0, None
    _switch(peer, Peer.State.SUSPENDED, Peer.State.PAIRED)


# --- talking ---


def call(peer: Peer, path: str, body: bytes) -> bytes:
    """Send ``body`` to a paired node; returns what it answered. Call it outside a transaction.

    Raises :class:`PeerUnreachable`, and leaves it with the peer together with the time of the next attempt.
    """
    if peer.state != Peer.State.PAIRED:
        raise PeerUnreachable(mark("{name} is not paired."), remedy=mark("Pair it, or resume it."), name=peer.name)
    try:
        answer = channel.request(keys.signing_key(settings().home), peer.remote, path, body, now=int(time.time()))
    except PeerUnreachable as error:
        peer.failures += 1
        wait = rules.pause(peer.failures, random.random())  # noqa: S311 - spreads attempts, guards nothing
        peer.next_attempt_at, peer.last_error = timezone.now() + timedelta(seconds=wait), packed(error, 2000)
        peer.save(update_fields=["failures", "next_attempt_at", "last_error"])
        raise
    peer.failures, peer.next_attempt_at, peer.last_error, peer.heard_at = 0, None, "", timezone.now()
    peer.save(update_fields=["failures", "next_attempt_at", "last_error", "heard_at"])
    return answer


def due(peer: Peer) -> bool:
    """Whether it may be called now: it is paired, and no pause after a failure runs."""
    return peer.state == Peer.State.PAIRED and (peer.next_attempt_at is None or peer.next_attempt_at <= timezone.now())


def caller(request: HttpRequest) -> Caller:
    """Who signed the request.

    Raises :class:`NotSigned`, :class:`ClockSkew` naming both clocks, :class:`Replayed`. The number of the request is
    used up when this returns.
    """
    detached = jws.read(request.headers.get(jws.HEADER, ""))
    header = detached.header
    peer = Peer.objects.filter(node=header.kid, state=Peer.State.PAIRED).first()
    if peer is None:
        raise NotSigned(
            mark("No node with the key {kid} is paired with this one."),
            remedy=mark("Pair the two nodes, or resume the pairing."),
            kid=header.kid[:64],
        )
    jws.verify(detached, peer.remote.public, request.body)
    _check_header(detached, peer.node, request.path_info)
    rules.check_clock(header.iat, int(time.time()), peer.name)
    try:
        with transaction.atomic():
            Nonce.objects.create(peer=peer, value=header.nonce)
    except IntegrityError as error:
        raise Replayed(
            mark("This request of {peer} was received before."), remedy=mark("Sign it anew."), peer=peer.name
        ) from error
    Peer.objects.filter(pk=peer.pk).update(heard_at=timezone.now())
    return Caller(peer, header.nonce, request.path_info)


def reply(to: Caller, body: bytes) -> HttpResponse:
    """The answer, signed for that request."""
    key = keys.signing_key(settings().home)
    header = jws.Protected(
        alg=jws.ALGORITHM, kid=own_node(), aud=to.peer.node, iat=int(time.time()), nonce=to.nonce, url=to.path
    )
    response = HttpResponse(body, content_type="application/octet-stream")
    response.headers[jws.HEADER] = jws.sign(key, header, body)
    return response


def clean() -> None:
    """Forget the numbers of requests too old to be believed."""
    Nonce.objects.filter(seen_at__lt=timezone.now() - timedelta(seconds=2 * rules.TOLERANCE + 60)).delete()


def _switch(peer: Peer, before: Peer.State, after: Peer.State) -> None:
    if peer.state != before:
        raise Conflict(mark("{name} is in another state."), remedy=mark("Load the page again."), name=peer.name)
    peer.state = after
    peer.save()


def _is_open(peer: Peer) -> bool:
    return peer.state == Peer.State.INVITED and peer.invited_until is not None and peer.invited_until > timezone.now()


def _check_header(detached: jws.Detached, node: str, path: str) -> None:
    header = detached.header
    if header.kid != node or header.aud != own_node() or header.url != path or not 16 <= len(header.nonce) <= 64:
        raise NotSigned(
            mark("The signature was made for another node or another address."),
            remedy=mark("Pair the nodes again if one of them has a new key."),
        )


def _octets(text: str) -> bytes:
    try:
        octets = jws.decode64(text)
        if len(octets) != 32:
            raise ValueError(text)
    except ValueError as error:
        raise NotSigned(mark("{key} is not a key of 32 octets in base64url."), key=text[:80]) from error
    return octets


def _key(text: str) -> str:
    return jws.encode64(_octets(text))


def decoded(octets: bytes, kind: type[_T]) -> _T:
    """A message of a peer; raises :class:`Invalid` naming what does not fit."""
    try:
        return msgspec.json.decode(octets, type=kind)
    except msgspec.MsgspecError as error:
        raise Invalid(mark("The message cannot be read: {reason}."), reason=error) from error
