"""Administration over the Handle protocol, with the clients, by every kind of key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gongfu.identity.handle import keys, proofs
from gongfu.identity.handle.client_async import AsyncHandleClient
from gongfu.identity.handle.client_sync import HandleClient
from gongfu.identity.handle.errors import CannotAuthenticate, NotAuthenticated, Untrusted
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from tests.identity.resolver.node import KEYS, NODE_KEY, PREFIX, SECRET, SITE, Node, administrator, credential, running

NEW = (Value(1, "URL", b"https://example.com/new"), Value(2, "NAME", "新".encode()))


@pytest.fixture
async def node(store: IdentifierStore) -> AsyncIterator[Node]:
    async with running(store) as found:
        yield found


def through_everything(client: HandleClient) -> None:
    """Every operation once, as an administrator."""
    handle = f"{PREFIX}/NEW-01"
    assert client.create(handle, NEW) == handle
    assert client.resolve(handle).text("NAME") == "新"
    with pytest.raises(Conflict):
        client.create(handle, NEW)
    client.create(handle, NEW, overwrite=True)
    client.add_values(handle, [Value(3, "MAKER", b"x")])
    with pytest.raises(Conflict):
        client.add_values(handle, [Value(3, "MAKER", b"y")])
    client.add_values(handle, [Value(3, "MAKER", b"y")], overwrite=True)
    client.modify_values(handle, [Value(1, "URL", b"https://example.com/other")])
    with pytest.raises(NotFound):
        client.modify_values(handle, [Value(9, "URL", b"")])
    client.remove_values(handle, [2])
    found = client.resolve(handle, public_only=False)
    assert [(value.index, value.data) for value in found.values] == [(1, b"https://example.com/other"), (3, b"y")]
    minted = client.create(f"{PREFIX}/AUTO-", NEW, mint=True)
    assert minted.startswith(f"{PREFIX}/AUTO-")
    assert sorted(client.list_handles(PREFIX)) == sorted([f"{PREFIX}/CNC-01", handle, minted])
    client.delete(handle)
    client.delete(minted)
    with pytest.raises(NotFound):
        client.delete(handle)
    assert client.list_prefixes("88.118") == [f"0.NA/{PREFIX}"]
    client.home("88.118.7")
    assert client.homed() == ["0.NA/88.118", f"0.NA/{PREFIX}", "0.NA/88.118.7"]
    client.unhome("88.118.7")
    with pytest.raises(NotFound):
        client.unhome("88.118.7")
    assert client.site() == SITE
    assert client.resolve(f"{PREFIX}/CNC-01", types=["NOTE"], public_only=False).text("NOTE") == "hidden"


@pytest.mark.parametrize("algorithm", [None, *KEYS])
@pytest.mark.parametrize("mode", [{}, {"session": True}, {"encrypt": True}], ids=["each", "session", "encrypted"])
async def test_an_administrator_does_everything_with_any_kind_of_key(
    node: Node, algorithm: keys.Algorithm | None, mode: dict[str, bool]
) -> None:
    def work() -> None:
        with HandleClient(port=node.port, credential=credential(algorithm), **mode) as client:
            through_everything(client)

    await asyncio.to_thread(work)


async def test_answers_are_signed_by_the_server_and_checked(node: Node) -> None:
    def work(key: keys.PublicKey, session: bool) -> None:
        with HandleClient(port=node.port, credential=credential(), server_key=key, session=session) as client:
            through_everything(client)

    await asyncio.to_thread(work, NODE_KEY.public, False)
    await asyncio.to_thread(work, NODE_KEY.public, True)
    for session in (False, True):
        with pytest.raises(Untrusted):
            await asyncio.to_thread(work, keys.generate(keys.Algorithm.RSA).public, session)


@pytest.mark.parametrize("mode", [{}, {"session": True}, {"encrypt": True}], ids=["each", "session", "encrypted"])
async def test_many_requests_are_under_way_on_one_connection(node: Node, mode: dict[str, bool]) -> None:
    async with AsyncHandleClient(port=node.port, credential=credential(), **mode) as client:
        names = [f"{PREFIX}/P-{number:03}" for number in range(60)]
        await asyncio.gather(*(client.create(name, NEW) for name in names))
        found = await asyncio.gather(*(client.resolve(name) for name in names))
        assert [answer.handle for answer in found] == names
        assert {answer.transport for answer in found} == {"tcp"}
        assert len(await client.list_handles(PREFIX)) == 61
        await asyncio.gather(*(client.delete(name) for name in names))
        assert await client.list_handles(PREFIX) == [f"{PREFIX}/CNC-01"]


async def test_the_asynchronous_client_does_everything(node: Node) -> None:
    async with AsyncHandleClient(port=node.port, credential=credential(), server_key=NODE_KEY.public) as client:
        handle = await client.create(f"{PREFIX}/A", NEW)
        await client.add_values(handle, [Value(3, "MAKER", b"x")])
        await client.modify_values(handle, [Value(3, "MAKER", b"y")])
        await client.remove_values(handle, [1])
        assert [value.data for value in (await client.resolve(handle)).values] == [NEW[1].data, b"y"]
        assert await client.list_prefixes("88.118") == [f"0.NA/{PREFIX}"]
        await client.home("88.118.7")
        assert "0.NA/88.118.7" in await client.homed()
        await client.unhome("88.118.7")
        assert await client.site() == SITE
        await client.login(administrator(310))
        await client.delete(handle)


async def test_a_list_longer_than_a_message_comes_whole(node: Node) -> None:
    names = [f"{PREFIX}/{'X' * 100}-{number:05}" for number in range(5_000)]
    node.store.put_many(Record(parse(name), NEW, 1, 1) for name in names)
    async with AsyncHandleClient(port=node.port, credential=credential()) as client:
        assert len(await client.list_handles(PREFIX)) == 5_001


@pytest.mark.parametrize(
    ("proof", "error"),
    [
        (None, NotAuthenticated),
        (proofs.SecretKey(administrator(310), b"wrong"), NotAuthenticated),
        (proofs.SecretKey(administrator(300), SECRET), NotAuthenticated),
        (proofs.PrivateKey(administrator(300), keys.generate(keys.Algorithm.EC)), NotAuthenticated),
        (proofs.SecretKey(administrator(999), SECRET), CannotAuthenticate),
        (proofs.SecretKey(Reference("0.NA/88.999.1", 300), SECRET), CannotAuthenticate),
        (proofs.SecretKey(Reference("\x00", 300), SECRET), CannotAuthenticate),
    ],
)
async def test_who_cannot_prove_himself_changes_nothing(
    node: Node, proof: proofs.SecretKey | proofs.PrivateKey | None, error: type[Exception]
) -> None:
    for mode in ({}, {"session": True}):
        async with AsyncHandleClient(port=node.port, credential=proof, **mode) as client:
            for attempt in (client.create(f"{PREFIX}/X", NEW), client.delete(f"{PREFIX}/CNC-01"), client.homed()):
                with pytest.raises(error):
                    await attempt
    assert node.store.count(PREFIX) == 1


async def test_an_administrator_of_one_prefix_is_nobody_under_another(node: Node) -> None:
    node.store.home("88.118.2")
    async with AsyncHandleClient(port=node.port, credential=credential()) as client:
        with pytest.raises(Forbidden):
            await client.create("88.118.2/X", NEW)
        with pytest.raises(NotFound):
            await client.create("88.999.2/X", NEW)
        with pytest.raises(Invalid):
            await client.create("nonsense", NEW)
        with pytest.raises(Invalid):
            await client.create(f"{PREFIX}/a\x00b", NEW)


async def test_a_server_that_is_not_there_is_unavailable(node: Node) -> None:
    async with AsyncHandleClient(port=1, credential=credential(), timeout=1) as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await client.delete(f"{PREFIX}/X")
    with HandleClient(port=1, credential=credential(), timeout=1) as blocking, pytest.raises(Unavailable):
        await asyncio.to_thread(blocking.delete, f"{PREFIX}/X")


async def test_a_connection_the_server_closed_meanwhile_is_opened_again(node: Node) -> None:
    async with AsyncHandleClient(port=node.port, credential=credential(), session=True) as client:
        await client.create(f"{PREFIX}/A", NEW)
        assert client._line is not None
        client._line._writer.transport.abort()
        await asyncio.sleep(0.05)
        await client.create(f"{PREFIX}/B", NEW)
    assert node.store.count(PREFIX) == 3
