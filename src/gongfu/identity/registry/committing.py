"""Group commit: changes asked for at the same time share one durable transaction."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

from gongfu.identity.registry.records import Record
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

MOST = 512
"""Changes in one transaction."""
GATHER = 0.001
"""How long the first change waits for others when there were others lately, seconds: a commit costs as much as several
changes. One that comes alone is committed at once."""

Change: TypeAlias = Callable[[Record | None, int], Record | None]
"""From the record that is there (None: no such identifier) and the number of identifiers under its prefix to the
record that shall be (None: remove it).

It may raise to refuse. It runs while the store is locked, perhaps twice: it only computes.
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What a change did."""

    before: Record | None
    after: Record | None


@dataclass(frozen=True, slots=True)
class Job:
    """A change that waits for its transaction; ``done`` is set after the commit."""

    key: bytes
    change: Change
    actor: str
    done: Future[Written] = field(default_factory=Future)


Outcome: TypeAlias = Written | Exception


class Committer:
    """A thread that takes whatever waits and commits it together; it starts with the first job."""

    def __init__(self, commit: Callable[[Sequence[Job]], Sequence[Outcome]]) -> None:
        """``commit`` writes all jobs in one durable transaction and says how each ended; if it raises, none was."""
        self._commit = commit
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, job: Job) -> Future[Written]:
        """Queues ``job``; raises :class:`Unavailable` once closed."""
        with self._lock:
            if self._closed:
                raise Unavailable(mark("The identifier store is closed."))
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="identifier-commit", daemon=True)
                self._thread.start()
            self._waiting.put(job)
        return job.done

    def close(self) -> None:
        """Commits what waits and ends the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._waiting.put(None)
            thread.join()

    def _loop(self) -> None:
        company = False
        while (job := self._waiting.get()) is not None:
            if company:
                time.sleep(GATHER)
            jobs = [job]
            last = False
            while len(jobs) < MOST and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    last = True
                    break
                jobs.append(following)
            company = len(jobs) > 1
            self._together([job for job in jobs if job.done.set_running_or_notify_cancel()])
            if last:
                return

    def _together(self, jobs: Sequence[Job]) -> None:
        try:
            outcomes: Sequence[Outcome] = self._commit(jobs) if jobs else ()
        except Exception as error:
            outcomes = [error] * len(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, Exception):
                job.done.set_exception(outcome)
            else:
                job.done.set_result(outcome)
