"""A machine joins a node, and takes another version from it: what it keeps, refuses and undoes."""

from __future__ import annotations

import hashlib
import http.server
import os
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gongfu.cli import edge as command
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, Unavailable
from gongfu.kernel.settings import Settings
from gongfu.network.edge import credentials, server, versions
from gongfu.network.edge.contract import JOIN_PATH, Install, JoinAnswer, JoinRequest, Leaf, Upgrade
from gongfu.network.edge.join import join
from gongfu.network.edge.orders import tail
from gongfu.network.edge.upgrade import fetch
from tests.network.nats import node_settings

ANSWER = JoinAnswer(
    edge="hall-1",
    name="Hall 1",
    node="hub",
    org=1,
    org_code="acme",
    leaf=Leaf(url="tls://node.example:8610", user="edge.hall-1", password="p/w@d", ca="PEM"),
    tickets="k" * 64,
)
TOKEN = "edge_very_secret"


class Console(http.server.ThreadingHTTPServer):
    """The node's console, as far as a machine meets it."""

    daemon_threads = False  # closing it waits for the last answer

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, msgspec.json.encode(ANSWER)
        self.requests: list[tuple[str, str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Console

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self) -> None:
        self._answer(self.headers.get("Authorization", "").encode())

    def _answer(self, body: bytes) -> None:
        self.server.requests.append((self.command, self.path, body))
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def console() -> Iterator[Console]:
    with Console() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_joining_keeps_what_the_node_says_for_the_owner_only(tmp_path: Path, console: Console) -> None:
    membership = join(tmp_path, console.url + "/", TOKEN)
    assert credentials.load(tmp_path) == membership
    assert membership.answer == ANSWER
    ((method, path, body),) = console.requests
    assert (method, path) == ("POST", JOIN_PATH)
    assert msgspec.json.decode(body, type=JoinRequest).token == TOKEN
    for file in (credentials.path(tmp_path), tmp_path / "secrets" / "write-tickets"):
        assert file.stat().st_mode & 0o077 == 0
    assert TOKEN not in credentials.path(tmp_path).read_text()
    with pytest.raises(Conflict, match="already"):
        join(tmp_path, console.url, TOKEN)
    credentials.forget(tmp_path)
    with pytest.raises(Conflict, match="not an edge node yet"):
        credentials.load(tmp_path)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (403, b'{"message": "This token is not good."}', Forbidden, "This token is not good."),
        (404, b"<html>", GongfuError, "HTTP 404"),
        (302, b"", Unavailable, "HTTP 302"),
        (200, b"<html>hello", Unavailable, "does not answer as a node"),
        (200, b'{"edge": "../x"}', Unavailable, "does not answer as a node"),
    ],
)
def test_what_the_node_refuses_is_said_and_changes_nothing(
    tmp_path: Path, console: Console, status: int, body: bytes, kind: type[GongfuError], words: str
) -> None:
    console.status, console.body = status, body
    with pytest.raises(kind, match=words) as refused:
        join(tmp_path, console.url, TOKEN)
    assert TOKEN not in str(refused.value)
    assert len(console.requests) == 1, "the token goes to one host only"
    assert not credentials.path(tmp_path).exists()


@pytest.mark.parametrize("url", ["ftp://node", "node.example", "http://", "http://user@node", "http://node?x=1"])
def test_what_is_no_address_is_refused_before_anything_is_sent(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid):
        join(tmp_path, url, TOKEN)


def test_the_link_is_configured_with_tls_and_escaped_credentials(tmp_path: Path) -> None:
    text = server.config(node_settings(tmp_path), ANSWER)
    assert "tls://edge.hall-1:p%2Fw%40d@node.example:8610" in text
    assert (tmp_path / "edge" / "node-ca.pem").read_text() == "PEM"


def _wheel(path: Path, *names: str) -> Install:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return Install(version="9.9", path="/wheel", sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_wheel_is_taken_only_when_it_is_the_one_that_was_named(tmp_path: Path, console: Console) -> None:
    order = _wheel(tmp_path / "w", "gongfu/cli/__main__.py")
    console.body = (tmp_path / "w").read_bytes()
    fetch(console.url, order, ANSWER.leaf, "", tmp_path / "got")
    versions.unpack(tmp_path / "got", tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "gongfu" / "cli" / "__main__.py").exists()
    assert console.requests[0][2].startswith(b"Basic ")
    console.body += b"x"
    with pytest.raises(Invalid, match="not the file"):
        fetch(console.url, order, ANSWER.leaf, "", tmp_path / "got")
    console.status = 404
    with pytest.raises(Unavailable, match="HTTP 404"):
        fetch(console.url, order, ANSWER.leaf, "", tmp_path / "got")


@pytest.mark.parametrize("name", ["../out", "/etc/x", "other/x"])
def test_a_hostile_wheel_is_not_unpacked(tmp_path: Path, name: str) -> None:
    _wheel(tmp_path / "w", name)
    with pytest.raises(Invalid):
        versions.unpack(tmp_path / "w", tmp_path / "unpacked")
    (tmp_path / "w").write_bytes(b"no zip")
    with pytest.raises(Invalid):
        versions.unpack(tmp_path / "w", tmp_path / "unpacked")


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A version that waits to be tried; what runs as it writes where Python would look for it."""
    settings = node_settings(tmp_path)
    versions.folder(tmp_path, "old").mkdir(parents=True)
    versions.folder(tmp_path, "new").mkdir()
    versions.choose(tmp_path, versions.Chosen("old", "new", Upgrade.TRYING, "9.9"))
    seen = tmp_path / "seen"
    code = (
        f"import os, time; open({str(seen)!r}, 'w').write(os.environ['PYTHONPATH']);"
        "time.sleep(float(os.environ['LIVES']))"
    )
    monkeypatch.setattr(command, "command", lambda *_: (sys.executable, "-c", code))
    monkeypatch.setattr(command, "TRIAL_SECONDS", 3.0)
    monkeypatch.setitem(os.environ, "LIVES", "60")
    return settings


def test_a_version_that_is_not_healthy_is_left_again(trial: Settings) -> None:
    assert command.try_out(trial) is None
    chosen = versions.chosen(trial.home)
    assert (chosen.current, chosen.trial, chosen.state, chosen.detail) == ("old", "", Upgrade.ROLLED_BACK, "9.9")
    assert (trial.home / "seen").read_text().endswith("/new")


def test_a_version_that_ends_at_once_is_left_again(trial: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "LIVES", "0")
    assert command.try_out(trial) is None
    assert versions.chosen(trial.home).current == "old"


def test_a_healthy_version_stays(trial: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "LIVES", "2")
    monkeypatch.setattr(command, "_healthy", lambda _: True)
    assert command.try_out(trial) == 0
    chosen = versions.chosen(trial.home)
    assert (chosen.current, chosen.state) == ("new", Upgrade.DONE)


def test_the_last_lines_of_a_log_are_told(tmp_path: Path) -> None:
    (tmp_path / "gateway.log").write_text("\n".join(map(str, range(1000))))
    assert tail(tmp_path, "gateway", 2) == "998\n999"
    with pytest.raises(GongfuError, match="no log of recorder"):
        tail(tmp_path, "recorder", 2)
