"""What was put into escrow comes out as it was, and whatever is wrong with it is named."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.escrow import archive, copying, recovery, wire
from gongfu.identity.escrow.archive import Signer
from gongfu.identity.escrow.errors import Damaged, WrongKey
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.peers import keys
from gongfu.identity.registry import records
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore, Limits
from gongfu.kernel.errors import Conflict, GongfuError, Invalid


def record(prefix: str, number: int, text: str = "a") -> Record:
    return Record(Handle(prefix, f"Part-{number:05d}"), (Value(1, "URL", f"{text}{number}".encode()),), number, 7)


def whole(store: IdentifierStore) -> dict[bytes, bytes]:
    found = {}
    for prefix in store.populated():
        found |= {item.handle.key: records.encode(item) for item in store.scan(prefix, limit=100_000)}
    return found


@pytest.fixture
def signer() -> Signer:
    key = X25519PrivateKey.generate()
    made = Signer(Ed25519PrivateKey.generate(), archive.new_series(), (key.public_key().public_bytes_raw(),))
    _keys[made.series] = key
    return made


_keys: dict[str, X25519PrivateKey] = {}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[IdentifierStore]:
    opened = IdentifierStore(tmp_path / "empty")
    yield opened
    opened.close()


@pytest.fixture
def series(store: IdentifierStore, tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A snapshot of several chunks, and two increments."""
    monkeypatch.setattr(archive, "CHUNK_ENTRIES", 100)
    store.home("88.118.1")
    store.home("88.118.2")
    store.set_limits("88.118.1", Limits(1000, 5))
    store.put_many([record("88.118.1", number) for number in range(350)])
    store.put_many([record("88.118.2", number) for number in range(50)])
    folder = tmp_path / "series"
    copying.snapshot(store, folder, signer)
    store.put_many([record("88.118.1", number, "b") for number in range(300, 500)], actor="li")
    store.delete(Handle("88.118.2", "Part-00007"))
    copying.increment(store, folder, signer)
    store.put(record("88.118.3", 1))
    copying.increment(store, folder, signer)
    return folder


def test_a_restored_node_holds_exactly_the_same_records(
    store: IdentifierStore, empty: IdentifierStore, series: Path, signer: Signer
) -> None:
    assert copying.increment(store, series, signer) is None  # nothing changed
    copying.restore(empty, series, _keys[signer.series], keys.public_octets(signer.key))
    assert whole(empty) == whole(store)
    assert empty.prefixes() == store.prefixes()
    assert empty.limits("88.118.1") == Limits(1000, 5)
    assert [empty.count(name) for name in store.populated()] == [store.count(name) for name in store.populated()]


def test_a_snapshot_stands_in_key_order(series: Path, signer: Signer) -> None:
    first = next(archive.walk(series))
    found = [entry.key for chunk in archive.chunks(first, _keys[signer.series]) for entry in chunk.entries]
    assert len(found) == 400
    assert found == sorted(found)


def test_nobody_reads_it_without_the_key(series: Path) -> None:
    for file in series.rglob("*"):
        if file.is_file():
            assert b"PART-0" not in file.read_bytes().upper()
    with pytest.raises(WrongKey, match="does not open set 0"):
        archive.verify(series, key=X25519PrivateKey.generate())


def test_a_node_that_holds_something_is_not_overwritten(empty: IdentifierStore, series: Path, signer: Signer) -> None:
    empty.put(record("88.118.9", 1))
    with pytest.raises(Conflict, match="stand in this node already"):
        copying.restore(empty, series, _keys[signer.series])


