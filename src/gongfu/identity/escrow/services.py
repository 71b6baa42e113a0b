"""The only door to data escrow: begin it, make and upload sets, keep those of nodes below, verify."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
from pathlib import Path

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import close_old_connections, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gongfu.identity.escrow import archive, copying, recovery, wire
from gongfu.identity.escrow.archive import Signer, StoredSet
from gongfu.identity.escrow.errors import Damaged
from gongfu.identity.escrow.models import EscrowPlan, EscrowSet, kept_folder
from gongfu.identity.peers import jws, keys
from gongfu.identity.peers import services as peers
from gongfu.identity.peers.errors import PeerUnreachable
from gongfu.identity.peers.models import Peer
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.kernel.tasks.services import Progress, job

log = structlog.get_logger("worker")
LEAST_FREE = 1_000_000_000
"""Octets of the disk that other nodes' data must leave."""
_LOOK_SECONDS = 5.0
_AGAIN = dt.timedelta(minutes=1)


# --- our own ---


def begin(user: User, peer: Peer, *, released: bool = False) -> tuple[EscrowPlan, str]:
    """Begin escrow with a node above; returns the recovery text, which is nowhere else. Raises :class:`Conflict`."""
    if peer.role != Peer.Role.ABOVE or peer.state != Peer.State.PAIRED:
        raise Invalid(mark("{peer} does not stand above this node."), remedy=mark("Choose another one."), peer=peer)
    if EscrowPlan.objects.filter(peer=peer).exists():
        raise Conflict(mark("Escrow with {peer} has begun already."), remedy=mark("Load the page again."), peer=peer)
    key, text = recovery.generate()
    plan = EscrowPlan(
        organisation=peer.organisation,
        created_by=user,
        peer=peer,
        series=archive.new_series(),
        recovery_key=key.public_key().public_bytes_raw().hex(),
        released=released,
        next_at=timezone.now(),
    )
    with transaction.atomic():
        plan.save()
        audit.record(user, "create", plan, after=audit.state(plan))
    return plan, text


def end(user: User, plan: EscrowPlan) -> None:
    """Send nothing more; what was sent stays where it is, and what lies here as well."""
    with transaction.atomic():
        audit.record(user, "delete", plan, before=audit.state(plan))
        registry.store().forget(plan.cursor)
        plan.delete()


def soon(plan: EscrowPlan) -> None:
    """Make the next set now."""
    plan.next_at = timezone.now()
    plan.save(update_fields=["next_at"])


def keep(stop: threading.Event) -> None:
    """Make and upload what is due until ``stop``: a task of the worker."""
    while not stop.is_set():
        close_old_connections()
        for plan in EscrowPlan.objects.select_related("peer"):
            keep_once(plan, stop)
        stop.wait(_LOOK_SECONDS)
    connection.close()


def keep_once(plan: EscrowPlan, stop: threading.Event | None = None) -> None:
    """One round for one node above; what goes wrong is noted and tried again."""
    try:
        if plan.next_at is None or plan.next_at <= timezone.now():
            make(plan)
            wait = dt.timedelta(minutes=plan.every_minutes)
            EscrowPlan.objects.filter(pk=plan.pk).update(next_at=timezone.now() + wait, last_error="")
        for one in EscrowSet.objects.filter(
            peer=plan.peer, way=EscrowSet.Way.UP, series=plan.series, state=EscrowSet.State.WAITING
        ).order_by("number"):
            if not peers.due(plan.peer) or (stop is not None and stop.is_set()):
                return
            upload(one)
    except PeerUnreachable as error:
        log.warning("an escrow could not be uploaded", peer=plan.peer.name, error=str(error))
    except (GongfuError, OSError) as error:
        log.warning("an escrow failed", peer=plan.peer.name, error=str(error))
        EscrowPlan.objects.filter(pk=plan.pk).update(next_at=timezone.now() + _AGAIN, last_error=packed(error, 2000))


