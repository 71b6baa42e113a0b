"""What lies with the node above: uploaded in pieces, mended, verified, kept apart."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from gongfu.identity.escrow import archive, copying, recovery, services, wire
from gongfu.identity.escrow.errors import Damaged
from gongfu.identity.escrow.models import EscrowPlan, EscrowSet, kept_folder
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.peers import jws, keys
from gongfu.identity.peers import services as peers
from gongfu.identity.peers.errors import PeerUnreachable
from gongfu.identity.peers.models import Peer
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Forbidden, unpacked
from gongfu.kernel.settings import settings
from gongfu.kernel.tasks.models import Job
from gongfu.kernel.tasks.services import Progress

pytestmark = pytest.mark.django_db


class Loop:
    """This node as its own node above: what it sends upward it takes as from below."""

    def __init__(self, operator: Organisation) -> None:
        own = keys.public_octets(keys.signing_key(settings().home))
        other = keys.public_octets(Ed25519PrivateKey.generate())
        common = {"organisation": operator, "url": "http://127.0.0.1:9", "state": Peer.State.PAIRED}
        exchange = jws.encode64(keys.public_octets(keys.exchange_key(settings().home)))
        self.above = Peer.objects.create(
            name="above",
            role=Peer.Role.ABOVE,
            public_key=jws.encode64(other),
            exchange_key=exchange,
            node=jws.thumbprint(other),
            **common,
        )
        self.below = Peer.objects.create(
            name="below", role=Peer.Role.BELOW, public_key=jws.encode64(own), node=jws.thumbprint(own), **common
        )
        self.chunks = 0
        self.fail_at = -1

    def call(self, _peer: Peer, path: str, body: bytes) -> bytes:
        if path == wire.BEGIN_PATH:
            return msgspec.msgpack.encode(services.announced(self.below, body))
        if self.chunks == self.fail_at:
            raise PeerUnreachable("The line was cut.")
        self.chunks += 1
        services.taken(self.below, body)
        return b""

    def kept(self, plan: EscrowPlan) -> Path:
        return kept_folder(self.below, plan.series)


@pytest.fixture
def operator(db: None) -> Organisation:
    return accounts.create_organisation("operator", "平台运营方", kind=Organisation.Kind.OPERATOR)


@pytest.fixture
def root(operator: Organisation) -> User:
    return accounts.create_user("root", "correct-horse-9", is_superuser=True, language="en")


@pytest.fixture
def loop(operator: Organisation, store: IdentifierStore, monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop(operator)
    monkeypatch.setattr(registry, "store", lambda: store)
    monkeypatch.setattr(peers, "call", made.call)
    monkeypatch.setattr(archive, "CHUNK_ENTRIES", 100)
    store.put_many([record(number) for number in range(450)])
    return made


def record(number: int, version: int = 1) -> Record:
    return Record(Handle("88.118.1", f"p-{number:05d}"), (Value(1, "URL", b"x"),), 1, version)


def begun(loop: Loop, root: User, **values: bool) -> tuple[EscrowPlan, str]:
    plan, text = services.begin(root, loop.above, **values)
    services.keep_once(plan)
    return plan, text


def test_an_interrupted_upload_goes_on_with_what_is_missing(loop: Loop, root: User) -> None:
    loop.fail_at = 3
    plan, _ = begun(loop, root)
    [waiting] = EscrowSet.objects.filter(way="up")
    assert (waiting.state, waiting.missing) == (EscrowSet.State.WAITING, 2)
    loop.fail_at = -1
    services.keep_once(plan)
    assert loop.chunks == 5  # each once
    assert {one.state for one in EscrowSet.objects.all()} == {EscrowSet.State.STORED}
    assert [one.manifest.records for one in archive.verify(loop.kept(plan))] == [450]


def test_the_journal_keeps_what_the_next_increment_needs_and_no_more(
    loop: Loop, root: User, store: IdentifierStore
) -> None:
    plan, text = begun(loop, root)
    assert store.cursor(plan.cursor) == store.last_change()
    before = store.cursor(plan.cursor)
    store.put_many([record(number, 2) for number in range(30)])
    assert store.cursor(plan.cursor) == before
    services.soon(plan)
    services.keep_once(plan)
    assert store.cursor(plan.cursor) == store.last_change()
    kinds = [one.manifest.kind.value for one in archive.verify(loop.kept(plan), key=recovery.read(text))]
    assert kinds == ["snapshot", "increment"]
    services.end(root, plan)
    assert plan.cursor not in store.cursors()


def test_the_node_above_opens_it_only_when_it_was_released(loop: Loop, root: User, tmp_path: Path) -> None:
    plan, _ = begun(loop, root, released=True)
    other = IdentifierStore(tmp_path / "other")
    copying.restore(other, loop.kept(plan), services.own_key())
    assert other.count("88.118.1") == 450
    other.close()


def test_a_chunk_that_rotted_above_is_mended_by_a_verification_below(loop: Loop, root: User) -> None:
    plan, _ = begun(loop, root)
    rotten = loop.kept(plan) / "000000" / "000002.chunk"
    rotten.write_bytes(b"rot")
    with pytest.raises(Damaged, match="Chunk 2 of set 0 was changed"):
        archive.verify(loop.kept(plan))
    progress = Progress(Job.objects.create(title="verify"))
    services.verify_series(progress, way="up", peer=loop.above.pk, series=plan.series)
    archive.verify(loop.kept(plan))
    assert EscrowSet.objects.get(way="up").verified_at is not None


def test_a_verification_above_names_the_rotten_chunk_and_marks_the_set(loop: Loop, root: User) -> None:
    plan, _ = begun(loop, root)
    (loop.kept(plan) / "000000" / "000001.chunk").unlink()
    progress = Progress(Job.objects.create(title="verify"))
    with pytest.raises(Damaged, match="Chunk 1 of set 0 is missing"):
        services.verify_series(progress, way="down", peer=loop.below.pk, series=plan.series)
    damaged = EscrowSet.objects.get(way="down")
    assert damaged.state == EscrowSet.State.DAMAGED
    assert "Chunk 1 of set 0 is missing" in unpacked(damaged.error, "en")


def test_only_two_snapshots_stay_with_what_follows_them(loop: Loop, root: User, store: IdentifierStore) -> None:
    plan, _ = begun(loop, root)
    for turn in range(3):
        store.put(record(turn, 5))
        services.soon(plan)
        services.keep_once(plan)
        plan.snapshot_days = 0
        plan.save()
    for folder in (plan.folder, loop.kept(plan)):
        kinds = [one.manifest.kind.value for one in archive.verify(folder)]
        assert kinds == ["snapshot", "snapshot"]
    assert EscrowSet.objects.filter(way="up").count() == 2


def test_a_set_whose_row_was_lost_in_a_kill_is_found_again(loop: Loop, root: User, store: IdentifierStore) -> None:
    plan, _ = begun(loop, root)
    EscrowSet.objects.filter(way="up").delete()
    store.put(record(1, 9))
    services.soon(plan)
    services.keep_once(plan)
    assert sorted(EscrowSet.objects.filter(way="up").values_list("number", flat=True)) == [0, 1]
    assert {one.state for one in EscrowSet.objects.all()} == {EscrowSet.State.STORED}


def test_a_node_above_cannot_leave_data_here_and_chunks_need_a_set(loop: Loop) -> None:
    with pytest.raises(Forbidden, match="Only a node below"):
        services.announced(loop.above, b"")
    upload = wire.Upload("0" * 16, 0, 0, b"x")
    with pytest.raises(services.Conflict, match="was not announced"):
        services.taken(loop.below, msgspec.msgpack.encode(upload))
    for series in ("../../../../etc", "0" * 15, "0" * 16 + "\n"):
        with pytest.raises(services.Invalid, match="cannot be read"):
            services.taken(loop.below, msgspec.msgpack.encode([series, 0, 0, b"x"]))


def test_the_page_begins_makes_verifies_and_shows_the_recovery_text_once(
    loop: Loop, root: User, client: Client
) -> None:
    client.force_login(root)
    page = client.post("/identity/escrow/", {"do": "begin", "peer": loop.above.pk}).content.decode()
    plan = EscrowPlan.objects.get()
    text = page.split("<copy-text>")[1].split("<")[0]
    assert recovery.read(text).public_key().public_bytes_raw().hex() == plan.recovery_key
    assert text not in client.get("/identity/escrow/").content.decode()
    services.keep_once(plan, threading.Event())
    ours = EscrowSet.objects.get(way="up")
    shown = client.get("/identity/escrow/").content.decode()
    assert plan.series in shown
    assert "Kept for nodes below" in shown
    assert client.post("/identity/escrow/", {"do": "verify", "set": ours.pk}).status_code == 302
    assert "above" in Job.objects.get().title
    assert client.post("/identity/escrow/", {"do": "now", "plan": plan.pk}).status_code == 302
    assert client.post("/identity/escrow/", {"do": "now", "plan": "x"}).status_code == 422
    assert client.get(f"/identity/escrow-sets/{ours.pk}/").status_code == 200
    assert client.get("/identity/escrow-sets/").status_code == 200
    client.force_login(accounts.create_user("li", "correct-horse-9"))
    assert client.get("/identity/escrow/").status_code == 403
