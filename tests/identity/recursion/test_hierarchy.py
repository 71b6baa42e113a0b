"""Top, secondary, enterprise and recursive as four processes, and a resolution through all of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import OpFlag, ResponseCode
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.recursion import paths
from gongfu.identity.recursion.endpoints import Endpoint
from gongfu.identity.recursion.errors import Lame, Loop, Unreachable
from gongfu.identity.recursion.trace import Problem, asked_over_network
from gongfu.identity.registry.records import Record
from gongfu.kernel.errors import NotFound

from .nodes import Node, delegation

pytestmark = pytest.mark.node


class Hierarchy:
    """The four of them."""

    def __init__(self, folder: Path) -> None:
        self.top = Node(folder / "top", "top")
        self.secondary = Node(folder / "secondary", "secondary")
        self.enterprise = Node(folder / "enterprise", "enterprise")
        self.recursive = Node(folder / "recursive", "recursive", roots=self.top.address)
        self.top.write(delegation("88.118", self.secondary.port), home=["88"])
        self.secondary.write(delegation("88.118.1", self.enterprise.port), home=["88.118"])
        self.enterprise.write(record("88.118.1/CNC-01"), record("88.118.1/SHORT", ttl=1), home=["88.118.1"])

    @property
    def all(self) -> tuple[Node, ...]:
        return self.top, self.secondary, self.enterprise, self.recursive

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.recursive.recursive, self.recursive.recursive)

    def udp(self, handle: str, flags: OpFlag = OpFlag.RECURSIVE) -> wire.Message:
        """Asked by hand over UDP."""
        envelope, payload = wire.resolve_message(wire.ResolveRequest(handle), 77, flags)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(wire.encode_envelope(envelope) + payload, ("127.0.0.1", self.recursive.recursive))
            answer = sock.recv(2048)
        return wire.decode_payload(wire.decode_envelope(answer), answer[20:])


def record(handle: str, ttl: int = 86_400) -> Record:
    return Record(parse(handle), (Value(1, "URL", b"http://a.test/", ttl), Value(2, "NAME", b"Mill", ttl)), 1, 1)


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hierarchy]:
    made = Hierarchy(tmp_path_factory.mktemp("hierarchy"))
    try:
        for node in made.all:
            node.start()
        for node in made.all:
            node.ready()
        yield made
    finally:
        for node in made.all:
            node.kill()


def test_an_identifier_of_the_enterprise_is_resolved_through_all_four_over_tcp_and_udp(hierarchy: Hierarchy) -> None:
    path = paths.told("88.118.1/CNC-01", hierarchy.endpoint)
    assert [value.text for value in path.values] == ["http://a.test/", "Mill"]
    assert [hop.server for hop in path.trace.hops] == [
        hierarchy.top.address,
        hierarchy.secondary.address,
        hierarchy.enterprise.address,
    ]
    assert [hop.service for hop in path.trace.hops] == ["", "88.118", "88.118.1"]
    assert all(hop.took_ms > 0 for hop in path.trace.hops)
    answer = hierarchy.udp("88.118.1/cnc-01")
    response = wire.decode_response(answer)
    assert isinstance(response, wire.ResolveResponse)
    assert response.handle == "88.118.1/cnc-01"
    assert response.values == path.values
    assert not answer.header.flags & OpFlag.AUTHORITATIVE
    assert asked_over_network(paths.told("88.118.1/CNC-01", hierarchy.endpoint).trace.hops) == 0


def test_a_cached_answer_over_udp_is_octet_for_octet_that_of_the_long_way(hierarchy: Hierarchy) -> None:
    hierarchy.udp("88.118.1/CNC-01")
    quick = hierarchy.udp("88.118.1/CNC-01")
    with socket.create_connection(("127.0.0.1", hierarchy.recursive.recursive), timeout=5) as tcp:
        envelope, payload = wire.resolve_message(wire.ResolveRequest("88.118.1/CNC-01"), 77, OpFlag.RECURSIVE)
        tcp.sendall(wire.encode_envelope(envelope) + payload)
        answer = tcp.makefile("rb").read()
    assert wire.decode_payload(wire.decode_envelope(answer), answer[20:]) == quick
    assert 'gongfu_recursion_answers_total{result="hit"}' in hierarchy.recursive.metrics()


def test_what_is_not_registered_is_not_found_and_a_foreign_prefix_neither(hierarchy: Hierarchy) -> None:
    for handle in ("88.118.1/NOTHING", "88.118.99/A", "88.999/A"):
        assert hierarchy.udp(handle).header.response == ResponseCode.HANDLE_NOT_FOUND
        with pytest.raises(NotFound):
            paths.ask(handle, hierarchy.endpoint)


def test_without_the_recursive_flag_only_what_is_known_is_told(hierarchy: Hierarchy) -> None:
    hierarchy.udp("88.118.1/CNC-01")
    assert hierarchy.udp("88.118.1/CNC-01", wire.NO_FLAG).header.response == ResponseCode.SUCCESS
    assert hierarchy.udp("88.118.1/UNKNOWN-7", wire.NO_FLAG).header.response == ResponseCode.NOT_RESPONSIBLE


def test_a_path_can_be_followed_without_the_recursive_node(hierarchy: Hierarchy) -> None:
    path = paths.follow("88.118.1/CNC-01", [Endpoint("127.0.0.1", hierarchy.top.port, hierarchy.top.port)])
    assert len(path.trace.hops) == 3
    assert path.values


def test_a_killed_enterprise_node_is_bridged_by_the_old_answer_and_back_after_its_restart(
    hierarchy: Hierarchy,
) -> None:
    assert paths.told("88.118.1/SHORT", hierarchy.endpoint).values
    time.sleep(1.1)
    hierarchy.enterprise.kill()
    old = paths.told("88.118.1/SHORT", hierarchy.endpoint)
    assert old.trace.stale
    assert old.trace.hops[-1].stale
    assert next(hop.problem for hop in old.trace.hops if hop.server == hierarchy.enterprise.address) is Problem.SILENT
    assert {value.ttl for value in old.values} == {30}
    response = wire.decode_response(hierarchy.udp("88.118.1/SHORT"))
    assert isinstance(response, wire.ResolveResponse)
    assert response.values == old.values
    unknown = paths.told("88.118.1/NEVER-SEEN", hierarchy.endpoint)
    assert isinstance(unknown.error, Unreachable)
    assert hierarchy.enterprise.address in str(unknown.error)
    hierarchy.enterprise.start()
    hierarchy.enterprise.ready()
    assert paths.told("88.118.1/CNC-01", hierarchy.endpoint).values
    assert hierarchy.udp("88.118.1/NEVER-SEEN-2").header.response == ResponseCode.HANDLE_NOT_FOUND


def test_a_prefix_that_is_said_to_be_served_where_it_is_not_is_lame(hierarchy: Hierarchy) -> None:
    hierarchy.secondary.write(delegation("88.118.2", hierarchy.enterprise.port))
    path = paths.told("88.118.2/A", hierarchy.endpoint)
    assert isinstance(path.error, Lame)
    assert path.trace.hops[-1].server == hierarchy.enterprise.address


def test_two_nodes_that_name_each_other_are_a_loop(hierarchy: Hierarchy) -> None:
    hierarchy.secondary.write(delegation("88.118.3", hierarchy.enterprise.port))
    hierarchy.enterprise.write(delegation("88.118.3", hierarchy.secondary.port))
    path = paths.told("88.118.3/A", hierarchy.endpoint)
    assert isinstance(path.error, Loop)
    assert len(path.trace.hops) < 8


@contextlib.contextmanager
def liar(answer: bytes | None, *, number: int = 0) -> Iterator[int]:
    """A child on UDP and TCP that gives every question the same answer; ``number`` is added to the request id."""

    async def main(ready: asyncio.Future[int], stop: asyncio.Event) -> None:
        class Udp(asyncio.DatagramProtocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                self.transport.sendto(made(data), addr)  # type: ignore[attr-defined]

        async def tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readexactly(20)
            writer.write(made(head + await reader.readexactly(int.from_bytes(head[16:20], "big"))))
            writer.close()

        def made(question: bytes) -> bytes:
            asked = int.from_bytes(question[8:12], "big")
            payload = answer if answer is not None else b"\0" * 7
            head = struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, (asked + number) % 2**32, 0, len(payload))
            return head + payload

        server = await asyncio.start_server(tcp, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Udp, local_addr=("127.0.0.1", port))
        ready.set_result(port)
        await stop.wait()
        transport.close()
        server.close()

    import threading

    found: list[int] = []
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    def run() -> None:
        async def body() -> None:
            ready = loop.create_future()
            ready.add_done_callback(lambda done: (found.append(done.result()), started.set()))
            await main(ready, stop)

        loop.run_until_complete(body())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def answer_for(handle: str, flags: OpFlag = OpFlag.AUTHORITATIVE) -> bytes:
    body = wire.encode_resolve_response(wire.ResolveResponse(handle, (Value(1, "URL", b"http://evil.test/"),)))
    return wire.encode_payload(wire.Header(1, ResponseCode.SUCCESS, flags), body)


@pytest.mark.parametrize(
    ("prefix", "answer", "number", "problem"),
    [
        ("88.118.11", answer_for("88.118.11/OTHER"), 0, Problem.OTHER_IDENTIFIER),
        ("88.118.12", answer_for("88.118.12/A", wire.NO_FLAG), 0, Problem.NOT_AUTHORITATIVE),
        ("88.118.13", answer_for("88.118.13/A"), 1, Problem.FOREIGN),
        ("88.118.14", None, 0, Problem.UNREADABLE),
    ],
)
def test_a_child_that_lies_is_named_and_not_believed(
    hierarchy: Hierarchy, prefix: str, answer: bytes | None, number: int, problem: Problem
) -> None:
    with liar(answer, number=number) as port:
        hierarchy.secondary.write(delegation(prefix, port))
        path = paths.told(f"{prefix}/A", hierarchy.endpoint)
        assert not path.values
        assert isinstance(path.error, Lame)
        assert path.trace.hops[-1].problem is problem
        assert f"127.0.0.1:{port}" in str(path.error)
        assert hierarchy.udp(f"{prefix}/A").header.response == ResponseCode.ERROR


def test_who_asks_is_forwarded_to_the_authority_when_wished(hierarchy: Hierarchy) -> None:
    flags = OpFlag.RECURSIVE | OpFlag.FORWARD_IDENTITY
    assert hierarchy.udp("0.NA/88.118.1", flags).header.response == ResponseCode.SUCCESS
