"""Sessions are shared by the workers of a node, end, and cannot be crowded out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gongfu.identity.handle.wire import Reference
from gongfu.identity.resolver.administration import Administrator
from gongfu.identity.resolver.http.sessions import LIFETIME, Sessions
from gongfu.kernel.errors import Unavailable

WHO = Administrator(Reference("0.NA/88.118.1", 300))


def test_a_session_ends_and_a_nonce_is_spent_once(tmp_path: Path) -> None:
    now = [1_000.0]
    sessions = Sessions(tmp_path, clock=lambda: now[0])
    session = sessions.create()
    signed = sessions.sign_in(session, WHO)
    assert signed.nonce != session.nonce
    assert sessions.get(session.id) == signed
    assert sessions.spend(b"nonce", 60)
    assert not sessions.spend(b"nonce", 60)
    now[0] += LIFETIME + 1
    assert sessions.get(session.id) is None
    assert sessions.spend(b"nonce", 60)
    assert sessions.get("secret") is sessions.get("") is sessions.get("0" * 500) is None
    sessions.close()


def test_another_process_knows_the_session_and_the_secret(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    session = sessions.sign_in(sessions.create(), WHO)
    secret = sessions.secret
    program = (
        "import sys; from pathlib import Path; from gongfu.identity.resolver.http.sessions import Sessions;"
        "found = Sessions(Path(sys.argv[1])); print(found.get(sys.argv[2]).who, found.secret.hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path, session.id], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(WHO), secret.hex()]
    sessions.close()


def test_a_flood_of_sessions_drives_out_unused_ones_only(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, most=20)
    signed = sessions.sign_in(sessions.create(), WHO)
    for _ in range(100):
        sessions.create()
    assert sessions.get(signed.id) is not None
    full = Sessions(tmp_path / "full", most=3)
    for _ in range(3):
        full.sign_in(full.create(), WHO)
    with pytest.raises(Unavailable):
        full.create()
    sessions.close()
    full.close()
