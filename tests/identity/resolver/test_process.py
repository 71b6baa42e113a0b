"""The resolver as a process of its own: started, asked, measured, killed, stopped."""

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

import psutil
import pytest

from gongfu.identity.handle import conversation, keys, site, wire
from gongfu.identity.handle.admin_record import ALL, AdminRecord, encode_admin
from gongfu.identity.handle.client import resolve
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.conversation import Answers, Conversation, Request, Talk
from gongfu.identity.handle.names import parse, parse_any
from gongfu.identity.handle.proofs import SecretKey
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import FOLDER, IdentifierStore
from gongfu.identity.resolver import process
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import Settings

pytestmark = pytest.mark.node

PROGRAM = """
import os
from gongfu.identity.resolver.process import main
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import load
if __name__ == "__main__":
    try:
        main(load(os.environ))
    except GongfuError as error:
        print(error)
        raise SystemExit(error.exit_code)
"""


def free_port() -> int:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return int(tcp.getsockname()[1])


@contextlib.contextmanager
def started(home: Path, *, workers: int = 1, handle_port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    program = home / "program.py"
    program.write_text(PROGRAM)
    port, health = handle_port or free_port(), free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GONGFU_")} | {
        "GONGFU_HOME": str(home),
        "GONGFU_HANDLE_PORT": str(port),
        "GONGFU_RESOLVER_PORT": str(health),
        "GONGFU_HANDLE_HTTP_PORT": str(free_port()),
        "GONGFU_RESOLVER_WORKERS": str(workers),
    }
    process = subprocess.Popen([sys.executable, program], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield process, port, health
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def wait_until_ready(port: int) -> None:
    until = time.monotonic() + 20
    while get(port, "/readyz")[0] != 200:
        assert time.monotonic() < until, get(port, "/readyz")
        time.sleep(0.05)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = IdentifierStore(tmp_path / FOLDER)
    store.home("88.118.1")
    store.put(Record(parse("88.118.1/a"), (Value(1, "URL", b"http://a.test/"),), 1, 1))
    store.close()
    return tmp_path


def test_it_answers_is_healthy_counts_and_stops_on_sigterm(home: Path) -> None:
    with started(home) as (process, port, health):
        wait_until_ready(health)
        assert resolve("88.118.1/A", port=port).text("URL") == "http://a.test/"
        assert resolve("88.118.1/A", port=port, tcp=True).transport == "tcp"
        with pytest.raises(GongfuError):
            resolve("88.118.1/B", port=port)
        metrics = get(health, "/metrics")[1]
        assert 'gongfu_resolver_requests_total{result="success",transport="udp"} 1.0' in metrics
        assert 'gongfu_resolver_requests_total{result="success",transport="tcp"} 1.0' in metrics
        assert 'gongfu_resolver_requests_total{result="handle_not_found",transport="udp"} 1.0' in metrics
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_an_identifier_registered_by_another_process_is_resolved_at_once(home: Path) -> None:
    with started(home) as (_, port, health):
        wait_until_ready(health)
        store = IdentifierStore(home / FOLDER)
        store.put(Record(parse("88.118.1/new"), (Value(1, "URL", b"http://new.test/"),), 1, 1))
        store.close()
        assert resolve("88.118.1/new", port=port).text("URL") == "http://new.test/"


def test_a_taken_port_ends_it_at_once_with_the_remedy(home: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with started(home, handle_port=taken.getsockname()[1]) as (process, _, _):
            said, _ = process.communicate(timeout=20)
    assert process.returncode == 73
    assert "GONGFU_HANDLE_PORT" in said


def test_several_workers_share_the_port_and_a_killed_one_comes_back(home: Path) -> None:
    with started(home, workers=2) as (process, port, health):
        wait_until_ready(health)
        for _ in range(40):
            resolve("88.118.1/a", port=port)
        assert 'gongfu_resolver_requests_total{result="success",transport="udp"} 4' in get(health, "/metrics")[1]
        workers = [
            child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())
        ]
        assert len(workers) == 2
        workers[0].kill()
        time.sleep(0.2)
        until = time.monotonic() + 15
        while get(health, "/readyz")[0] == 200 and time.monotonic() < until:
            time.sleep(0.05)
        wait_until_ready(health)
        assert resolve("88.118.1/a", port=port).values
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)


def over_new_connection(port: int, request: Request, udp: bool) -> Answers:
    """Ask as a client does that keeps no connection, so that any worker may get it."""
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", port))
        sock.sendall(request.octets)
        octets = sock.recv(4096)
        while len(octets) < 20 + (envelope := wire.decode_envelope(octets[:20])).length:
            octets += sock.recv(4096)
    return [request.read(envelope, octets[20 : 20 + envelope.length])]


def drive(talk: Talk, port: int, *, udp: bool = False) -> None:
    with contextlib.suppress(StopIteration):
        request = next(talk)
        while True:
            request = talk.send(over_new_connection(port, request, udp))


@pytest.mark.parametrize(
    ("session", "encrypt", "udp"),
    [(False, False, False), (True, False, False), (True, True, False), (False, False, True)],
)
def test_what_was_begun_with_one_worker_goes_on_at_any_other(
    home: Path, session: bool, encrypt: bool, udp: bool
) -> None:
    owner = Reference("0.NA/88.118.1", 300)
    store = IdentifierStore(home / FOLDER)
    admin = Value(100, "HS_ADMIN", encode_admin(AdminRecord(owner, ALL)))
    store.put(
        Record(
            parse_any(owner.handle),
            (admin, Value(300, "HS_SECKEY", b"secret", permissions=Permission.ADMIN_READ)),
            1,
            1,
        )
    )
    store.close()
    with started(home, workers=3) as (_, port, health):
        wait_until_ready(health)
        talk = Conversation("node", credential=SecretKey(owner, b"secret"), session=session, encrypt=encrypt)
        for number in range(20):
            values = (Value(1, "URL", b"http://new.test/"),)
            drive(conversation.create(talk, f"88.118.1/{number}", values, overwrite=False, mint=False), port, udp=udp)
    store = IdentifierStore(home / FOLDER)
    assert store.count("88.118.1") == 21
    store.close()


@pytest.mark.parametrize(
    ("host", "url", "expected"),
    [("192.0.2.7", "", "192.0.2.7"), ("0.0.0.0", "http://192.0.2.8:8000", "192.0.2.8"), ("0.0.0.0", "http://name", "")],
)
def test_the_node_describes_itself_by_an_address_others_can_reach(
    tmp_path: Path, host: str, url: str, expected: str
) -> None:
    key = keys.generate(keys.Algorithm.ED25519)
    octets = process._site(Settings(home=tmp_path, host=host, public_url=url), key)
    if not expected:
        assert octets == b""
        return
    [server] = site.decode(octets).servers
    assert str(server.address) == expected
    assert server.public_key == key.public.encode()