def make(plan: EscrowPlan) -> EscrowSet | None:
    """The next set: a snapshot when there is none or the last is too old, else what changed; None when nothing did."""
    store, folder, signer = registry.store(), plan.folder, signer_of(plan)
    if plan.cursor not in store.cursors():  # from here on the journal keeps what the next increment needs
        store.advance(plan.cursor, store.last_change())
    known = EscrowSet.objects.filter(peer=plan.peer, way=EscrowSet.Way.UP, series=plan.series)
    _note_unknown(plan, folder)
    last = known.filter(kind=EscrowSet.Kind.SNAPSHOT).order_by("-number").first()
    old = last is None or last.made_at < timezone.now() - dt.timedelta(days=plan.snapshot_days)
    made = copying.snapshot(store, folder, signer) if old else copying.increment(store, folder, signer)
    if made is None:
        return None
    noted = _note(plan, made)
    store.advance(plan.cursor, made.manifest.last)  # it is on disk here: the journal need not keep it
    _prune(plan.peer, EscrowSet.Way.UP, folder)
    return noted


def upload(one: EscrowSet) -> None:
    """Send what the node above lacks of a set, and note when it has all. Raises :class:`PeerUnreachable`."""
    folder = archive.folder_of(one.folder, one.number)
    manifest, signature = (folder / archive.MANIFEST).read_bytes(), (folder / archive.SIGNATURE).read_text("ascii")
    announced = msgspec.msgpack.encode(wire.Begin(manifest, signature))
    missing = wire.decode(peers.call(one.peer, wire.BEGIN_PATH, announced), wire.Missing).parts
    stored = StoredSet(folder, wire.read_manifest(manifest), wire.digest(manifest))
    for sent, place in enumerate(missing):
        one.missing = len(missing) - sent
        one.save(update_fields=["missing"])
        octets = archive.read_part(stored, place)
        peers.call(
            one.peer, wire.CHUNK_PATH, msgspec.msgpack.encode(wire.Upload(one.series, one.number, place, octets))
        )
    if missing:  # only a second look at all hashes says that it is stored
        left = wire.decode(peers.call(one.peer, wire.BEGIN_PATH, announced), wire.Missing).parts
        if left:
            raise Unavailable(mark("{count} chunks did not arrive."), count=len(left))
    one.state, one.missing = EscrowSet.State.STORED, 0
    one.save(update_fields=["state", "missing"])


def signer_of(plan: EscrowPlan) -> Signer:
    """With which key its sets are signed, and for whom they are."""
    recipients = [bytes.fromhex(plan.recovery_key)]
    if plan.released:
        recipients.append(jws.decode64(plan.peer.exchange_key))
    return Signer(keys.signing_key(settings().home), plan.series, tuple(recipients))


def _note(plan: EscrowPlan, made: StoredSet) -> EscrowSet:
    return EscrowSet.objects.create(
        organisation=plan.organisation, peer=plan.peer, way=EscrowSet.Way.UP, **_described(made.manifest)
    )


def _note_unknown(plan: EscrowPlan, folder: Path) -> None:
    """A kill between the set's files and its row leaves a set that nobody would send."""
    known = EscrowSet.objects.filter(peer=plan.peer, way=EscrowSet.Way.UP, series=plan.series)
    if set(archive.numbers(folder)) - set(known.values_list("number", flat=True)):
        for stored in archive.walk(folder):
            if not known.filter(number=stored.manifest.number).exists():
                _note(plan, stored)


def _described(manifest: wire.Manifest) -> dict[str, object]:
    return {
        "series": manifest.series,
        "number": manifest.number,
        "kind": manifest.kind.value,
        "first": manifest.first,
        "last": manifest.last,
        "records": manifest.records,
        "octets": manifest.octets,
        "parts": len(manifest.parts),
        "made_at": dt.datetime.fromtimestamp(manifest.made, dt.UTC),
    }


def _prune(peer: Peer, way: str, series: Path) -> None:
    """Two snapshots with what follows them stay; what is older is removed. Nothing while anything is wrong."""
    try:
        present = list(archive.walk(series))
    except Damaged:
        return
    snapshots = [stored.manifest.number for stored in present if stored.manifest.kind is wire.Kind.SNAPSHOT]
    if len(snapshots) > 2:
        EscrowSet.objects.filter(peer=peer, way=way, series=series.name, number__lt=snapshots[-2]).delete()
        for stored in present:
            if stored.manifest.number < snapshots[-2]:
                shutil.rmtree(stored.folder)


# --- kept for nodes below ---


