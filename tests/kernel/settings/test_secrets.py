"""Generated secrets: one for all, readable by the owner only."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

from gongfu.kernel.secrets import secret


def _ask(home: Path, gate: multiprocessing.synchronize.Barrier, found: multiprocessing.Queue[str]) -> None:
    gate.wait()
    found.put(secret(home, "bus-internal"))


def test_processes_that_ask_at_once_get_the_same_secret(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(8)
    found: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=_ask, args=(tmp_path, gate, found)) for _ in range(8)]
    for process in processes:
        process.start()
    answers = {found.get(timeout=10) for _ in processes}
    for process in processes:
        process.join()
    assert len(answers) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["bus-internal"]


def test_a_secret_stays_and_is_hard_to_guess_and_private(tmp_path: Path) -> None:
    first = secret(tmp_path, "a")
    assert secret(tmp_path, "a") == first
    assert secret(tmp_path, "b") != first
    assert len(first) >= 43  # 256 bits
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "secrets" / "a").stat().st_mode) == 0o600
