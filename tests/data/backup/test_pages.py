"""Backups in the console and the API: what administrators of the platform see, and nobody else."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
from django.test import Client

from gongfu.data.backup import history, periodic, repository, services, work
from gongfu.data.backup.history import Run
from gongfu.data.backup.targets.opening import open_target
from gongfu.identity.escrow import recovery
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Unavailable, packed
from gongfu.kernel.settings import Settings

pytestmark = pytest.mark.django_db
PAGE, API = "/administration/backup/", "/api/v1/data/backup"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(home=tmp_path / "home", backup_to=str(tmp_path / "backups"), language="en")
    made.home.mkdir()
    (made.home / "db.sqlite3").touch()
    monkeypatch.setattr(services, "settings", lambda: made)
    return made


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(accounts.create_user("root", "correct-horse-9", is_superuser=True, language="en"))
    return client


def note(node: Settings, ago: float, *, error: str = "", number: int = 1) -> None:
    at = time.time() - ago
    history.note(
        node.home,
        Run(kind="backup", place="x", at=at, took=2, number=number, moment=int(at * 1e9), octets=10**9, error=error),
    )


def test_beginning_shows_the_recovery_text_once_and_it_opens_the_backups(node: Settings, root: Client) -> None:
    assert "You will see a recovery text" in root.get(PAGE).content.decode()
    page = root.post(PAGE, {"do": "begin"}).content.decode()
    text = page.split("<copy-text>")[1].split("</copy-text>")[0]
    opened, _ = repository.open_with(open_target(node.backup_to, node), recovery.read(text))
    assert opened.head.node == node.node
    assert text not in root.get(PAGE).content.decode()


def test_age_of_the_last_backup_stands_first_and_a_late_one_is_told(node: Settings, root: Client) -> None:
    work.begin(node, "")
    note(node, 1200)
    page = root.get(PAGE).content.decode()
    assert "20 min of data would be lost now" in page
    assert "The backup is late" not in page
    note(node, 600, error=packed(Unavailable("There is no room left for the backup in {place}.", place="/mnt")))
    page = root.get(PAGE).content.decode()
    assert "20 min of data would be lost now" in page
    assert "There is no room left for the backup in /mnt." in page
    found = root.get(API).json()
    assert 1199 < found["age_s"] < 1300
    assert found["problem"].startswith("There is no room left")
    assert root.get(f"{API}/snapshots").json() == []


def test_nobody_else_sees_or_begins_anything(node: Settings) -> None:
    user = accounts.create_user("engineer", "correct-horse-9")
    client = Client()
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"do": "begin"}).status_code == 403
    assert client.get(API).status_code == 403
    assert client.get(f"{API}/snapshots").status_code == 403
    assert client.post(API).status_code == 403
    assert not (node.home.parent / "backups").exists()


def test_without_a_place_the_page_says_what_to_set(
    node: Settings, root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = msgspec.structs.replace(node, backup_to="")
    monkeypatch.setattr(services, "settings", lambda: without)
    assert "Set backup_to" in root.get(PAGE).content.decode()


def test_the_clock_asks_for_a_backup_when_the_last_is_old_enough(node: Settings) -> None:
    now = time.time()
    assert periodic.due(node, now)
    note(node, 100)
    assert not periodic.due(node, now)
    assert periodic.due(node, now + 3600)
    assert periodic.due(node, now - 86_400)  # the clock was set back: do not wait a day
    note(node, 50, error="error: x")
    assert not periodic.due(node, now)
    assert periodic.due(node, now + 300)


def test_a_torn_line_of_the_history_hides_no_other(node: Settings) -> None:
    note(node, 10)
    with (node.home / "run" / "backup.jsonl").open("ab") as file:
        file.write(b'{"kind":"backup","pl\n')
    note(node, 5, number=2)
    assert [run.number for run in history.runs(node.home)] == [1, 2]
