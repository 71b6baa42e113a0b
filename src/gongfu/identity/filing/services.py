"""The only door to filings: prepare one, take a step, carry messages, take those of other nodes."""

from __future__ import annotations

import threading

import structlog
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from gongfu.identity.filing import rules, wire
from gongfu.identity.filing.models import Filing, FilingMessage, new_id
from gongfu.identity.filing.rules import FilingState, Kind
from gongfu.identity.filing.wire import Outcome, Receipt
from gongfu.identity.filing.workflow import Direction
from gongfu.identity.peers import services as peers
from gongfu.identity.peers.errors import PeerUnreachable
from gongfu.identity.peers.models import Peer
from gongfu.identity.registry.models import Prefix
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, packed
from gongfu.kernel.i18n import mark

log = structlog.get_logger("worker")
_LOOK_SECONDS = 1.0
_CLEAN_SECONDS = 600


def prepare(filing: Filing) -> None:
    """Complete and save a new or edited draft of this node; raises :class:`Invalid`, :class:`Conflict`."""
    if filing.direction != Direction.UP:
        raise Conflict(
            mark("What was filed from below cannot be edited here."), remedy=mark("Return it with a reason.")
        )
    if filing.peer.role != Peer.Role.ABOVE:
        raise Invalid(
            mark("{peer} does not stand above this node."), remedy=mark("Choose another one."), peer=filing.peer
        )
    if filing.prefix is not None and filing.prefix.organisation_id != filing.organisation_id:
        raise Invalid(
            mark("{prefix} does not belong to {organisation}."),
            remedy=mark("Choose a prefix of the enterprise that is filed, or none."),
            prefix=filing.prefix.name,
            organisation=filing.organisation,
        )
    filing.about = Filing.About.PREFIX if filing.prefix else Filing.About.ENTERPRISE
    filing.name = filing.prefix.name if filing.prefix else filing.organisation.code
    same = Filing.objects.filter(direction=Direction.UP, peer=filing.peer, about=filing.about, name=filing.name)
    ended = (Filing.State.REJECTED, Filing.State.WITHDRAWN)
    if same.exclude(pk=filing.pk).exclude(state__in=ended).exists():
        raise Conflict(
            mark("{name} is filed with {peer} already."),
            remedy=mark("Correct or withdraw that filing."),
            name=filing.name,
            peer=filing.peer,
        )
    filing.save()


def draft(user: User, peer: Peer, organisation: Organisation, prefix: Prefix | None = None, **about: str) -> Filing:
    """A new draft of this node; ``about`` may have ``contact``, ``phone`` and ``remark``. Raises as :func:`prepare`."""
    filing = Filing(organisation=organisation, created_by=user, peer=peer, prefix=prefix, **about)
    with transaction.atomic():
        prepare(filing)
        audit.record(user, "create", filing, after=audit.state(filing))
    return filing


def waiting() -> int:
    """How many messages wait to be carried."""
    return FilingMessage.objects.filter(way=FilingMessage.Way.OUT, state=FilingMessage.State.QUEUED).count()


# --- messages of other nodes ---


def take(peer: Peer, octets: bytes) -> Receipt:
    """Take a message that ``peer`` signed; the same one again gets the same receipt and changes nothing.

    Raises :class:`Invalid` for what is no message. What this node refuses for good is told in the receipt.
    """
    message = wire.decode(octets)
    with transaction.atomic():
        Peer.objects.select_for_update().get(pk=peer.pk)  # one message of a node at a time
        known = FilingMessage.objects.filter(peer=peer, way=FilingMessage.Way.IN, uid=message.id).first()
        if known is not None:
            return wire.decode_receipt(known.receipt.encode())
        try:
            with transaction.atomic():
                filing, receipt = _apply(peer, message)
        except GongfuError as error:
            filing, receipt = None, Receipt(outcome=Outcome.REFUSED, error=packed(error, 2000))
        FilingMessage.objects.create(
            peer=peer,
            filing=filing,
            way=FilingMessage.Way.IN,
            uid=message.id,
            kind=message.kind.value,
            version=message.version,
            body=octets.decode(),
            state=receipt.outcome.value,
            error=receipt.error,
            receipt=wire.encode(receipt).decode(),
            settled_at=timezone.now(),
        )
    return receipt


