"""A whole node into an S3 service that fails now and then, and back."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import stand_in
from stand_in import Service

from gongfu.data.backup import work
from gongfu.data.backup.drill.node import _free_block
from gongfu.data.backup.sources import server
from gongfu.kernel.settings import Settings


def quiet(*_: object) -> None:
    """Told of progress."""


def test_a_node_comes_back_from_a_service_that_fails_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "copy", lambda *_: [])  # the store is another test's: this one is about the way
    home = tmp_path / "home"
    (home / "files").mkdir(parents=True)
    sqlite3.connect(home / "db.sqlite3").execute("CREATE TABLE django_migrations (id INTEGER, app TEXT, name TEXT)")
    (home / "files" / "a").write_bytes(os.urandom(200_000))
    (home / "telemetry").mkdir()
    first = _free_block(3)
    with Service() as service:
        settings = Settings(
            home=home,
            supervisor_port=first,
            store_port=first + 1,
            bus_port=first + 2,
            s3_endpoint=service.endpoint,
            s3_region=stand_in.REGION,
            s3_access_key=stand_in.ACCESS,
            s3_secret_key=stand_in.SECRET,
            store_url="http://127.0.0.1:1/x",
        )
        seen: Counter[str] = Counter()

        def fail(method: str, key: str) -> int | None:
            seen[method] += 1
            return 503 if seen[method] % 3 == 0 else None

        service.store.fail = fail
        place = f"s3://{stand_in.BUCKET}/plant one"
        text = work.begin(settings, place)
        made = work.back_up(settings, place, quiet)
        again = work.back_up(settings, place, quiet)
        assert again.added < made.added / 10
        assert work.verify(settings, place, quiet, deep=True).good
        without = msgspec.structs.replace(settings, home=tmp_path / "elsewhere", store_url="")
        work.restore(without, place, text, 0, tmp_path / "new", quiet)
        assert service.store.bad_signatures == 0
        assert all(key.startswith("plant one/") for key in service.store.objects)
        stored = b"".join(service.store.objects.values())
        assert (home / "files" / "a").read_bytes()[:100] not in stored
    assert (tmp_path / "new" / "files" / "a").read_bytes() == (home / "files" / "a").read_bytes()
