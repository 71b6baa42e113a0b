"""A resolver with an administrated prefix, for tests of both ends of the protocol."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gongfu.identity.handle import keys, proofs
from gongfu.identity.handle.admin_record import ALL, AdminRecord, encode_admin
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import Handle, prefix_handle
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.administration import Administration
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Counters, Transport, shared
from gongfu.identity.resolver.desk import Desk, assemble
from gongfu.identity.resolver.server import TcpServer, bind, serve_udp
from gongfu.kernel.errors import Conflict

PREFIX = "88.118.1"
SECRET = "geheimer Schlüssel 秘钥".encode()
ADMIN_ONLY = Permission.ADMIN_READ | Permission.ADMIN_WRITE
KEYS = {algorithm: keys.generate(algorithm) for algorithm in keys.Algorithm if algorithm is not keys.Algorithm.DSA}
INDEXES = {algorithm: 300 + number for number, algorithm in enumerate(KEYS)}
SECRET_INDEX = 310
NODE_KEY = KEYS[keys.Algorithm.RSA]
SITE = b"what describes this server"


@dataclass
class Node:
    """A running resolver and its store."""

    store: IdentifierStore
    port: int
    desk: Desk


def administrator(index: int) -> Reference:
    """Someone who administers the prefix."""
    return Reference(f"0.NA/{PREFIX}", index)


def credential(algorithm: keys.Algorithm | None = None) -> proofs.SecretKey | proofs.PrivateKey:
    """The secret key, or the private key of that kind."""
    if algorithm is None:
        return proofs.SecretKey(administrator(SECRET_INDEX), SECRET)
    return proofs.PrivateKey(administrator(INDEXES[algorithm]), KEYS[algorithm])


def populate(store: IdentifierStore) -> None:
    """The prefix with its administrators, and two identifiers."""
    store.home(PREFIX)
    store.home("88.118")
    handle = prefix_handle(PREFIX)
    values = [Value(100, "HS_ADMIN", encode_admin(AdminRecord(Reference(str(handle), 0), ALL)))]
    values += [Value(INDEXES[name], "HS_PUBKEY", key.public.encode()) for name, key in KEYS.items()]
    values += [Value(SECRET_INDEX, "HS_SECKEY", SECRET, permissions=ADMIN_ONLY)]
    store.put(Record(handle, tuple(values), 1, 1))
    store.put(Record(prefix_handle("88.118"), (values[0],), 1, 1))
    shown, hidden = Value(1, "URL", b"https://example.com/1"), Value(2, "NOTE", b"hidden", permissions=ADMIN_ONLY)
    store.put(Record(Handle(PREFIX, "CNC-01"), (shown, hidden), 1, 1))


@contextlib.asynccontextmanager
async def running(store: IdentifierStore, *, patience: float = 5.0) -> AsyncIterator[Node]:
    """A node that answers over UDP and TCP."""
    populate(store)
    for _ in range(20):  # a TCP port whose UDP twin is free as well
        tcp = bind("127.0.0.1", 0, socket.SOCK_STREAM)
        with contextlib.suppress(Conflict):
            udp = bind("127.0.0.1", tcp.getsockname()[1], socket.SOCK_DGRAM)
            break
        tcp.close()
    counters = Counters(shared(1))
    administration = Administration(store, node_prefix="88.118")
    desk = assemble(store, administration, key=NODE_KEY, site=lambda: SITE)
    server = TcpServer(Answerer(store, counters, Transport.TCP, desk), idle=5.0, patience=patience)
    async with server.serving(tcp):
        with contextlib.closing(udp), serve_udp(udp, Answerer(store, counters, Transport.UDP, desk)):
            yield Node(store, udp.getsockname()[1], desk)
