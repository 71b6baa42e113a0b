"""The loop that does the jobs, and what happens to those whose worker died."""

from __future__ import annotations

import datetime as dt
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import structlog
from django.core.management import call_command
from django.db import close_old_connections, connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from django_tasks_db.utils import exclusive_transaction

from gongfu.kernel.accounts.models import SignInThrottle
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.tasks import services
from gongfu.kernel.tasks.models import Job

log = structlog.get_logger("worker")
BEAT = 5.0
"""Seconds between signs of life of a running job."""
SILENCE = dt.timedelta(seconds=30)
"""After which the worker of another machine counts as dead; one on this machine is looked up."""
_READY, _RUNNING, _FAILED = "READY", "RUNNING", "FAILED"


def run_worker(stop: threading.Event, *, poll: float = 1.0) -> None:
    """Do jobs until ``stop`` is set. The job at hand ends at its next report and goes back into the queue."""
    me = _identity()
    services.stopping.clear()
    watcher = threading.Thread(target=_forward, args=(stop,), daemon=True)
    watcher.start()
    last_rescue, last_cleaning = dt.datetime.min.replace(tzinfo=dt.UTC), timezone.now()
    while not stop.is_set():
        close_old_connections()
        now = timezone.now()
        if now - last_rescue > SILENCE / 3:
            rescue()
            last_rescue = now
        if now - last_cleaning > dt.timedelta(hours=1):
            clean()
            last_cleaning = now
        if not step(me):
            stop.wait(poll)
    watcher.join()
    services.stopping.clear()  # it spoke to this worker; jobs that somebody else runs in this process go on
    connection.close()


def step(worker: str) -> bool:
    """Do one job, if there is one."""
    ready = DBTaskResult.objects.ready().filter(backend_name="default")
    if not ready.exists():
        return False
    with exclusive_transaction():
        queued = ready.get_locked()
        if queued is None:
            return False
        queued.claim(worker[:64])
        made = Job.objects.filter(queue_id=queued.id).first()
        if made is not None:
            made.state, made.worker, made.attempts = Job.State.RUNNING, worker, made.attempts + 1
            made.started_at = made.beat_at = timezone.now()
            made.save(update_fields=["state", "worker", "attempts", "started_at", "beat_at"])
    with _beating(made):
        _execute(queued, made)
    return True


def rescue() -> int:
    """Give the jobs of dead workers back to the queue, or fail them when they may not run again; how many."""
    silent = timezone.now() - SILENCE
    count = 0
    for made in Job.objects.filter(state=Job.State.RUNNING):
        if not _is_dead(made, silent):
            continue
        count += 1
        again = made.attempts < made.most_attempts
        with exclusive_transaction():
            # Only if it is still the same attempt: two workers may look at once.
            same = Job.objects.filter(pk=made.pk, state=Job.State.RUNNING, worker=made.worker, attempts=made.attempts)
            if again:
                changed = same.update(state=Job.State.WAITING, progress=0, message="")
            else:
                error = translate(mark("The process that did this was stopped. Start it again."))
                changed = same.update(state=Job.State.FAILED, finished_at=timezone.now(), error=error)
            if changed and made.queue_id:
                DBTaskResult.objects.filter(id=made.queue_id, status=_RUNNING).update(
                    status=_READY if again else _FAILED
                )
        log.warning("worker died", job=made.pk, worker=made.worker, again=again)
    return count


def clean() -> None:
    """Forget expired sessions, old failed sign-ins, and finished rows of the queue (jobs themselves stay)."""
    call_command("clearsessions")
    now = timezone.now()
    SignInThrottle.objects.filter(last_at__lt=now - dt.timedelta(days=1)).delete()
    DBTaskResult.objects.filter(finished_at__lt=now - dt.timedelta(days=7)).delete()


def _execute(queued: DBTaskResult[..., None], made: Job | None) -> None:
    try:
        arguments = queued.args_kwargs
        value = queued.task.call(*arguments["args"], **arguments["kwargs"])
    except services.InterruptedJobError:
        DBTaskResult.objects.filter(id=queued.id).update(status=_READY)
        if made is not None:
            Job.objects.filter(pk=made.pk).update(
                state=Job.State.WAITING, progress=0, message="", attempts=made.attempts - 1
            )
    except Exception as error:
        log.warning("job failed", job=made.pk if made else None, error=str(error))
        queued.set_failed(error)
        if made is not None:
            unnoticed = Job.objects.filter(pk=made.pk, state=Job.State.RUNNING)
            unnoticed.update(
                state=Job.State.FAILED, finished_at=timezone.now(), error=f"{type(error).__name__}: {error}"
            )
    else:
        queued.set_successful(value)


@contextmanager
def _beating(made: Job | None) -> Iterator[None]:
    """Say every few seconds that this process still works on ``made``."""
    if made is None:
        yield
        return
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT):
            Job.objects.filter(pk=made.pk).update(beat_at=timezone.now())
        connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _forward(stop: threading.Event) -> None:
    stop.wait()
    services.stopping.set()


def _identity() -> str:
    me = psutil.Process()
    return f"{socket.gethostname()[:60]}/{me.pid}/{me.create_time():.0f}"


def _is_dead(made: Job, silent: dt.datetime) -> bool:
    host, _, rest = made.worker.partition("/")
    pid, _, born = rest.partition("/")
    if host != socket.gethostname()[:60] or not pid.isdigit():
        return made.beat_at is None or made.beat_at < silent
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" != born
    except psutil.NoSuchProcess:
        return True
