"""A client for everything a Handle server does, on an event loop; requests wait for nobody else's answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from gongfu.identity.handle import client as public
from gongfu.identity.handle import conversation, keys, wire
from gongfu.identity.handle.client import Resolution
from gongfu.identity.handle.codes import PORT, OpCode, OpFlag
from gongfu.identity.handle.conversation import Answers, Conversation, Credential, Request, Talk
from gongfu.identity.handle.wire import Value
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark


class AsyncHandleClient:
    """As :class:`~gongfu.identity.handle.client_sync.HandleClient`, with many requests under way on one connection."""

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
        """As that of the blocking client."""
        self._address = (host, port)
        self._server = f"{host}:{port}"
        self._timeout = timeout
        self._plain = not (session or encrypt or server_key)
        self._talk = Conversation(
            self._server, credential=credential, session=session, encrypt=encrypt, server_key=server_key
        )
        self._line: _Line | None = None
        self._starting = asyncio.Lock()
        self._settling = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the session and the connection."""
        if self._line is not None:
            with contextlib.suppress(GongfuError):
                await self._run(self._talk.end())
        if self._line is not None:
            await self._line.close()
            self._line = None

    async def resolve(
        self, handle: str, *, indexes: Sequence[int] = (), types: Sequence[str] = (), public_only: bool = True
    ) -> Resolution:
        """The values of ``handle``; those for administrators only as well unless ``public_only``.

        Public ones over UDP first, unless a connection is open already.
        """
        if public_only and self._plain and self._line is None:
            host, port = self._address
            return await public.resolve_async(
                handle, host=host, port=port, indexes=indexes, types=types, timeout=self._timeout
            )
        start = time.monotonic()
        [answer] = await self._run(conversation.resolve(self._talk, handle, indexes, types, public_only=public_only))
        found = wire.decode_resolve_response(answer.content)
        authoritative = bool(answer.header.flags & OpFlag.AUTHORITATIVE)
        return Resolution(found.handle, found.values, authoritative, "tcp", self._server, time.monotonic() - start)

    async def create(self, handle: str, values: Sequence[Value], *, overwrite: bool = False, mint: bool = False) -> str:
        """Registers ``handle`` and returns it; with ``mint`` the server completes its suffix."""
        talk = conversation.create(self._talk, handle, values, overwrite=overwrite, mint=mint)
        return conversation.minted(await self._run(talk), handle)

    async def delete(self, handle: str) -> None:
        """Removes ``handle`` with all its values."""
        await self._run(conversation.about(self._talk, OpCode.DELETE, handle))

    async def add_values(self, handle: str, values: Sequence[Value], *, overwrite: bool = False) -> None:
        """Adds values; with ``overwrite`` those that are there are changed."""
        await self._run(conversation.change(self._talk, OpCode.ADD_VALUE, handle, values, overwrite=overwrite))

    async def modify_values(self, handle: str, values: Sequence[Value]) -> None:
        """Changes values that are there."""
        await self._run(conversation.change(self._talk, OpCode.MODIFY_VALUE, handle, values))

    async def remove_values(self, handle: str, indexes: Sequence[int]) -> None:
        """Removes the values with these indexes."""
        await self._run(conversation.remove(self._talk, handle, indexes))

    async def list_handles(self, prefix: str) -> list[str]:
        """Identifiers under ``prefix``, all of them."""
        return conversation.handles(await self._run(conversation.about(self._talk, OpCode.LIST, f"0.NA/{prefix}")))

    async def list_prefixes(self, prefix: str) -> list[str]:
        """Handles of the prefixes below ``prefix``."""
        talk = conversation.about(self._talk, OpCode.LIST_DERIVED_PREFIXES, f"0.NA/{prefix}")
        return conversation.handles(await self._run(talk))

    async def home(self, prefix: str) -> None:
        """Lets the server answer for ``prefix``."""
        await self._run(conversation.about(self._talk, OpCode.HOME_PREFIX, f"0.NA/{prefix}"))

    async def unhome(self, prefix: str) -> None:
        """Lets the server no longer answer for ``prefix``."""
        await self._run(conversation.about(self._talk, OpCode.UNHOME_PREFIX, f"0.NA/{prefix}"))

    async def homed(self) -> list[str]:
        """Handles of the prefixes the server answers for."""
        return conversation.handles(await self._run(conversation.about(self._talk, OpCode.LIST_HOMED_PREFIXES, "")))

    async def site(self) -> bytes:
        """The server's description of itself, as HS_SITE values hold it."""
        return (await self._run(conversation.about(self._talk, OpCode.GET_SITE, "")))[0].content

    async def login(self, administrator: wire.Reference) -> None:
        """Signs in to the national system (operation 2001): proves the credential, does nothing else."""
        await self._run(conversation.login(self._talk, administrator))

    # --- the connection ---

    async def _run(self, talk: Talk) -> Answers:
        if self._talk.settled:
            return await self._drive(talk)
        async with self._settling:
            return await self._drive(talk)

    async def _drive(self, talk: Talk) -> Answers:
        try:
            request = next(talk)
            while True:
                request = talk.send(await self._exchange(request))
        except StopIteration as end:
            answers: Answers = end.value
            return answers
        except (OSError, EOFError) as error:
            raise Unavailable(
                mark("The resolver at {server} does not answer: {reason}."),
                remedy=mark("Check that it runs and that UDP and TCP reach that port."),
                server=self._server,
                reason=str(error) or type(error).__name__,
            ) from error

    async def _exchange(self, request: Request) -> Answers:
        kept = self._line
        line = await self._open()
        try:
            return await line.ask(request, self._timeout)
        except (ConnectionError, EOFError):
            if kept is not line:  # it was opened for this request and did not do
                raise
            return await (await self._open()).ask(request, self._timeout)

    async def _open(self) -> _Line:
        async with self._starting:
            if self._line is None or self._line.broken:
                async with asyncio.timeout(self._timeout):
                    self._line = _Line(*await asyncio.open_connection(*self._address))
            return self._line


