"""Measuring real sockets on loopback: open, closed, silent, and what may not be measured."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import msgspec
import pytest
from nats.aio.client import Client

from gongfu.kernel.errors import unpacked
from gongfu.network.discovery.ranges import permitted
from gongfu.network.gateway.asking import Failed, Measure, Measurements
from gongfu.network.gateway.desk import Desk
from gongfu.network.map import probing
from gongfu.network.map.addresses import Address
from gongfu.network.map.measuring import summary
from gongfu.network.map.probing import Prober, is_reply
from gongfu.network.map.shapes import Measured, Readiness, Target

HERE = permitted(["127.0.0.0/8"])
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40  # linux/sockios.h, linux/if.h


@pytest.fixture
async def listener() -> AsyncIterator[int]:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "RATE", 1000.0)
    monkeypatch.setattr(probing, "APART", 0.0)


@pytest.fixture
def no_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prober, "may_echo", lambda _self: False)


async def measured(port: int, host: str = "127.0.0.1", probes: int = 3, prober: Prober | None = None) -> Measured:
    target = Target(key="d1", host=host, port=port)
    return (await (prober or Prober(HERE, set)).measure([target], probes))[0]


@pytest.mark.usefixtures("no_ping")
async def test_without_ping_an_open_port_is_measured_by_connections(listener: int) -> None:
    found = await measured(listener)
    assert (found.method, found.service) == ("tcp", "open")
    assert len(found.times) == 3
    assert all(time is not None and time >= 0 for time in found.times)
    assert found.connect is not None
    assert found.mtu > 500
    assert found.ipv6 is Readiness.NONE
    assert summary(found.times).loss == 0


@pytest.mark.usefixtures("no_ping")
async def test_a_closed_port_still_tells_how_far_the_host_is() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, nobody listens
        found = await measured(held.getsockname()[1])
    assert found.service == "closed"
    assert None not in found.times


@pytest.mark.usefixtures("no_ping")
async def test_a_silent_host_is_lost_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "WAIT", 0.2)
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # its queue holds one: after that Linux answers no SYN
        for waiting in (first, second):
            waiting.setblocking(False)
            with pytest.raises(BlockingIOError):
                waiting.connect(full.getsockname())
        await asyncio.sleep(0.05)
        found = await measured(full.getsockname()[1], probes=5)
    assert found.service == "silent"
    assert found.connect is None
    assert summary(found.times).loss == 1.0


async def test_one_silent_target_does_not_keep_the_others_waiting(listener: int) -> None:
    prober = Prober(HERE, set)
    targets = [Target(key=f"d{number}", host="127.0.0.1", port=listener) for number in range(10)]
    found = await prober.measure(targets, 2)
    assert [one.key for one in found] == [target.key for target in targets]
    assert all(one.service == "open" and not one.problem for one in found)


def permitting_ping() -> None:
    """Take this thread into a network of its own (Linux, root) in which ping sockets are permitted."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise PermissionError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP | _IFF_RUNNING))
    Path("/proc/sys/net/ipv4/ping_group_range").write_text(f"{os.getgid()} {os.getgid()}", "ascii")


def test_ping_is_used_where_the_kernel_allows_it() -> None:
    async def ping() -> tuple[Measured, bool]:
        prober = Prober(HERE, set)
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            return await measured(server.sockets[0].getsockname()[1], prober=prober), prober.host().echoes

    def work() -> tuple[Measured, bool]:
        if not Prober(HERE, set).may_echo():
            permitting_ping()
        return asyncio.run(ping())

    with ThreadPoolExecutor(1) as apart:
        try:
            found, echoes = apart.submit(work).result(60)
        except PermissionError:
            pytest.skip("net.ipv4.ping_group_range does not name this user, who may not make a network of its own")
    assert (found.method, found.service) == ("icmp", "open")
    assert summary(found.times).lost == 0
    assert echoes


async def test_ipv6_loopback_answers_and_counts_only_for_its_own_link() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    try:
        server = await asyncio.start_server(hang_up, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await measured(port, "::1", prober=Prober(permitted(["::1/128"]), set))
    assert found.service == "open"
    assert summary(found.times).lost == 0
    assert found.ipv6 is Readiness.LOCAL


@pytest.mark.parametrize("host", ["10.9.8.7", "192.0.2.1", "::1", "plc-7.example", "169.254.1.1"])
async def test_what_nobody_permitted_is_not_touched(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("a packet was sent")

    monkeypatch.setattr(Prober, "_measured", never)
    found = await measured(502, host)
    assert not found.times
    assert host in unpacked(found.problem, "en")


@pytest.mark.usefixtures("no_ping")
async def test_a_configured_device_may_be_measured_on_its_own_port_only(listener: int) -> None:
    prober = Prober([], lambda: {Address("127.0.0.1", listener)})
    assert (await measured(listener, prober=prober)).service == "open"
    assert (await measured(listener + 1, prober=prober)).problem


@pytest.mark.usefixtures("no_ping")
async def test_a_name_that_nobody_knows_is_a_loss_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(_host: str) -> list[probing.Resolved]:
        return []

    monkeypatch.setattr(probing, "_resolve", unknown)
    found = await measured(502, "plc-7", prober=Prober([], lambda: {Address("plc-7", 502)}))
    assert summary(found.times).loss == 1.0
    assert "plc-7" in unpacked(found.problem, "en")


@pytest.mark.usefixtures("no_ping")
async def test_the_desk_of_a_gateway_answers_what_it_measured(listener: int) -> None:
    prober = Prober(HERE, set)
    desk = Desk("local", cast("Client", object()), lambda _number: None, prober=prober)
    question = Measure(targets=[Target(key="e1", host="127.0.0.1", port=listener)], probes=2)
    answer = await desk.answer(msgspec.json.encode(question))
    assert isinstance(answer, Measurements)
    assert (answer.results[0].key, answer.results[0].service) == ("e1", "open")
    many = msgspec.json.encode({"type": "measure", "targets": [{"key": "a", "host": "b"}] * 17})
    assert isinstance(await desk.answer(many), Failed)


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (bytes([0, 0, 1, 2, 3, 4, 0, 7]), True),
        (bytes([0, 0, 1, 2, 3, 4, 0, 6]), False),  # another one's
        (bytes([3, 1, 1, 2, 3, 4, 0, 7]), False),  # destination unreachable
        (b"\0\0\0", False),
        (b"", False),
    ],
)
def test_only_the_reply_to_this_request_counts(data: bytes, right: bool) -> None:
    assert is_reply(data, 0, 7) is right


def test_the_gateway_knows_its_own_addresses() -> None:
    host = Prober([], set).host()
    assert host.ipv6 in Readiness
    assert bool(host.address) == (host.ipv6 is not Readiness.NONE)