def test_an_interrupted_restoration_goes_on(
    store: IdentifierStore, empty: IdentifierStore, series: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    original = IdentifierStore.take_over

    def stumble(self: IdentifierStore, *arguments: object, **named: object) -> None:
        taken.append(arguments)
        if len(taken) == 3:
            raise KeyboardInterrupt
        original(self, *arguments, **named)

    monkeypatch.setattr(IdentifierStore, "take_over", stumble)
    with pytest.raises(KeyboardInterrupt):
        copying.restore(empty, series, _keys[signer.series])
    copying.restore(empty, series, _keys[signer.series])
    assert whole(empty) == whole(store)
    assert len(taken) == 3 + 6 + 1  # what was in the store is not written again
    with pytest.raises(Conflict):
        copying.restore(empty, series, _keys[signer.series])


def test_what_the_journal_no_longer_has_becomes_a_new_snapshot(
    store: IdentifierStore, empty: IdentifierStore, series: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gongfu.identity.registry import journal

    monkeypatch.setattr(journal, "KEPT", 10)
    for turn in range(20):
        store.put_many([record("88.118.1", number, f"c{turn}-") for number in range(30)])
    made = copying.increment(store, series, signer)
    assert made is not None
    assert made.manifest.kind is wire.Kind.SNAPSHOT
    copying.restore(empty, series, _keys[signer.series])
    assert whole(empty) == whole(store)


def test_a_missing_chunk_is_named(series: Path) -> None:
    (series / "000000" / "000002.chunk").unlink()
    with pytest.raises(Damaged, match=r"Chunk 2 of set 0 is missing"):
        archive.verify(series)


def test_a_changed_chunk_is_named(series: Path) -> None:
    file = series / "000001" / "000001.chunk"
    octets = bytearray(file.read_bytes())
    octets[50] ^= 1
    file.write_bytes(octets)
    with pytest.raises(Damaged, match=r"Chunk 1 of set 1 was changed"):
        archive.verify(series)
    assert archive.damaged_parts(list(archive.walk(series))[1]) == [1]


def test_chunks_in_the_wrong_order_are_named(series: Path) -> None:
    first, second = series / "000000" / "000000.chunk", series / "000000" / "000001.chunk"
    octets = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(octets)
    with pytest.raises(Damaged, match=r"Chunk 0 of set 0 is out of order: it is chunk 1"):
        archive.verify(series)


def test_a_missing_set_is_named(series: Path) -> None:
    shutil.rmtree(series / "000001")
    with pytest.raises(Damaged, match=r"Set 1 is missing"):
        archive.verify(series)


def test_a_missing_snapshot_is_named(series: Path) -> None:
    shutil.rmtree(series / "000000")
    with pytest.raises(Damaged, match=r"Set 0 is missing"):
        archive.verify(series)


def test_sets_in_the_wrong_order_are_named(series: Path) -> None:
    (series / "000001").rename(series / "x")
    (series / "000002").rename(series / "000001")
    (series / "x").rename(series / "000002")
    with pytest.raises(Damaged, match=r"In the place of set 1 stands set 2"):
        archive.verify(series)


def test_a_manifest_that_somebody_else_signed_is_refused(series: Path, signer: Signer) -> None:
    with pytest.raises(Damaged, match="not what the node signed"):
        archive.verify(series, keys.public_octets(Ed25519PrivateKey.generate()))
    file = series / "000002" / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b'"records":1', b'"records":2'))
    with pytest.raises(Damaged, match="manifest of set 2"):
        archive.verify(series)


def test_a_recovery_text_survives_being_typed_and_a_wrong_letter_is_noticed() -> None:
    key, text = recovery.generate()
    again = recovery.read(f"  {text.lower().replace('-', ' ').replace('o', '0').replace('i', '1')}\n")
    assert again.private_bytes_raw() == key.private_bytes_raw()
    letter = "B" if text[10] != "B" else "C"
    with pytest.raises(WrongKey, match="mistyped"):
        recovery.read(text[:10] + letter + text[11:])


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_mistyped(text: str) -> None:
    with pytest.raises(WrongKey):
        recovery.read(text)


@given(st.binary(max_size=300))
def test_any_octets_as_a_manifest_or_a_message_are_refused_with_a_sentence(octets: bytes) -> None:
    for read in (wire.read_manifest, lambda found: wire.decode(found, wire.Upload)):
        with pytest.raises(Invalid, match="cannot be read"):
            read(octets)


@given(st.binary(max_size=300))
def test_any_octets_as_a_chunk_are_damage(octets: bytes) -> None:
    with pytest.raises(GongfuError, match="cannot be opened"):
        wire.unseal(octets, bytes(32), "0" * 16, 1, 2)
