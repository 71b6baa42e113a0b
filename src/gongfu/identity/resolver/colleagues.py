"""The workers of one node beside each other: who holds a session or a challenge, and the way there.

A session lives in one worker, but the system gives each new connection to any. So a session's number says whose it is
(the remainder by the number of workers), and a worker that gets a message of another's session hands the connection,
or over UDP the one message, to that worker over a Unix socket that only this user can open.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Container
from pathlib import Path

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import MAX_MESSAGE
from gongfu.identity.handle.errors import Malformed

_LARGEST = 2**31 - 1  # positive as a signed number: Java's clients take the rest for none
_SECONDS = 10.0


class Colleagues:
    """All workers, of which this process is ``worker``; alone without a ``folder`` for their sockets."""

    def __init__(self, folder: Path | None = None, worker: int = 0, workers: int = 1) -> None:
        self._folder = folder
        self._worker = worker
        self._workers = workers if folder else 1

    @property
    def own(self) -> Path | None:
        """Where the others reach this one; None when there are no others."""
        return self._folder / str(self._worker) if self._folder else None

    def new_number(self, taken: Container[int]) -> int:
        """A number, not one of ``taken``, for a session or a challenge of this worker."""
        while True:
            number = secrets.randbelow(_LARGEST // self._workers) * self._workers + self._worker
            if number and number not in taken:
                return number

    def holder(self, session: int) -> Path | None:
        """Where the worker is reached that holds that session; None when it is this one."""
        worker = session % self._workers
        return self._folder / str(worker) if session and self._folder and worker != self._worker else None


ALONE = Colleagues()


def ask(path: Path, envelope: wire.Envelope, payload: bytes) -> wire.Message | None:
    """What the worker at ``path`` answers to one message that is not encrypted; None when it does not answer."""
    with contextlib.suppress(OSError, Malformed), socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_SECONDS)
        sock.connect(str(path))
        sock.sendall(wire.encode_envelope(envelope) + payload)
        answer = wire.decode_envelope(_octets(sock, wire.ENVELOPE.size))
        if answer.length <= MAX_MESSAGE:
            return wire.decode_payload(answer, _octets(sock, answer.length))
    return None


def _octets(sock: socket.socket, number: int) -> bytes:
    found = b""
    while len(found) < number:
        more = sock.recv(number - len(found))
        if not more:
            raise ConnectionResetError
        found += more
    return found


class Pipe(asyncio.Protocol):
    """One end of a connection that is handed over: what comes in goes out at ``other``."""

    def __init__(self, other: asyncio.Transport, gone: Callable[[], None]) -> None:
        self._other = other
        self._gone = gone

    def data_received(self, data: bytes) -> None:
        """Passes it on."""
        self._other.write(data)

    def eof_received(self) -> bool:
        """Passes it on; what is answered may still come."""
        if self._other.can_write_eof():
            self._other.write_eof()
        return True

    def pause_writing(self) -> None:
        """This end is slow: the other waits."""
        with contextlib.suppress(RuntimeError):
            self._other.pause_reading()

    def resume_writing(self) -> None:
        """It took what there was."""
        with contextlib.suppress(RuntimeError):
            self._other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end goes, too."""
        self._other.close()
        self._gone()


async def join(peer: asyncio.Transport, path: Path, waiting: Callable[[], bytes], gone: Callable[[], None]) -> None:
    """From now on ``peer`` speaks with the worker at ``path``, which first gets the octets ``waiting``.

    ``gone`` is called when ``peer`` has gone. Raises :class:`OSError` when that worker is not there.
    """
    loop = asyncio.get_running_loop()
    worker, _ = await loop.create_unix_connection(lambda: Pipe(peer, _nothing), str(path))
    peer.set_protocol(Pipe(worker, gone))
    worker.write(waiting())
    peer.resume_reading()
    if peer.is_closing():
        worker.close()


def _nothing() -> None:
    pass
