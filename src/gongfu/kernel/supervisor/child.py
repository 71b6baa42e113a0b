"""The life of one process: start, watch, start again with growing pauses, stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import structlog

from gongfu.kernel.process import end_with_parent
from gongfu.kernel.supervisor.output import Output
from gongfu.kernel.supervisor.plan import Plan
from gongfu.kernel.supervisor.probe import ask
from gongfu.kernel.supervisor.status import Condition, ProcessStatus, State
from gongfu.kernel.supervisor.usage import Use

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
STEADY = 30.0
"""A process that lived this long starts with a clean sheet: its next restart is immediate."""
HUNG = 60.0
"""A process that has not answered for this long is killed, so that it starts again."""
_log = structlog.get_logger("supervisor")


def pause(failures: int) -> float:
    """Seconds before the restart after ``failures`` short lives in a row: 0, 0.2, 0.4, … 10."""
    return 0.0 if failures == 0 else min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))


class Child:
    """One process of the plan. ``run`` keeps it alive until :meth:`stop`."""

    def __init__(self, plan: Plan, log_folder: Path, position: int, changed: Callable[[], None]) -> None:
        self.plan = plan
        self.state = State.WAITING
        self.restarts = 0
        self.last_exit = ""
        self._since = time.time()
        self._conditions: dict[str, Condition] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._created: float | None = None
        self._stopping = asyncio.Event()
        self._output = Output(plan.name, log_folder / f"{plan.name}.log", position)
        self._changed = changed

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        return self._process.pid if self._process else None

    def status(self, use: Use) -> ProcessStatus:
        """What others are told."""
        return ProcessStatus(
            name=self.plan.name,
            pid=self.pid,
            state=self.state,
            since=self._since,
            restarts=self.restarts,
            last_exit=self.last_exit,
            memory_bytes=use.memory,
            cpu_percent=use.cpu,
            port=self.plan.port,
            conditions=self._conditions,
            created=self._created,
        )

    async def run(self) -> None:
        """Start the process again whenever it ends, until told to stop."""
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            await self._live()
            if self._stopping.is_set():
                break
            if time.monotonic() - began >= STEADY:
                failures = 0
            wait = pause(failures)
            failures += 1
            self.restarts += 1
            self._enter(State.RESTARTING)
            _log.warning("restarting", child=self.plan.name, ended=self.last_exit, pause=wait)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
        self._enter(State.STOPPED)
        self._output.close()

    def stop(self) -> None:
        """Ask it to end and start it no more; it may take its time until :meth:`kill`."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and everything it started, now."""
        self._stopping.set()
        if self._process:
            _kill_group(self._process.pid)

    async def _live(self) -> None:
        """From start to end of one process."""
        self._enter(State.STARTING)
        try:
            process = await asyncio.create_subprocess_exec(
                *self.plan.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.plan.environment},
                start_new_session=True,  # Ctrl-C is for the supervisor, which then stops all in order
                preexec_fn=end_with_parent,
            )
        except OSError as error:
            self.last_exit = error.strerror or str(error)
            return
        self._process = process
        with contextlib.suppress(psutil.Error):
            self._created = psutil.Process(process.pid).create_time()
        self._changed()
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        watcher = asyncio.create_task(self._watch())
        reader = asyncio.create_task(self._read(process))
        code = await process.wait()
        watcher.cancel()
        _kill_group(process.pid)  # what it started ends with it
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader, 1)
        self.last_exit = signal.Signals(-code).name if code < 0 else f"exit {code}"
        self._process = None
        self._created = None
        self._conditions = {}

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while data := await process.stdout.read(65_536):
            self._output.feed(data)

    async def _watch(self) -> None:
        """Follow readiness, pass on changed files, and kill what no longer answers."""
        answered = time.monotonic()
        modified = _modified(self.plan.reload_on)
        while True:
            answer = await ask(self.plan.health)
            if answer.alive:
                answered = time.monotonic()
            elif time.monotonic() - answered > HUNG:
                _log.error("killed, because it did not answer", child=self.plan.name, seconds=HUNG)
                self.kill_and_restart()
                return
            self._observe(answer.alive, answer.ready, answer.conditions)
            if answer.ready and (now := _modified(self.plan.reload_on)) != modified:
                modified = now  # only when ready: before that, SIGHUP would end the process
                self._signal(signal.SIGHUP)
                _log.info("configuration reloaded", child=self.plan.name)
            settled = self.state in (State.READY, State.UNREADY)
            await asyncio.sleep(0.2 if not settled else 0.5 if self.plan.reload_on else 1.0)

    def kill_and_restart(self) -> None:
        """End the process at once; :meth:`run` starts it again."""
        if self._process:
            _kill_group(self._process.pid)

    def _observe(self, alive: bool, ready: bool, conditions: dict[str, Condition]) -> None:
        changed = conditions != self._conditions
        self._conditions = conditions
        if ready:
            state = State.READY
        elif self.state in (State.READY, State.UNREADY):
            state = State.UNREADY
            if not alive:
                self._conditions = {"answers": Condition(ok=False)}
        else:
            state = self.state
        if state != self.state:
            self._enter(state)
        elif changed:
            self._changed()

    def _enter(self, state: State) -> None:
        self.state = state
        self._since = time.time()
        self._changed()

    def _signal(self, number: signal.Signals) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _modified(path: Path | None) -> tuple[int, int]:
    if path is None:
        return 0, 0
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino
