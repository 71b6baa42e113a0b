"""The door of background work: declare it, start it, report from inside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_tasks import task
from django_tasks.base import Task

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.tasks.models import Job

P = ParamSpec("P")
_attempts: dict[str, int] = {}
stopping = threading.Event()
"""Set while this process's worker ends; a job learns of it the next time it reports."""


class InterruptedJobError(Exception):
    """The worker ends: the job goes back into the queue. Let it pass."""


class Progress:
    """What a running job tells people. Writes at most twice a second, so that it may be called in a loop."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._written = 0.0

    def report(self, percent: float, message: str = "") -> None:
        """Show ``percent`` (0–100) and a sentence; raises :class:`InterruptedJobError` when the worker ends."""
        if stopping.is_set():
            raise InterruptedJobError
        now = time.monotonic()
        if now - self._written >= 0.5:
            self._written = now
            Job.objects.filter(pk=self.job.pk).update(
                progress=max(0, min(100, int(percent))), message=message[:300], beat_at=timezone.now()
            )

    def result_file(self, name: str) -> Path:
        """Where to write the file that people download afterwards; its directory exists."""
        path = folder(self.job) / Path(name).name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.job.result = path.name
        Job.objects.filter(pk=self.job.pk).update(result=path.name)
        return path


def job(*, attempts: int = 1) -> Callable[[Callable[Concatenate[Progress, P], None]], Task[..., None]]:
    """Make a module-level function ``(progress, **arguments)`` a task.

    Arguments are JSON values. With ``attempts`` above 1 it is run again after its worker was killed,
    so it must then be safe to run twice.
    """

    def declare(function: Callable[Concatenate[Progress, P], None]) -> Task[..., None]:
        @wraps(function)
        def run(job_id: int, **arguments: object) -> None:
            _run(Job.objects.get(pk=job_id), lambda progress: function(progress, **arguments))  # type: ignore[call-arg,arg-type]

        _attempts[f"{function.__module__}.{function.__qualname__}"] = attempts
        declared: Task[..., None] = task()(run)
        return declared

    return declare


def start(
    work: Task[..., None],
    title: str,
    *,
    user: User | None,
    organisation: Organisation | None = None,
    **arguments: object,
) -> Job:
    """Queue ``work``; it begins within a second or two once this transaction is committed."""
    with transaction.atomic():
        made = Job.objects.create(
            title=title[:200],
            organisation=organisation,
            started_by=user,
            most_attempts=_attempts.get(work.module_path, 1),
        )
        queued = work.enqueue(made.pk, **arguments)
        made.queue_id = queued.id
        made.save(update_fields=["queue_id"])
    return made


def folder(made: Job) -> Path:
    """Directory of the files of one job."""
    return Path(settings.MEDIA_ROOT) / "jobs" / str(made.pk)


def _run(made: Job, work: Callable[[Progress], None]) -> None:
    try:
        work(Progress(made))
    except InterruptedJobError:
        raise
    except Exception as error:
        text = error.text() if isinstance(error, GongfuError) else f"{type(error).__name__}: {error}"
        Job.objects.filter(pk=made.pk).update(state=Job.State.FAILED, finished_at=timezone.now(), error=text[:4000])
        raise
    Job.objects.filter(pk=made.pk).update(
        state=Job.State.DONE, finished_at=timezone.now(), progress=100, message="", error=""
    )