def _apply(peer: Peer, message: wire.Message) -> tuple[Filing | None, Receipt]:
    below = peer.role == Peer.Role.BELOW
    if not wire.may_send(message.kind, below=below):
        raise Forbidden(
            mark("This node may not send the message {kind}."),
            kind=message.kind.value,
        )
    filing = Filing.objects.select_for_update().filter(peer=peer, uid=message.filing).first()
    state = FilingState(filing.state) if filing else None
    after = rules.after(state, filing.version if filing else 0, message.kind, message.version)
    if after is None:
        return filing, Receipt(outcome=Outcome.LATE, state=filing.state if filing else "")
    before = audit.state(filing) if filing else None
    if filing is None:
        filing = Filing(
            organisation=peers.operator(), uid=message.filing, peer=peer, direction=Direction.DOWN, state=after.value
        )
    if message.subject is not None:
        _write(filing, message.subject, message.version)
    filing.state = after.value
    filing.number = message.number or filing.number
    filing.reason = message.reason or filing.reason
    filing.save()
    actor = f"{peer.name}: {message.by}"[:64]
    audit.record(actor, _STEPS[message.kind], filing, before=before, after=audit.state(filing), reason=message.reason)
    return filing, Receipt(outcome=Outcome.DONE, state=filing.state)


_STEPS = {kind: "send_back" if kind is Kind.RETURN else kind.value for kind in Kind}
"""A message is called in the audit log as the step that caused it."""


def _write(filing: Filing, subject: wire.Subject, version: int) -> None:
    about = Filing.About.PREFIX if isinstance(subject, wire.PrefixSubject) else Filing.About.ENTERPRISE
    other = Filing.objects.filter(direction=Direction.DOWN, about=about, name=subject.name, state=Filing.State.ACCEPTED)
    if about == Filing.About.PREFIX and other.exclude(pk=filing.pk).exists():
        raise Conflict(
            mark("The prefix {name} is filed under another number already."),
            remedy=mark("Ask the node above whose filing that is; it has to be withdrawn first."),
            name=subject.name,
        )
    filing.about, filing.name, filing.version = about, subject.name, version
    filing.contact, filing.phone, filing.remark = subject.contact[:80], subject.phone[:40], subject.remark
    filing.content = wire.encode_subject(subject).decode()


# --- carrying messages ---


def carry(stop: threading.Event) -> None:
    """Carry waiting messages until ``stop``: the task of the worker."""
    cleaned = 0.0
    while not stop.is_set():
        close_old_connections()
        carry_once()
        now = timezone.now().timestamp()
        if now - cleaned > _CLEAN_SECONDS:
            peers.clean()
            cleaned = now
        stop.wait(_LOOK_SECONDS)
    connection.close()


def carry_once() -> int:
    """Try every message that is due; returns how many were settled. A peer that is away holds up only its own."""
    queued = FilingMessage.objects.filter(way=FilingMessage.Way.OUT, state=FilingMessage.State.QUEUED)
    settled = 0
    for peer in Peer.objects.filter(pk__in=queued.values("peer")):
        if not peers.due(peer):
            continue
        try:
            for message in queued.filter(peer=peer).order_by("pk").select_related("filing"):
                _send(peer, message)
                settled += 1
        except PeerUnreachable as error:
            log.warning("a node does not take our messages", peer=peer.name, error=str(error))
    return settled


def _send(peer: Peer, message: FilingMessage) -> None:
    """Deliver one message, in its order; raises :class:`PeerUnreachable` after having noted why."""
    try:
        octets = peers.call(peer, wire.PATH, message.body.encode())
        receipt = wire.decode_receipt(octets)
    except PeerUnreachable as error:
        FilingMessage.objects.filter(pk=message.pk).update(attempts=message.attempts + 1, error=packed(error, 2000))
        raise
    with transaction.atomic():
        message.attempts += 1
        message.state, message.error = receipt.outcome.value, receipt.error
        message.receipt, message.settled_at = wire.encode(receipt).decode(), timezone.now()
        message.save()
        if receipt.outcome is Outcome.REFUSED and message.kind in (Kind.SUBMIT, Kind.CORRECT):
            _refused(message)


def _refused(message: FilingMessage) -> None:
    """The node above did not even take it up: it can be corrected and sent anew."""
    filing = Filing.objects.select_for_update().filter(messages=message).first()
    if filing is None:
        return
    if filing.version == message.version and filing.state in (Filing.State.SUBMITTED, Filing.State.CORRECTED):
        before = audit.state(filing)
        filing.state, filing.reason = Filing.State.RETURNED, message.trouble
        filing.save()
        audit.record(
            message.peer.name[:64], "send_back", filing, before=before, after=audit.state(filing), reason=filing.reason
        )


__all__ = ["Filing", "carry", "carry_once", "draft", "new_id", "prepare", "take", "waiting"]
