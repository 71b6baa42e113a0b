"""Runs ``ddl_checks.py`` in a process of its own: the embedded engine allows one database in a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_ddl_in_a_process_of_its_own() -> None:
    checks = Path(__file__).with_name("ddl_checks.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "--timeout", "120", str(checks)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=140,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
