"""Who may create, read, change and remove what, and with which response code the others are refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from gongfu.identity.handle.admin_record import (
    ADMIN,
    ALL,
    SECKEY,
    USUAL,
    VLIST,
    AdminPermission,
    AdminRecord,
    encode_admin,
    encode_references,
)
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import prefix_handle
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver import founding
from gongfu.identity.resolver.administration import Administration, Administrator
from gongfu.kernel.errors import GongfuError

PREFIX = "88.118.1"
SECRET = Permission.ADMIN_READ | Permission.ADMIN_WRITE
OWNER = Reference("0.NA/88.118.1", 300)
OTHER = Reference("0.NA/88.118.2", 300)
URL = Value(1, "URL", b"https://example.com/")


def admin(reference: Reference, permissions: AdminPermission = USUAL, index: int = 100) -> Value:
    return Value(index, ADMIN, encode_admin(AdminRecord(reference, permissions)))


def key(secret: bytes, index: int = 300) -> Value:
    return Value(index, SECKEY, secret, permissions=SECRET)


def found(store: IdentifierStore, prefix: str, secret: bytes, permissions: AdminPermission = ALL) -> None:
    handle = prefix_handle(prefix)
    store.put(Record(handle, (admin(Reference(str(handle), 300), permissions), key(secret)), 1, 1))


@pytest.fixture
def desk(store: IdentifierStore) -> Administration:
    """The node of 88.118, with two enterprises; each has one secret key."""
    for prefix, secret in (("88.118", b"node"), (PREFIX, b"one"), ("88.118.2", b"two")):
        store.home(prefix)
        found(store, prefix, secret)
    return Administration(store, node_prefix="88.118", clock=lambda: 1_000)


@pytest.fixture
def owner(desk: Administration) -> Administrator:
    return desk.authenticate_secret(OWNER, b"one")


@pytest.fixture
def other(desk: Administration) -> Administrator:
    return desk.authenticate_secret(OTHER, b"two")


def code(action: Callable[[], object]) -> int:
    with pytest.raises(GongfuError) as caught:
        action()
    return caught.value.handle_code


def test_the_owner_of_a_prefix_creates_reads_changes_and_deletes(desk: Administration, owner: Administrator) -> None:
    desk.create(owner, f"{PREFIX}/a", [URL])
    [value] = desk.resolve(f"{PREFIX}/A")
    assert (value.text, value.timestamp) == ("https://example.com/", 1_000)
    desk.add_values(owner, f"{PREFIX}/a", [Value(2, "EMAIL", b"a@example.com")])
    desk.modify_values(owner, f"{PREFIX}/a", [replace(URL, data=b"https://example.org/")])
    assert [value.text for value in desk.resolve(f"{PREFIX}/a")] == ["https://example.org/", "a@example.com"]
    desk.remove_values(owner, f"{PREFIX}/a", [2])
    assert len(desk.resolve(f"{PREFIX}/a")) == 1
    desk.delete(owner, f"{PREFIX}/a")
    assert code(lambda: desk.resolve(f"{PREFIX}/a")) == 100


def test_a_wrong_secret_is_refused_whatever_is_wrong_with_it(desk: Administration) -> None:
    for reference, secret in (
        (OWNER, b"two"),
        (replace(OWNER, index=301), b"one"),
        (Reference("0.NA/88.118.9", 300), b"one"),
    ):
        assert code(lambda reference=reference, secret=secret: desk.authenticate_secret(reference, secret)) == 403


def test_a_secret_that_anyone_can_read_proves_nothing(store: IdentifierStore, desk: Administration) -> None:
    store.put(Record(prefix_handle("88.118.3"), (Value(300, SECKEY, b"open"),), 1, 1))
    assert code(lambda: desk.authenticate_secret(Reference("0.NA/88.118.3", 300), b"open")) == 403


def test_index_0_means_the_key_that_fits(desk: Administration) -> None:
    assert desk.authenticate_secret(replace(OWNER, index=0), b"one") == Administrator(OWNER)


@pytest.mark.parametrize(
    "action",
    [
        lambda desk, who: desk.create(who, f"{PREFIX}/new", [URL]),
        lambda desk, who: desk.create(who, f"{PREFIX}/a", [URL], overwrite=True),
        lambda desk, who: desk.delete(who, f"{PREFIX}/a"),
        lambda desk, who: desk.add_values(who, f"{PREFIX}/a", [replace(URL, index=7)]),
        lambda desk, who: desk.add_values(who, f"{PREFIX}/a", [URL]),
        lambda desk, who: desk.remove_values(who, f"{PREFIX}/a", [1]),
        lambda desk, who: desk.modify_values(who, f"{PREFIX}/a", [URL]),
        lambda desk, who: desk.modify_values(who, f"{PREFIX}/a", [replace(URL, index=99)]),
        lambda desk, who: desk.resolve(f"{PREFIX}/a", who=who, public_only=False),
        lambda desk, who: desk.list_handles(who, PREFIX),
        lambda desk, who: desk.home(who, "88.118.7"),
        lambda desk, who: desk.unhome(who, PREFIX),
        lambda desk, who: desk.homed(who),
    ],
)
def test_nobody_and_strangers_may_do_nothing(
    desk: Administration, owner: Administrator, other: Administrator, action: Callable[..., object]
) -> None:
    desk.create(owner, f"{PREFIX}/a", [URL, Value(5, "NOTE", b"private", permissions=SECRET)])
    assert code(lambda: action(desk, None)) == 402
    assert code(lambda: action(desk, other)) == 400
    assert len(desk.resolve(f"{PREFIX}/a")) == 1


def test_an_administrator_without_the_permission_is_told_which_one_is_missing(
    store: IdentifierStore, desk: Administration, owner: Administrator, other: Administrator
) -> None:
    only_reading = admin(OTHER, AdminPermission.READ_VALUE, 101)
    desk.create(owner, f"{PREFIX}/a", [URL, admin(OWNER), only_reading])
    assert len(desk.resolve(f"{PREFIX}/a", who=other, public_only=False)) == 3
    with pytest.raises(GongfuError, match="MODIFY_VALUE") as caught:
        desk.modify_values(other, f"{PREFIX}/a", [URL])
    assert caught.value.handle_code == 401


def test_values_that_only_administrators_read(desk: Administration, owner: Administrator) -> None:
    desk.create(owner, f"{PREFIX}/a", [URL, Value(5, "NOTE", b"private", permissions=SECRET)])
    assert [value.index for value in desk.resolve(f"{PREFIX}/a")] == [1]
    assert code(lambda: desk.resolve(f"{PREFIX}/a", [5])) == 200
    assert code(lambda: desk.resolve(f"{PREFIX}/a", [5], public_only=False)) == 402
    assert desk.resolve(f"{PREFIX}/a", [5], public_only=False, who=owner)[0].text == "private"


def test_a_value_nobody_may_read_is_never_sent(desk: Administration, owner: Administrator) -> None:
    desk.create(owner, f"{PREFIX}/a", [URL, Value(5, "PIN", b"1234", permissions=Permission.ADMIN_WRITE)])
    assert [value.index for value in desk.resolve(f"{PREFIX}/a", who=owner, public_only=False)] == [1]


def test_administrators_may_be_given_as_a_group_of_groups(
    store: IdentifierStore, desk: Administration, owner: Administrator, other: Administrator
) -> None:
    inner = Value(200, VLIST, encode_references([OTHER, Reference(f"{PREFIX}/team", 201)]))
    outer = Value(201, VLIST, encode_references([Reference(f"{PREFIX}/team", 200)]))  # each names the other
    desk.create(owner, f"{PREFIX}/team", [inner, outer])
    desk.create(owner, f"{PREFIX}/a", [URL, admin(Reference(f"{PREFIX}/team", 201))])
    desk.modify_values(other, f"{PREFIX}/a", [replace(URL, data=b"x")])
    assert desk.resolve(f"{PREFIX}/a", types=["URL"])[0].text == "x"
    assert (
        code(lambda: desk.modify_values(owner, f"{PREFIX}/a", [URL])) == 400
    )  # the group does not end, and is no match


def test_an_administrator_of_another_node_is_looked_up_there(store: IdentifierStore, desk: Administration) -> None:
    abroad = {"20.500/ADMINS": (Value(1, VLIST, encode_references([Reference("20.500/BOB", 300)])),)}
    far = Administration(store, elsewhere=lambda handle: abroad.get(handle, ()))
    near = desk.authenticate_secret(OWNER, b"one")
    far.create(near, f"{PREFIX}/a", [URL, admin(Reference("20.500/ADMINS", 1))])
    bob = Administrator(Reference("20.500/bob", 300))
    assert far.modify_values(bob, f"{PREFIX}/a", [URL])
    assert code(lambda: desk.modify_values(bob, f"{PREFIX}/a", [URL])) == 400


def test_changing_who_administers_takes_permissions_of_its_own(desk: Administration, owner: Administrator) -> None:
    plain = USUAL & ~(AdminPermission.ADD_ADMIN | AdminPermission.MODIFY_ADMIN | AdminPermission.REMOVE_ADMIN)
    desk.create(owner, f"{PREFIX}/a", [URL, admin(OWNER, plain)])
    for action in (
        lambda: desk.add_values(owner, f"{PREFIX}/a", [admin(OTHER, index=101)]),
        lambda: desk.modify_values(owner, f"{PREFIX}/a", [admin(OTHER, index=1)]),
        lambda: desk.modify_values(owner, f"{PREFIX}/a", [admin(OWNER, ALL)]),
        lambda: desk.modify_values(owner, f"{PREFIX}/a", [replace(URL, index=100)]),
        lambda: desk.remove_values(owner, f"{PREFIX}/a", [100]),
    ):
        assert code(action) == 401


def test_anybody_writes_what_is_publicly_writable_and_only_its_data(desk: Administration, owner: Administrator) -> None:
    open_value = Value(2, "COUNTER", b"0", permissions=Permission(0x0F))
    desk.create(owner, f"{PREFIX}/a", [URL, open_value])
    desk.modify_values(None, f"{PREFIX}/a", [replace(open_value, data=b"1")])
    assert desk.resolve(f"{PREFIX}/a", [2])[0].text == "1"
    assert code(lambda: desk.modify_values(None, f"{PREFIX}/a", [replace(open_value, permissions=SECRET)])) == 402
    assert code(lambda: desk.modify_values(None, f"{PREFIX}/a", [replace(open_value, type="URL")])) == 402
    assert code(lambda: desk.remove_values(None, f"{PREFIX}/a", [2])) == 402


def test_a_value_without_admin_write_stays(desk: Administration, owner: Administrator) -> None:
    fixed = Value(2, "SEAL", b"1", permissions=Permission.PUBLIC_READ)
    desk.create(owner, f"{PREFIX}/a", [URL, fixed])
    assert code(lambda: desk.modify_values(owner, f"{PREFIX}/a", [fixed])) == 401
    assert code(lambda: desk.remove_values(owner, f"{PREFIX}/a", [2])) == 401


def test_creating_what_is_there_is_refused_unless_it_may_be_overwritten(
    desk: Administration, owner: Administrator
) -> None:
    desk.create(owner, f"{PREFIX}/a", [URL])
    assert code(lambda: desk.create(owner, f"{PREFIX}/A", [URL])) == 101
    desk.create(owner, f"{PREFIX}/a", [replace(URL, index=9)], overwrite=True)
    assert [value.index for value in desk.resolve(f"{PREFIX}/a")] == [9]
    desk.create(owner, f"{PREFIX}/b", [URL, admin(OTHER)])
    assert code(lambda: desk.create(owner, f"{PREFIX}/b", [URL], overwrite=True)) == 400


def test_minted_suffixes_are_new_and_keep_how_they_should_begin(desk: Administration, owner: Administrator) -> None:
    minted = {str(desk.create(owner, f"{PREFIX}/X-", [URL], mint=True).handle) for _ in range(5)}
    assert len(minted) == 5
    assert all(handle.startswith(f"{PREFIX}/X-") for handle in minted)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [replace(URL, index=0)],
        [replace(URL, index=2**31)],
        [URL, URL],
        [replace(URL, type="")],
        [replace(URL, type="A\0B")],
        [replace(URL, type="x" * 256)],
        [replace(URL, type="HS_WHATEVER")],
        [replace(URL, type="hs_admin")],
        [replace(URL, type=ADMIN)],
        [replace(URL, type=VLIST)],
        [replace(URL, type=SECKEY)],
        [replace(URL, index=number) for number in range(1, 2050)],
    ],
)
def test_values_that_cannot_stand_are_refused_as_invalid(
    desk: Administration, owner: Administrator, values: list[Value]
) -> None:
    assert code(lambda: desk.create(owner, f"{PREFIX}/a", values)) == 202


def test_a_name_that_cannot_be_registered_and_a_prefix_of_somebody_else(
    desk: Administration, owner: Administrator
) -> None:
    assert code(lambda: desk.create(owner, f"{PREFIX}/a\u200b", [URL])) == 102
    assert code(lambda: desk.create(owner, "20.500/a", [URL])) == 102
    assert code(lambda: desk.create(owner, "88.999.1/a", [URL])) == 301
    assert code(lambda: desk.resolve("88.999.1/a")) == 301
    assert code(lambda: desk.resolve("20.500/a")) == 301
    assert code(lambda: desk.resolve("no slash")) == 102


def test_a_suspended_prefix_registers_nothing(
    store: IdentifierStore, desk: Administration, owner: Administrator
) -> None:
    desk.create(owner, f"{PREFIX}/a", [URL])
    store.unhome(PREFIX)
    assert code(lambda: desk.create(owner, f"{PREFIX}/b", [URL])) == 605
    assert code(lambda: desk.resolve(f"{PREFIX}/a")) == 301


def test_no_more_identifiers_than_the_contract_allows_even_by_many_at_once(
    store: IdentifierStore, desk: Administration, owner: Administrator
) -> None:
    narrow = Administration(store, registrations=lambda prefix: 20)
    refused: list[int] = []

    def register(number: int) -> None:
        for place in range(10):
            try:
                narrow.create(owner, f"{PREFIX}/{number}-{place}", [URL])
            except GongfuError as error:
                refused.append(error.handle_code)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count(PREFIX) == 20
    assert refused == [604] * 20
    narrow.create(owner, f"{PREFIX}/0-0", [URL], overwrite=True)  # takes no further place
    narrow.delete(owner, f"{PREFIX}/0-0")
    narrow.create(owner, f"{PREFIX}/again", [URL])


def test_writers_at_once_never_lose_one_anothers_values(
    store: IdentifierStore, desk: Administration, owner: Administrator
) -> None:
    desk.create(owner, f"{PREFIX}/a", [URL])

    def write(start: int) -> None:
        for index in range(start, start + 25):
            desk.add_values(owner, f"{PREFIX}/a", [replace(URL, index=index)])

    threads = [threading.Thread(target=write, args=(start,)) for start in (100, 200, 300, 400)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.resolve(f"{PREFIX}/a")) == 101


def test_an_administrator_who_is_removed_meanwhile_changes_nothing(
    store: IdentifierStore, desk: Administration, owner: Administrator, other: Administrator
) -> None:
    desk.create(owner, f"{PREFIX}/a", [URL, admin(OWNER), admin(OTHER, index=101)])
    store_submit = store.submit

    def removed_first(*arguments: object, **named: object) -> object:
        store.submit = store_submit  # type: ignore[method-assign]
        desk.remove_values(owner, f"{PREFIX}/a", [101])
        return store_submit(*arguments, **named)  # type: ignore[arg-type]

    store.submit = removed_first  # type: ignore[method-assign,assignment]
    assert code(lambda: desk.modify_values(other, f"{PREFIX}/a", [replace(URL, data=b"late")])) == 400
    assert desk.resolve(f"{PREFIX}/a", [1])[0].data == URL.data


def test_prefixes_are_allotted_listed_and_taken_back_by_the_node(desk: Administration, owner: Administrator) -> None:
    node = desk.authenticate_secret(Reference("0.NA/88.118", 300), b"node")
    desk.create(node, "0.NA/88.118.7", [admin(Reference("0.NA/88.118.7", 300), ALL), key(b"seven")])
    desk.home(node, "88.118.7")
    assert "88.118.7" in desk.homed(node)
    seven = desk.authenticate_secret(Reference("0.NA/88.118.7", 300), b"seven")
    desk.create(seven, "88.118.7/a", [URL])
    assert desk.list_handles(seven, "88.118.7") == ["88.118.7/a"]
    assert code(lambda: desk.create(owner, "0.NA/88.118.8", [URL])) == 400
    desk.unhome(node, "88.118.7")
    assert code(lambda: desk.unhome(node, "88.118.7")) == 301
    assert code(lambda: desk.list_handles(seven, "88.118.7")) == 301


def test_a_batch_says_what_became_of_each_and_stops_at_the_quota(store: IdentifierStore, owner: Administrator) -> None:
    narrow = Administration(store, registrations=lambda prefix: 3)
    names = ["1", "2", "1", "\u200b", "3", "4"]
    done = narrow.create_many(owner, [(f"{PREFIX}/{name}", [URL]) for name in names] + [("88.118.2/x", [URL])])
    codes = [result.handle_code if isinstance(result, GongfuError) else 1 for result in done]
    assert codes == [1, 1, 101, 102, 1, 604, 400]
    assert store.count(PREFIX) == 3


def test_the_top_node_allots_secondary_prefixes(store: IdentifierStore) -> None:
    store.home("88")
    found(store, "88", b"top")
    top = Administration(store, node_prefix="88")
    who = top.authenticate_secret(Reference("0.NA/88", 300), b"top")
    top.create(who, "0.NA/88.119", [admin(Reference("0.NA/88.119", 300), ALL), key(b"below")])
    below = top.authenticate_secret(Reference("0.NA/88.119", 300), b"below")
    assert code(lambda: top.create(below, "0.NA/88.120", [URL])) == 400
    top.modify_values(below, "0.NA/88.119", [key(b"changed")])  # its own administrators change it
    assert top.homed(who) == ["88"]


def test_the_first_administrator_is_founded_and_his_key_renewed(store: IdentifierStore) -> None:
    store.home(PREFIX)
    who, secret = founding.found(store, PREFIX)
    desk = Administration(store)
    desk.create(desk.authenticate_secret(who, secret.encode()), f"{PREFIX}/a", [URL])
    again, renewed = founding.found(store, PREFIX)
    assert again == who == OWNER
    assert code(lambda: desk.authenticate_secret(who, secret.encode())) == 403
    desk.delete(desk.authenticate_secret(who, renewed.encode()), f"{PREFIX}/a")
    assert [value.type for value in desk.resolve(f"0.NA/{PREFIX}")] == ["HS_ADMIN"]


def test_identifiers_are_listed_page_by_page(desk: Administration, owner: Administrator) -> None:
    for number in range(5):
        desk.create(owner, f"{PREFIX}/{number}", [URL])
    first = desk.list_handles(owner, PREFIX, limit=3)
    assert first + desk.list_handles(owner, PREFIX, after=first[-1]) == [f"{PREFIX}/{number}" for number in range(5)]
