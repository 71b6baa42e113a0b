"""However records are packed, what comes out is what went in, and much alike takes little room."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import lmdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import Permission, TtlType
from gongfu.identity.handle.names import Handle, parse
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry import records, table
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore

ALL = Permission.ADMIN_READ | Permission.ADMIN_WRITE | Permission.PUBLIC_READ
HIDDEN = Permission.ADMIN_READ | Permission.ADMIN_WRITE


def product(number: int, *, at: int = 1_700_000_000, maker: bytes = "某某制造".encode()) -> Record:
    suffix = f"SN26{number:06}"
    return Record(
        parse(f"88.118.1/{suffix}"),
        (
            Value(1, "URL", f"https://id.example/88.118.1/{suffix}".encode(), timestamp=at),
            Value(2, "NAME", b"100% steel", timestamp=at),
            Value(3, "MAKER", maker, timestamp=at),
            Value(4, "SERIAL", suffix.encode(), timestamp=at),
            Value(5, "LOT", b"L%d" % (number * 7919 % 100_003), timestamp=at),
        ),
        at,
        at,
    )


def same(store: IdentifierStore, record: Record) -> bool:
    """Whether the store gives ``record`` back, also as the octets that go over the wire."""
    found = store.get(record.handle)
    expected = records.decode(record.handle.key, records.encode(record))
    if found != expected:
        return False
    _, octets = store.lookup(record.handle.key)
    assert octets == records.encode(record)
    with store.view() as view:
        answer = view.public(record.handle.key)
    hidden = any(not value.public for value in record.values)
    values = sorted(record.values, key=lambda value: value.index)
    wanted = None if hidden else (len(values), b"".join(map(wire.encode_value, values)))
    return answer == wanted


data = st.binary(max_size=12) | st.sampled_from([b"", b"%", b"%s%b", b"SN", b"sn-1", bytes(256), bytes(255)])
value = st.builds(
    Value,
    index=st.just(1),
    type=st.sampled_from(["URL", "名称", "%d", "HS_ADMIN"]),
    data=data,
    ttl=st.sampled_from([0, 86_400, 2**32 - 1]),
    ttl_type=st.sampled_from(TtlType),
    timestamp=st.sampled_from([0, 1, 1, 1, 7]),
    permissions=st.sampled_from([ALL, ALL, HIDDEN]),
    references=st.sampled_from([(), (), (Reference("0.NA/88.1", 300),)]),
)


@st.composite
def batch(draw: st.DrawFn) -> list[Record]:
    kinds = draw(st.lists(st.lists(value, min_size=1, max_size=4), min_size=1, max_size=3))
    found = []
    for _ in range(draw(st.sampled_from([1, 2, 17, 40]))):
        kind = draw(st.sampled_from(kinds))
        handle = draw(
            st.builds(
                Handle,
                prefix=st.sampled_from(["88.118.1", "88.118.aB"]),
                suffix=st.text("Aa1%-件", min_size=1, max_size=6) | st.just("x" * 245),
            )
        )
        values = tuple(
            Value(
                index * 3 + 1,
                item.type,
                draw(data | st.just(item.data) | st.just(b"https://" + handle.suffix.encode())),
                item.ttl,
                item.ttl_type,
                item.timestamp,
                item.permissions,
                item.references,
            )
            for index, item in enumerate(kind)
        )
        found.append(Record(handle, values[:: draw(st.sampled_from([1, -1]))], draw(st.sampled_from([1, 1, 2])), 1))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch(), batch())
def test_what_is_stored_comes_back_octet_for_octet(first: list[Record], second: list[Record]) -> None:
    with TemporaryDirectory() as folder:
        store = IdentifierStore(Path(folder))
        for prefix in ("88.118.1", "88.118.AB"):
            store.home(prefix)
        store.put_many(first)
        for record in second[:5]:
            store.put(record)
        store.put_many(second[5:])
        latest = {record.handle.key: record for record in first + second}
        assert all(same(store, record) for record in latest.values())
        by_prefix = {prefix: store.scan(prefix, limit=1_000) for prefix in ("88.118.1", "88.118.AB")}
        keys = [record.handle.key for found in by_prefix.values() for record in found]
        assert keys == sorted(latest)
        assert [store.count(prefix) for prefix in by_prefix] == [len(found) for found in by_prefix.values()]
        for change in store.changes(0, 1_000):
            assert change.record is not None
            assert records.decode(change.key, change.record).handle.key == change.key
        store.close()


def test_ten_thousand_products_of_one_template_take_less_than_a_third(store: IdentifierStore) -> None:
    store.home("88.118.1")
    plain = 0
    for start in range(0, 10_000, 1_000):
        batch = [product(number) for number in range(start, start + 1_000)]
        plain += sum(len(record.handle.key) + len(records.encode(record)) for record in batch)
        store.put_many(batch, replace=False)
    store.snapshot(store.path.with_name("small"))
    kept = store.path.with_name("small").joinpath("data.mdb").stat().st_size
    assert kept < plain / 3
    assert same(store, product(4_321))


def test_a_single_registration_uses_the_shape_of_the_batch_before_it(store: IdentifierStore) -> None:
    store.home("88.118.1")
    store.put_many(product(number) for number in range(100))
    store.put(product(5_000, at=1_800_000_000))
    store.put(product(5_001, maker=b"another maker"))
    for number in range(5_002, 5_050):
        store.put(product(number))
    assert same(store, product(5_000, at=1_800_000_000))
    assert same(store, product(5_001, maker=b"another maker"))
    with store._environment.lmdb.begin() as txn:
        assert txn.stat(store._table.shapes)["entries"] == 2


def test_nobody_can_fill_the_store_with_shapes(store: IdentifierStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_MOST_SHAPES", 4)
    monkeypatch.setattr(table, "_MOST_FRAMES", 5)
    store.home("88.118.1")
    odd = []
    for number in range(30):
        odd.append(Record(parse(f"88.118.1/a-{number}"), (Value(1, "N", b"x%d" % number, ttl=number % 9),), 1, 1))
        odd.append(Record(parse(f"88.118.1/b-{number}"), (Value(1, "N", b"%d://b-%d" % (number, number)),), 1, 1))
    for record in odd:
        store.put(record)
    store.put_many(
        [Record(parse(f"88.118.1/c-{number}"), (Value(1, f"T{number}", b"x"),), 1, 1) for number in range(20)]
    )
    assert all(same(store, record) for record in odd)
    with store._environment.lmdb.begin() as txn:
        assert txn.stat(store._table.shapes)["entries"] <= 5 * 5


def test_a_store_of_the_first_layout_is_brought_over(tmp_path: Path) -> None:
    old = [product(number) for number in range(50)]
    old += [
        Record(
            parse("88.118.1/Long"), (Value(1, "DATA", bytes(5_000)), Value(9, "KEY", b"k", permissions=HIDDEN)), 1, 2
        )
    ]
    with lmdb.open(str(tmp_path / "identity"), max_dbs=4, map_size=2**24) as env:
        there, prefixes, counts = (env.open_db(name) for name in (b"records", b"prefixes", b"counts"))
        with env.begin(write=True) as txn:
            for record in old:
                txn.put(record.handle.key, records.encode(record), db=there)
            txn.put(b"88.118.1", b"88.118.1", db=prefixes)
            txn.put(b"88.118.1", len(old).to_bytes(8), db=counts)
    for _ in range(2):
        store = IdentifierStore(tmp_path / "identity")
        assert all(same(store, record) for record in old)
        assert store.prefixes() == ["88.118.1"]
        assert store.count("88.118.1") == len(store.scan("88.118.1", limit=1_000)) == len(old)
        store.close()
