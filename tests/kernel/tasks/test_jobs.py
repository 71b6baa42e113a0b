"""Background work as people see it: started, watched, finished, failed, survived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from sample import jobs

from gongfu.kernel.tasks import services, worker
from gongfu.kernel.tasks.models import Job

ME = "test"


@pytest.fixture(autouse=True)
def _not_stopping() -> None:
    services.stopping.clear()


def test_a_job_is_done_and_its_file_is_downloaded_by_those_who_may(world: Any) -> None:
    made = services.start(jobs.write_report, "报告", user=world.engineer, organisation=world.pumps, text="你好")
    assert made.state == Job.State.WAITING
    assert worker.step(ME)
    assert not worker.step(ME)
    made.refresh_from_db()
    assert (made.state, made.progress, made.error) == (Job.State.DONE, 100, "")
    client = Client()
    client.force_login(world.viewer)
    assert "报告" in client.get("/tasks/jobs/").text
    assert b"".join(client.get(f"/tasks/jobs/{made.pk}/file").streaming_content) == "你好".encode()  # type: ignore[attr-defined]
    client.force_login(world.rival)
    assert "报告" not in client.get("/tasks/jobs/").text
    assert client.get(f"/tasks/jobs/{made.pk}/file").status_code == 404


@pytest.mark.parametrize(("work", "error"), [(jobs.refuse, "泵"), (jobs.crash, "ZeroDivisionError")])
def test_a_failed_job_says_why(world: Any, work: Any, error: str) -> None:
    made = services.start(work, "x", user=world.engineer)
    worker.step(ME)
    made.refresh_from_db()
    assert made.state == Job.State.FAILED
    assert error in made.error
    assert made.finished_at is not None


def test_a_job_that_no_longer_exists_fails_and_the_worker_goes_on(world: Any) -> None:
    from django_tasks_db.models import DBTaskResult

    made = services.start(jobs.write_report, "x", user=world.engineer, text="a")
    DBTaskResult.objects.update(task_path="sample.jobs.removed")
    assert worker.step(ME)
    made.refresh_from_db()
    assert made.state == Job.State.FAILED


def test_a_job_whose_worker_was_killed_runs_again_or_fails_clearly(world: Any) -> None:
    again = services.start(jobs.take_long, "again", user=world.engineer)
    once = services.start(jobs.write_report, "once", user=world.engineer, text="a")
    from django_tasks_db.models import DBTaskResult

    DBTaskResult.objects.update(status="RUNNING")
    dead = f"{worker.socket.gethostname()[:60]}/999999/1"
    Job.objects.update(state=Job.State.RUNNING, worker=dead, attempts=1)
    assert worker.rescue() == 2
    again.refresh_from_db()
    once.refresh_from_db()
    assert (again.state, once.state) == (Job.State.WAITING, Job.State.FAILED)
    assert once.error
    Job.objects.filter(pk=again.pk).update(state=Job.State.RUNNING, attempts=3)
    assert worker.rescue() == 1
    again.refresh_from_db()
    assert again.state == Job.State.FAILED


def test_a_living_worker_is_left_alone(world: Any) -> None:
    services.start(jobs.take_long, "x", user=world.engineer)
    Job.objects.update(state=Job.State.RUNNING, worker=worker._identity())
    assert worker.rescue() == 0


def wait(until: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_stopping_the_worker_puts_the_job_back() -> None:
    made = services.start(jobs.take_long, "long", user=None)
    stop = threading.Event()

    def run() -> None:
        worker.run_worker(stop, poll=0.05)

    thread = threading.Thread(target=run)
    thread.start()
    wait(lambda: Job.objects.get(pk=made.pk).state == Job.State.RUNNING)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    made.refresh_from_db()
    assert (made.state, made.attempts) == (Job.State.WAITING, 0)


_WORKER = """
import sys, threading, django
sys.path.insert(0, {support!r})
from django.conf import settings
settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "sample"]
settings.DATABASES["default"]["NAME"] = {name!r}
django.setup()
from gongfu.kernel.tasks.worker import run_worker
run_worker(threading.Event(), poll=0.05)
"""


@pytest.mark.node
@pytest.mark.django_db(transaction=True)
def test_kill_9_of_a_worker_process_loses_no_job() -> None:
    made = services.start(jobs.take_long, "long", user=None)
    support = str(Path(jobs.__file__).parents[1])
    code = _WORKER.format(support=support, name=str(connection.settings_dict["NAME"]))
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings"}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        wait(lambda: Job.objects.get(pk=made.pk).progress > 0)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert Job.objects.get(pk=made.pk).state == Job.State.RUNNING
    assert worker.rescue() == 1
    made.refresh_from_db()
    assert (made.state, made.attempts) == (Job.State.WAITING, 1)
