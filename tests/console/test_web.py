"""The web process as browsers, operators and the supervisor meet it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.node


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Address and process of a running ``gongfu web``."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    environment = os.environ | {"GONGFU_HOME": str(home), "GONGFU_WEB_PORT": str(port)}
    for name in ("SUPERVISOR", "STORE", "BUS", "RESOLVER"):
        environment[f"GONGFU_{name}_PORT"] = str(free_port())
    command = [sys.executable, "-m", "gongfu.cli"]
    subprocess.run([*command, "migrate"], env=environment, check=True, capture_output=True)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*command, "web"], env=environment, stderr=log, stdout=log)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while answer(f"{address}/readyz")[0] != 200:
            assert process.poll() is None, (home / "log").read_text("utf-8")
            assert time.monotonic() < deadline, "not ready within a minute"
            time.sleep(0.2)
        yield address, process
    finally:
        process.kill()
        process.wait()


def answer(address: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in lower case, body; status 0 when nobody listens."""
    request = urllib.request.Request(address, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as found:
            return found.status, {k.lower(): v for k, v in found.headers.items()}, found.read()
    except urllib.error.HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()
    except OSError:
        return 0, {}, b""


def test_pages_are_compressed_and_files_kept_for_ever(web: tuple[str, subprocess.Popen[bytes]]) -> None:
    address, _ = web
    status, headers, body = answer(f"{address}/sign-in/", Accept_Encoding="gzip")
    assert (status, headers["content-encoding"], body[:2]) == (200, "gzip", b"\x1f\x8b")
    _, _, plain = answer(f"{address}/sign-in/")
    style = plain.decode().split('href="/static/vendor/tabler')[1].split('"')[0]
    status, headers, body = answer(f"{address}/static/vendor/tabler{style}", Accept_Encoding="gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert "immutable" in headers["cache-control"]
    assert len(body) < 90_000


def test_what_lies_outside_the_static_files_is_not_served(web: tuple[str, subprocess.Popen[bytes]]) -> None:
    address, _ = web
    for path in (
        "/static/../db.sqlite3",
        "/static/%2e%2e/secrets/django",
        "/static/..%2fstatic.key",
    ):
        status, _, body = answer(address + path)
        assert status in (302, 404), path
        assert b"SQLite" not in body


def test_metrics_and_readiness_are_for_this_machine_only(web: tuple[str, subprocess.Popen[bytes]]) -> None:
    address, _ = web
    for path in ("/readyz", "/metrics"):
        assert answer(address + path)[0] == 200
        assert answer(address + path, X_Forwarded_For="203.0.113.7")[0] == 404
    assert answer(f"{address}/healthz", X_Forwarded_For="203.0.113.7")[0] == 200


def test_it_stops_within_ten_seconds_although_a_connection_stays_open(
    web: tuple[str, subprocess.Popen[bytes]],
) -> None:
    address, process = web
    port = int(address.rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(b"GET /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")  # never finished
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert time.monotonic() - began < 10


def test_a_taken_port_is_said_clearly(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        environment = os.environ | {"GONGFU_HOME": str(tmp_path), "GONGFU_WEB_PORT": str(port)}
        done = subprocess.run(
            [sys.executable, "-m", "gongfu.cli", "web"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode != 0
    assert "GONGFU_WEB_PORT" in done.stderr + done.stdout
