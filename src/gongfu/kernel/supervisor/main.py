"""``gongfu up``: all processes of a node, from the first port check to the last exit."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog
import uvloop

from gongfu.kernel import logs, ops
from gongfu.kernel.process import end_with_parent
from gongfu.kernel.settings import Settings
from gongfu.kernel.supervisor import lock, ports
from gongfu.kernel.supervisor.child import Child
from gongfu.kernel.supervisor.output import Output
from gongfu.kernel.supervisor.plan import BUS, Plan
from gongfu.kernel.supervisor.status import ProcessStatus, State
from gongfu.kernel.supervisor.usage import Meter, Use

STOP_WITHIN = 10.0
"""From the signal to the end of the last process, seconds."""
_BUS_SHARE = 1.5
"""Of these, what is kept for the bus, which ends last."""
_TURN = 0.5
"""How long the next process in order waits for the one before it."""
ANNOUNCE_AFTER = 20.0
"""Addresses are shown when everything is ready, or after this time with what is not."""


@dataclass(frozen=True)
class Node:
    """What to run. ``preparation`` is a command that makes the database ready; what it prints is given to
    ``announce`` together with the state of all processes, once; without states when the node stops before that."""

    plans: Sequence[Plan]
    preparation: tuple[str, ...]
    announce: Callable[[bytes, list[ProcessStatus]], None]
    ports: Sequence[ports.Port] | None = None
    """What they listen on; default: what a whole node needs."""


def run(settings: Settings, node: Node) -> int:
    """Run ``node`` until SIGTERM or SIGINT; returns the exit code.

    Raises :class:`gongfu.kernel.errors.Conflict` when a port is taken or another supervisor holds the home.
    """
    logs.configure(settings, "supervisor")
    with lock.hold(settings.path("run", "supervisor.lock")):
        lock.end_leftovers(settings.path("run", "status.json"))
        ports.check(ports.needed(settings) if node.ports is None else node.ports)
        return uvloop.run(_Supervisor(settings, node).run())


@dataclass
class _Supervisor:
    settings: Settings
    node: Node
    children: list[Child] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    preparation: asyncio.subprocess.Process | None = None
    announced: bool = False

    def __post_init__(self) -> None:
        self.log = structlog.get_logger("supervisor")
        self.health = ops.Health("supervisor", *(plan.name for plan in self.node.plans))

    async def run(self) -> int:
        """Everything, in order."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._interrupt)
        folder = self.settings.home / "log"
        self.children = [Child(plan, folder, at, self._changed) for at, plan in enumerate(self.node.plans)]
        socket = ops.listen("127.0.0.1", self.settings.supervisor_port, "supervisor_port")
        async with ops.serve(ops.app(self.health, self._answer), socket, drain=1):
            code = await self._serve()
        self._changed()
        return code

    async def _serve(self) -> int:
        """From the first start to the last exit; returns the preparation's exit code."""
        self._start(after_preparation=False)
        code, printed = await self._prepare()
        announcement: asyncio.Task[None] | None = None
        if code == 0 and not self.stopping.is_set():
            self._start(after_preparation=True)
            announcement = asyncio.create_task(self._announce(printed))
            await self.stopping.wait()
            announcement.cancel()
        await self._stop()
        if printed and not self.announced:
            self.node.announce(printed, [])  # a first password must not be lost
        return 0 if self.stopping.is_set() else code

    def _start(self, *, after_preparation: bool) -> None:
        for child in self.children:
            if child.plan.after_preparation == after_preparation:
                self.tasks.append(asyncio.create_task(child.run()))

    async def _prepare(self) -> tuple[int, bytes]:
        """Run the preparation; returns its exit code and what it printed on standard output."""
        process = await asyncio.create_subprocess_exec(
            *self.node.preparation,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        self.preparation = process
        assert process.stdout is not None
        assert process.stderr is not None
        output = Output("prepare", self.settings.home / "log" / "prepare.log", len(self.children))
        collected = asyncio.create_task(process.stdout.read())
        while data := await process.stderr.read(65_536):
            output.feed(data)
        output.close()
        code = await process.wait()
        self.preparation = None
        return code, await collected

    async def _announce(self, printed: bytes) -> None:
        await self._until(lambda: all(child.state is State.READY for child in self.children), ANNOUNCE_AFTER)
        self.announced = True
        self.node.announce(printed, self._statuses())

    def _interrupt(self) -> None:
        if self.stopping.is_set():  # somebody is in a hurry
            for child in self.children:
                child.kill()
        elif self.preparation is not None:
            self.preparation.terminate()
        self.stopping.set()

    async def _stop(self) -> None:
        """Producers first, the bus last; nobody gets more than the common deadline."""
        deadline = time.monotonic() + STOP_WITHIN - 0.5
        self.log.info("stopping")
        others = [child for child in reversed(self.children) if child.plan.name != BUS]
        for child in others:
            child.stop()
            await self._gone([child], min(time.monotonic() + _TURN, deadline - _BUS_SHARE))
        await self._gone(others, deadline - _BUS_SHARE)
        for child in others:
            child.kill()
        bus = [child for child in self.children if child.plan.name == BUS]
        for child in bus:
            child.stop()
        await self._gone(bus, deadline)
        for child in bus:
            child.kill()
        await asyncio.gather(*self.tasks)

    async def _gone(self, children: list[Child], deadline: float) -> None:
        await self._until(lambda: all(child.pid is None for child in children), deadline - time.monotonic())

    async def _until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until ``holds()``, looked at whenever a process changes, but no longer than ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds():
                    self.news.clear()
                    await self.news.wait()

    def _changed(self) -> None:
        for child in self.children:
            self.health.set(child.plan.name, child.state is State.READY, child.state.value)
        self.news.set()
        self._write()

    def _statuses(self) -> list[ProcessStatus]:
        uses = self.meter.measure([child.pid for child in self.children if child.pid is not None])
        return [child.status(uses.get(child.pid or -1, Use(0, 0.0))) for child in self.children]

    def _write(self) -> None:
        """``run/status.json``: how a successor finds what a killed supervisor left."""
        path = self.settings.home / "run" / "status.json"
        draft = path.with_suffix(".draft")
        with contextlib.suppress(OSError):  # a full disk must not stop the processes
            draft.write_bytes(msgspec.json.encode([child.status(Use(0, 0.0)) for child in self.children]))
            draft.replace(path)

    async def _answer(self, scope: ops.Scope, receive: ops.Receive, send: ops.Send) -> None:
        if scope["path"] == "/processes":
            await ops.respond(send, 200, msgspec.json.encode(self._statuses()), "application/json")
        else:
            await ops.respond(send, 404, b"not found\n", "text/plain")
