"""The door of authentication: is an enterprise verified, prove an identifier, check a proof."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

import msgspec
from django.db import transaction
from django.utils import timezone

from gongfu.identity.authentication import jws, proof
from gongfu.identity.authentication.errors import BadProof
from gongfu.identity.authentication.keyring import Keyring
from gongfu.identity.authentication.models import Verification
from gongfu.identity.authentication.proof import Holder, Statement, Worth
from gongfu.identity.authentication.workflow import VerificationWorkflow
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.errors import NoIdentifier
from gongfu.identity.registry.records import Record
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

State = VerificationWorkflow.State
OPEN = (State.DRAFT, State.SUBMITTED, State.RETURNED)


@dataclass(frozen=True)
class Verified:
    """An enterprise whose review counts today."""

    name: str
    credit_code: str
    until: dt.date
    representative: str = ""


@dataclass(frozen=True)
class Checked:
    """A proof that was checked: what it says and what it is worth, or why it proves nothing."""

    statement: Statement | None
    worth: Worth | None
    error: BadProof | None
    holder_now: Verified | None = None

    @property
    def holds(self) -> bool:
        """Whether it may be relied on."""
        return self.worth is Worth.HOLDS


# --- enterprises ---


def verified(organisation: Organisation) -> Verified | None:
    """The review of ``organisation`` that counts today, if any."""
    found = (
        Verification.objects.filter(
            organisation=organisation, state=State.ACCEPTED, valid_until__gte=timezone.localdate()
        )
        .order_by("-valid_until")
        .first()
    )
    if found is None or found.valid_until is None:
        return None
    return Verified(found.legal_name, found.credit_code, found.valid_until, found.representative)


def place(application: Verification) -> None:
    """Save an application; raises :class:`Conflict` when it is decided, or when another one is open."""
    if application.state not in (State.DRAFT, State.RETURNED):
        raise Conflict(
            mark("This application cannot be changed any more."), remedy=mark("Apply anew if something is different.")
        )
    others = Verification.objects.filter(organisation=application.organisation, state__in=OPEN)
    if others.exclude(pk=application.pk).exists():
        raise Conflict(mark("An application of this enterprise is open already."), remedy=mark("Go on with that one."))
    application.save()


def expire() -> int:
    """Close the reviews whose time is over; how many."""
    count = 0
    for due in Verification.objects.filter(state=State.ACCEPTED, valid_until__lt=timezone.localdate()):
        with transaction.atomic():
            changed = Verification.objects.filter(pk=due.pk, state=State.ACCEPTED).update(state=State.EXPIRED)
            if changed:
                audit.record("worker", "expire", due, before={"state": State.ACCEPTED}, after={"state": State.EXPIRED})
        count += changed
    return count


# --- proofs ---


def keyring() -> Keyring:
    """This node's signing keys."""
    return Keyring(settings().home / "secrets" / "proof")


def prove(handle: str) -> str:
    """A signed statement about a public identifier of this node; raises :class:`NoIdentifier`."""
    record = registry.resolve_local(handle)
    if record is None or not record.public:
        raise NoIdentifier(
            mark("There is no identifier {handle} at this node."),
            remedy=mark("Check the characters, or scan the code again."),
            handle=handle[:255],
        )
    now = int(time.time())
    statement = Statement(
        iss=settings().url,
        sub=str(record.handle),
        iat=now,
        exp=now + proof.DAYS * 86_400,
        values=proof.digest(record.public),
        holder=_holder(record),
    )
    return jws.sign(msgspec.json.encode(statement), keyring().current(), kind=proof.KIND)


def check(text: str) -> Checked:
    """What a proof is worth now; never raises for what somebody pasted."""
    text = "".join(text.split())
    try:
        payload = jws.verify(text, keyring().public(), kind=proof.KIND)
        statement = proof.decode(payload)
    except BadProof as error:
        return Checked(_claimed(text), None, error)
    record = registry.resolve_local(statement.sub)
    public = record.public if record is not None else ()
    owner = registry.owner_of(record) if record is not None else None
    return Checked(
        statement,
        proof.worth(statement, public or None, now=int(time.time())),
        None,
        verified(owner) if owner is not None else None,
    )


def rotate(user: User) -> str:
    """Sign with a new key from now on; what older keys signed still verifies. Returns its name."""
    if not is_platform_admin.test(user, None):
        raise Forbidden(mark("Only a platform administrator changes the signing key."))
    operator = Organisation.objects.filter(parent=None).order_by("pk").first()
    with transaction.atomic():
        name = keyring().rotate()
        if operator is not None:
            audit.record(user, "rotate-proof-key", operator, after={"key": name})
    return name


def _holder(record: Record) -> Holder:
    owner = registry.owner_of(record)
    if owner is None:
        return Holder("")
    found = verified(owner)
    return Holder(found.name, True, found.credit_code) if found else Holder(owner.name)


def _claimed(text: str) -> Statement | None:
    """What a proof that could not be checked says, to name the node it claims to be from."""
    try:
        return proof.decode(jws.unverified(text))
    except BadProof:
        return None
