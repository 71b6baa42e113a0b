"""Administrators of other nodes are looked up there, and nobody can make this node wait for them."""

from __future__ import annotations

import threading
from pathlib import Path

from gongfu.identity.handle.wire import Value
from gongfu.identity.resolver.authority import nowhere
from gongfu.identity.resolver.elsewhere import KEPT_SECONDS, Remembered, configured
from gongfu.kernel.settings import load

KEY = (Value(300, "HS_PUBKEY", b"key"),)


def test_what_was_found_is_believed_for_a_minute() -> None:
    asked: list[str] = []
    now = [0.0]

    def ask(handle: str) -> tuple[Value, ...]:
        asked.append(handle)
        return KEY if handle == "20.500/A" else ()

    remembered = Remembered(ask, clock=lambda: now[0])
    for _ in range(3):
        assert remembered("20.500/A") == KEY
        assert remembered("20.500/B") == ()
    assert asked == ["20.500/A", "20.500/B"]
    now[0] = KEPT_SECONDS + 1
    remembered("20.500/A")
    assert len(asked) == 3


def test_when_too_many_wait_the_next_one_finds_nothing_at_once() -> None:
    release = threading.Event()

    def ask(handle: str) -> tuple[Value, ...]:
        release.wait(10)
        return KEY

    remembered = Remembered(ask)
    threads = [threading.Thread(target=remembered, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    while remembered._free._value:  # all four have begun
        threading.Event().wait(0.01)
    assert remembered("another") == ()
    release.set()
    for thread in threads:
        thread.join()
    assert remembered("another") == KEY


def test_nobody_is_asked_unless_somebody_is_named(tmp_path: Path) -> None:
    assert configured(load({"GONGFU_HOME": str(tmp_path)})) is nowhere
    assert configured(load({"GONGFU_HOME": str(tmp_path), "GONGFU_PARENT": "192.0.2.1"})) is not nowhere
    assert configured(load({"GONGFU_HOME": str(tmp_path), "GONGFU_ROLES": "recursive"})) is not nowhere
