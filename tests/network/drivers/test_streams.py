"""Bytes over serial ports, addresses that pyserial knows, and sockets: all arrive, in order, whatever carries them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import serial.rfc2217

from gongfu.network.drivers.cable import Plug
from gongfu.network.drivers.streams import LineSettings, SocketProtocol, Stream, open_line, open_socket

SETTINGS = LineSettings(baud=19200, parity="even", stop_bits=2)


async def heard(stream: Stream, size: int) -> bytes:
    data = b""
    async with asyncio.timeout(20):
        while len(data) < size:
            data += await stream.receive()
    return data


@contextlib.contextmanager
def device_server() -> Iterator[tuple[str, serial.SerialBase]]:
    """A serial device server as pyserial makes one (RFC 2217), whose port returns what it is sent."""
    port = serial.serial_for_url("loop://", timeout=0.02)
    listening = socket.create_server(("127.0.0.1", 0))
    goes_on = True

    def serve() -> None:
        connection, _ = listening.accept()

        class Writer:
            def write(self, data: bytes) -> None:
                connection.sendall(data)

        manager = serial.rfc2217.PortManager(port, Writer())
        connection.settimeout(0.02)
        while goes_on:
            with contextlib.suppress(TimeoutError):
                data = connection.recv(1024)
                if not data:
                    break
                port.write(b"".join(manager.filter(data)))
            waiting = port.read(port.in_waiting)
            if waiting:
                connection.sendall(b"".join(manager.escape(waiting)))
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"rfc2217://127.0.0.1:{listening.getsockname()[1]}", port
    finally:
        goes_on = False
        listening.close()
        thread.join(5)
        port.close()


async def test_both_ends_of_a_serial_line_hear_each_other() -> None:
    plug = Plug()
    stream = await open_line(plug.line, SETTINGS, 5)
    everything = bytes(range(256)) * 100
    stream.send(everything)
    assert await heard(plug.stream, len(everything)) == everything
    plug.stream.send(everything)
    assert await heard(stream, len(everything)) == everything
    stream.close()
    plug.pull()


async def test_a_port_behind_a_device_server_is_set_and_used() -> None:
    with device_server() as (address, port):
        stream = await open_line(address, SETTINGS, 10)
        assert (port.baudrate, port.parity, port.stopbits) == (19200, "E", 2)
        everything = bytes(range(256)) * 4  # with 255, which the protocol has to escape
        stream.send(everything[:500])
        stream.send(everything[500:])
        assert await heard(stream, len(everything)) == everything
        stream.close()


async def test_a_port_without_a_descriptor_is_closed_by_who_waits_for_it() -> None:
    stream = await open_line("loop://", SETTINGS, 5)
    stream.send(b"hello")
    assert await heard(stream, 5) == b"hello"
    waiting = asyncio.create_task(stream.receive())
    await asyncio.sleep(0.02)
    stream.close()
    with pytest.raises(OSError, match="closed"):
        await asyncio.wait_for(waiting, 5)
    with pytest.raises(OSError, match="closed"):
        stream.send(b"x")


@pytest.mark.parametrize("line", ["/dev/none", "nonsense://x", "rfc2217://127.0.0.1:1", "loop://?logging=wrong", ""])
async def test_a_line_that_cannot_be_opened_is_an_error_of_the_line(line: str) -> None:
    with pytest.raises(OSError, match=r"."):
        await open_line(line, SETTINGS, 10)


async def test_an_address_that_never_answers_is_given_up_in_time(serve) -> None:
    over = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    with pytest.raises(TimeoutError):
        await open_line(f"rfc2217://127.0.0.1:{await serve(silent)}", SETTINGS, 0.2)
    over.set()


async def test_who_does_not_fetch_makes_the_sender_wait_and_loses_nothing() -> None:
    streams: list[Stream] = []

    def called() -> SocketProtocol:
        streams.append(Stream("caller"))
        return SocketProtocol(streams[-1])

    server = await asyncio.get_running_loop().create_server(called, "127.0.0.1", 0)
    sender = socket.create_connection(server.sockets[0].getsockname())
    sender.setblocking(False)
    await asyncio.sleep(0.05)
    sent = 0
    for _ in range(2000):
        with contextlib.suppress(BlockingIOError):
            sent += sender.send(bytes(65536))
        await asyncio.sleep(0)
    assert sent < 100_000_000  # the sender had to wait
    assert len(streams[0]._received) < 2_000_000
    assert len(await heard(streams[0], sent)) == sent
    sender.close()
    with pytest.raises(OSError, match="closed"):
        await asyncio.wait_for(streams[0].receive(), 5)
    server.close()


async def test_what_arrived_before_the_end_is_still_fetched(serve) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"the end")

    stream = await open_socket("127.0.0.1", await serve(talk), 5)
    await asyncio.sleep(0.05)
    assert await heard(stream, 7) == b"the end"
    with pytest.raises(OSError, match="closed"):
        await asyncio.wait_for(stream.receive(), 5)