@dataclass(slots=True)
class _Waiting:
    request: Request
    answers: Answers = field(default_factory=list)
    done: asyncio.Future[Answers] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class _Line:
    """One connection, any number of requests under way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, _Waiting] = {}
        self.broken = False
        self._task = asyncio.create_task(self._read())

    async def ask(self, request: Request, seconds: float) -> Answers:
        """The messages that answer ``request``."""
        if self.broken:
            raise ConnectionResetError("closed")
        waiting = self._waiting[request.number] = _Waiting(request)
        try:
            self._writer.write(request.octets)
            async with asyncio.timeout(seconds):
                await self._writer.drain()
                return await waiting.done
        except ConnectionError:
            self.broken = True
            raise
        finally:
            del self._waiting[request.number]

    async def close(self) -> None:
        """Hangs up."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        error: Exception = ConnectionResetError("closed before the answer was complete")
        try:
            while True:
                envelope = wire.decode_envelope(await self._reader.readexactly(wire.ENVELOPE.size))
                self._take(envelope, await self._reader.readexactly(envelope.length))
        except asyncio.IncompleteReadError:
            pass
        except (OSError, GongfuError) as found:
            error = found
        finally:
            self.broken = True
            for waiting in self._waiting.values():
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            self._writer.close()

    def _take(self, envelope: wire.Envelope, payload: bytes) -> None:
        waiting = self._waiting.get(envelope.request)
        if waiting is None or waiting.done.done():
            return  # nobody waits for it any more
        try:
            waiting.answers.append(waiting.request.read(envelope, payload))
        except GongfuError as error:
            waiting.done.set_exception(error)
            return
        if not waiting.answers[-1].header.flags & OpFlag.CONTINUOUS:
            waiting.done.set_result(waiting.answers)
