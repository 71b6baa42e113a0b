"""``gongfu drill``: the whole way, with real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gongfu.data.backup.drill.running import Outcome

pytestmark = [pytest.mark.node, pytest.mark.timeout(400)]


def test_nothing_acknowledged_before_the_last_backup_is_missing_after_the_disaster(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gongfu.cli", "drill", "--seconds", "1", "--folder", str(tmp_path), "--json"],
        env={name: value for name, value in os.environ.items() if not name.startswith(("GONGFU_", "DJANGO_"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    found = msgspec.json.decode(done.stdout, type=Outcome)
    assert {one.kind for one in found.counted} == {"reading", "identifier", "record"}
    assert all(one.before > 20 and one.lost == 0 for one in found.counted)
    assert found.doubled == 0
    assert found.rpo_s > 0
    assert not list(tmp_path.iterdir())
