"""A client for everything a Handle server does, blocking.

>>> with HandleClient("127.0.0.1", credential=key) as client:            # doctest: +SKIP
...     client.create("88.118.1/CNC-01", [Value(1, "URL", b"https://example.com/")])
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from gongfu.identity.handle import client as public
from gongfu.identity.handle import conversation, keys, wire
from gongfu.identity.handle.client import Resolution
from gongfu.identity.handle.codes import PORT, OpCode, OpFlag
from gongfu.identity.handle.conversation import Answers, Conversation, Credential, Request, Talk
from gongfu.identity.handle.wire import Value
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark


class HandleClient:
    """Speaks to one server over one TCP connection that it keeps; public values it asks for over UDP first.

    Methods raise the error of :mod:`gongfu.kernel.errors` that the server's answer stands for, and
    :class:`Unavailable` when there is none. Safe to use from several threads, which then wait for each other.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = PORT,
        *,
        credential: Credential | None = None,
        session: bool = False,
        encrypt: bool = False,
        server_key: keys.PublicKey | None = None,
        timeout: float = 10.0,
    ) -> None:
        """``timeout`` in seconds for each exchange; the rest as :class:`Conversation` takes it."""
        self._address = (host, port)
        self._server = f"{host}:{port}"
        self._timeout = timeout
        self._plain = not (session or encrypt or server_key)
        self._talk = Conversation(
            self._server, credential=credential, session=session, encrypt=encrypt, server_key=server_key
        )
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session and the connection."""
        try:
            if self._socket is not None:
                self._run(self._talk.end())
        except Unavailable:
            pass  # it ends by itself
        finally:
            self._hang_up()

    def resolve(
        self, handle: str, *, indexes: Sequence[int] = (), types: Sequence[str] = (), public_only: bool = True
    ) -> Resolution:
        """The values of ``handle``; those for administrators only as well unless ``public_only``."""
        if public_only and self._plain:
            host, port = self._address
            return public.resolve(handle, host=host, port=port, indexes=indexes, types=types, timeout=self._timeout)
        start = time.monotonic()
        [answer] = self._run(conversation.resolve(self._talk, handle, indexes, types, public_only=public_only))
        found = wire.decode_resolve_response(answer.content)
        authoritative = bool(answer.header.flags & OpFlag.AUTHORITATIVE)
        return Resolution(found.handle, found.values, authoritative, "tcp", self._server, time.monotonic() - start)

    def create(self, handle: str, values: Sequence[Value], *, overwrite: bool = False, mint: bool = False) -> str:
        """Registers ``handle`` and returns it; with ``mint`` the server completes its suffix."""
        return conversation.minted(
            self._run(conversation.create(self._talk, handle, values, overwrite=overwrite, mint=mint)), handle
        )

    def delete(self, handle: str) -> None:
        """Removes ``handle`` with all its values."""
        self._run(conversation.about(self._talk, OpCode.DELETE, handle))

    def add_values(self, handle: str, values: Sequence[Value], *, overwrite: bool = False) -> None:
        """Adds values; with ``overwrite`` those that are there are changed."""
        self._run(conversation.change(self._talk, OpCode.ADD_VALUE, handle, values, overwrite=overwrite))

    def modify_values(self, handle: str, values: Sequence[Value]) -> None:
        """Changes values that are there."""
        self._run(conversation.change(self._talk, OpCode.MODIFY_VALUE, handle, values))

    def remove_values(self, handle: str, indexes: Sequence[int]) -> None:
        """Removes the values with these indexes."""
        self._run(conversation.remove(self._talk, handle, indexes))

    def list_handles(self, prefix: str) -> list[str]:
        """Identifiers under ``prefix``, all of them."""
        return conversation.handles(self._run(conversation.about(self._talk, OpCode.LIST, f"0.NA/{prefix}")))

    def list_prefixes(self, prefix: str) -> list[str]:
        """Handles of the prefixes below ``prefix``."""
        talk = conversation.about(self._talk, OpCode.LIST_DERIVED_PREFIXES, f"0.NA/{prefix}")
        return conversation.handles(self._run(talk))

    def home(self, prefix: str) -> None:
        """Lets the server answer for ``prefix``."""
        self._run(conversation.about(self._talk, OpCode.HOME_PREFIX, f"0.NA/{prefix}"))

    def unhome(self, prefix: str) -> None:
        """Lets the server no longer answer for ``prefix``."""
        self._run(conversation.about(self._talk, OpCode.UNHOME_PREFIX, f"0.NA/{prefix}"))

    def homed(self) -> list[str]:
        """Handles of the prefixes the server answers for."""
        return conversation.handles(self._run(conversation.about(self._talk, OpCode.LIST_HOMED_PREFIXES, "")))

    def site(self) -> bytes:
        """The server's description of itself, as HS_SITE values hold it."""
        return self._run(conversation.about(self._talk, OpCode.GET_SITE, ""))[0].content

    def login(self, administrator: wire.Reference) -> None:
        """Signs in to the national system (operation 2001): proves the credential, does nothing else."""
        self._run(conversation.login(self._talk, administrator))

    # --- the connection ---

    def _run(self, talk: Talk) -> Answers:
        with self._lock:
            try:
                request = next(talk)
                while True:
                    request = talk.send(self._exchange(request))
            except StopIteration as end:
                answers: Answers = end.value
                return answers
            except (OSError, EOFError) as error:
                self._hang_up()
                raise Unavailable(
                    mark("The resolver at {server} does not answer: {reason}."),
                    remedy=mark("Check that it runs and that UDP and TCP reach that port."),
                    server=self._server,
                    reason=str(error) or type(error).__name__,
                ) from error

    def _exchange(self, request: Request) -> Answers:
        """The messages that answer ``request``; once more over a new connection if the kept one was closed."""
        deadline = time.monotonic() + self._timeout
        kept = self._socket is not None
        try:
            return self._send(request, deadline)
        except (ConnectionError, EOFError):
            self._hang_up()
            if not kept:
                raise
            return self._send(request, deadline)

    def _send(self, request: Request, deadline: float) -> Answers:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(request.octets)
        answers: Answers = []
        while not answers or answers[-1].header.flags & OpFlag.CONTINUOUS:
            envelope = wire.decode_envelope(self._exactly(self._socket, wire.ENVELOPE.size, deadline))
            answers.append(request.read(envelope, self._exactly(self._socket, envelope.length, deadline)))
            deadline = time.monotonic() + self._timeout
        return answers

    def _exactly(self, sock: socket.socket, length: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            sock.settimeout(_left(deadline))
            part = sock.recv(length - len(parts))
            if not part:
                raise EOFError("closed before the answer was complete")
            parts += part
        return bytes(parts)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds
