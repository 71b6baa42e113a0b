"""kill -9 of the worker in the middle of an import."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from gongfu.identity.bulk import running, services
from gongfu.identity.bulk.models import Import
from gongfu.identity.bulk.rules import Operation, Plan, Target
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.tasks import worker

ROWS = 60_000
_WORKER = """
import threading, django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {name!r}
django.setup()
from gongfu.kernel.tasks.worker import run_worker
run_worker(threading.Event(), poll=0.05)
"""


def worker_process() -> subprocess.Popen[bytes]:
    code = _WORKER.format(name=str(connection.settings_dict["NAME"]))
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings"}
    return subprocess.Popen([sys.executable, "-c", code], env=environment)


@pytest.mark.node
@pytest.mark.django_db(transaction=True)
def test_kill_9_of_the_worker_loses_nothing_and_repeats_nothing() -> None:
    operator = accounts.create_organisation("operator", "平台运营方", kind="operator")
    plant = accounts.create_organisation("hengrui", "恒锐", parent=operator)
    li = accounts.create_user("li", "correct-horse-9", roles={plant: Role.ENGINEER})
    prefix = registry.allot_prefix("test", plant).name
    store = registry.store()
    before, last = store.count(prefix), store.last_change()
    store.advance("test-kill", last)  # keeps what is behind it
    # Every thousandth row is wrong, so that report and store must agree; a name of its own for every run.
    mark = f"{random.randrange(10**9):09d}"
    rows = "".join(f"{mark}-{n:06d},{'泵' if n % 1000 else ''},XK\n" for n in range(ROWS))
    made = services.upload(li, prefix, Operation.REGISTER, "a.csv", ["标识,名称,型号\n".encode(), rows.encode()])
    plan = Plan(prefix, suffix="标识", targets=(Target("名称", "NAME"),))
    services.start(li, made, plan)
    deaths = 0
    deadline = time.monotonic() + 120
    while not Import.objects.get(pk=made.pk).finished_at:
        assert time.monotonic() < deadline
        process = worker_process()
        try:
            position = Import.objects.get(pk=made.pk).position
            goal = position + random.randrange(2_000, 12_000)
            while process.poll() is None and (now := Import.objects.get(pk=made.pk)).position < goal:
                if now.finished_at:
                    break
                time.sleep(random.random() / 20)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        deaths += 1
        worker.rescue()
    made.refresh_from_db()
    assert deaths >= 4
    assert (made.position, made.accepted, made.refused) == (ROWS, ROWS - 60, 60)
    assert store.count(prefix) - before == ROWS - 60
    lines = running.report_path(made).read_bytes()[: made.report_size].splitlines()
    assert len(lines) == 60
    written: dict[bytes, int] = {}
    while changes := store.changes(last, 10_000):
        for change in changes:
            written[change.key] = written.get(change.key, 0) + 1
        last = changes[-1].seq
    store.forget("test-kill")
    assert len(written) == ROWS - 60
    assert set(written.values()) == {1}
    assert Path(running.folder(made)).exists()