def announced(peer: Peer, octets: bytes) -> wire.Missing:
    """A node below announces a set: which of its chunks are not here, or not whole. Safe to repeat.

    Raises :class:`Forbidden`, :class:`NotSigned`, :class:`Invalid`, :class:`Unavailable` when the disk is nearly full.
    """
    _require_below(peer)
    message = wire.decode(octets, wire.Begin)
    manifest = archive.check_signature(message.manifest, message.signature, peer.remote.public)
    series = kept_folder(peer, manifest.series)
    folder = archive.folder_of(series, manifest.number)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if shutil.disk_usage(folder).free < manifest.octets + LEAST_FREE:
        raise Unavailable(
            mark("The disk of the node above has no room for {size} octets."),
            remedy=mark("Its operator has to make room."),
            size=manifest.octets,
        )
    if not (series / archive.KEY).exists():
        archive.write_file(series / archive.KEY, peer.remote.public.hex().encode())
    known = folder / archive.MANIFEST
    if known.exists() and known.read_bytes() != message.manifest:
        raise Conflict(
            mark("Set {number} is kept here with another content."),
            remedy=mark("A set is never changed; begin a new series."),
            number=manifest.number,
        )
    archive.write_file(folder / archive.SIGNATURE, message.signature.encode())
    archive.write_file(known, message.manifest)
    missing = archive.damaged_parts(StoredSet(folder, manifest, wire.digest(message.manifest)))
    now = timezone.now()
    state = EscrowSet.State.WAITING if missing else EscrowSet.State.STORED
    EscrowSet.objects.update_or_create(
        peer=peer,
        way=EscrowSet.Way.DOWN,
        series=manifest.series,
        number=manifest.number,
        defaults=_described(manifest)
        | {
            "organisation": peer.organisation,
            "missing": len(missing),
            "state": state,
            "error": "",
            "verified_at": None if missing else now,
        },
    )
    if not missing:
        _prune(peer, EscrowSet.Way.DOWN, series)
    return wire.Missing(missing)


def taken(peer: Peer, octets: bytes) -> None:
    """A node below sends a chunk of a set it announced; raises :class:`Damaged` when its hash does not fit."""
    _require_below(peer)
    message = wire.decode(octets, wire.Upload)
    folder = archive.folder_of(kept_folder(peer, message.series), message.number)
    try:
        manifest = wire.read_manifest((folder / archive.MANIFEST).read_bytes())
    except OSError as error:
        raise Conflict(mark("Set {number} was not announced."), number=message.number) from error
    if message.part >= len(manifest.parts) or manifest.parts[message.part].sha256 != wire.digest(message.data):
        raise Damaged(
            mark("Chunk {part} of set {number} was changed: its hash does not fit."),
            remedy=mark("Send it again."),
            part=message.part,
            number=message.number,
        )
    archive.write_file(folder / archive.chunk_name(message.part), message.data)


def own_key() -> X25519PrivateKey:
    """What opens an escrow that was released to this node."""
    return keys.exchange_key(settings().home)


# --- verifying ---


def verify_series(progress: Progress, *, way: str, peer: int, series: str) -> None:
    """Walk every hash of a series; of our own also let the node above look at what it holds, and mend it."""
    sets = EscrowSet.objects.filter(way=way, peer=peer, series=series).select_related("peer")
    first = sets.order_by("-number").first()
    if first is None:
        raise Invalid(mark("There is nothing to verify yet."), remedy=mark("Wait for the first set."))
    try:
        stored = archive.verify(
            first.folder, progress=lambda done, total: progress.report(done * 80 / max(1, total), f"{done} / {total}")
        )
    except Damaged as error:
        sets.filter(number=int(str(error.values.get("number", -1)))).update(
            state=EscrowSet.State.DAMAGED, error=packed(error, 2000), verified_at=None
        )
        raise
    present = [one.manifest.number for one in stored]
    if way == EscrowSet.Way.UP:
        for done, one in enumerate(sets.filter(number__in=present).order_by("number")):
            progress.report(80 + done * 20 / len(present), str(one))
            upload(one)
    sets.filter(number__in=present).exclude(state=EscrowSet.State.WAITING).update(
        verified_at=timezone.now(), error="", state=EscrowSet.State.STORED
    )


@job(attempts=2)
def verify(progress: Progress, *, way: str, peer: int, series: str) -> None:
    """:func:`verify_series` in the background."""
    verify_series(progress, way=way, peer=peer, series=series)


def verification_title(peer: Peer) -> str:
    """What the job is called."""
    return _("Verify the data escrow: %(peer)s") % {"peer": peer}


def _require_below(peer: Peer) -> None:
    if peer.role != Peer.Role.BELOW:
        raise Forbidden(mark("Only a node below may keep its data here."), remedy=mark("Pair the nodes the other way."))
