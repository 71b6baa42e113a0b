"""What an operator sees of ``gongfu up``, with small stand-ins for the processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gongfu.kernel.supervisor.child import pause
from gongfu.kernel.supervisor.output import Output

HERE = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class FakeNode:
    """A running supervisor over fake children, its terminal in files."""

    def __init__(self, home: Path, children: dict[str, str], **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self.ports = {name: free_port() for name in children}
        self.out = home / "out.txt"
        self.err = home / "err.txt"
        words = [f"{name}={self.ports[name]}:{behaviour}" for name, behaviour in children.items()]
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, HERE / "fake_node.py", str(self.port), *words],
                env={**os.environ, "GONGFU_HOME": str(home), "GONGFU_LANGUAGE": "en", **environment},
                stdout=out,
                stderr=err,
            )

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def statuses(self) -> dict[str, dict[str, object]]:
        status, body = self.get("/processes")
        return {entry["name"]: entry for entry in json.loads(body)} if status == 200 else {}

    def states(self) -> dict[str, object]:
        return {name: entry["state"] for name, entry in self.statuses().items()}

    def ready(self) -> bool:
        states = self.states()
        return bool(states) and set(states.values()) == {"ready"}

    def pid(self, name: str) -> int:
        pid = self.statuses()[name]["pid"]
        assert isinstance(pid, int)
        return pid


def wait(holds: Callable[[], object], seconds: float = 10) -> float:
    """Seconds until ``holds()``."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "waited in vain"
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., FakeNode]]:
    nodes: list[FakeNode] = []

    def starter(children: dict[str, str], **environment: str) -> FakeNode:
        nodes.append(FakeNode(tmp_path, children, **environment))
        return nodes[-1]

    yield starter
    for node in nodes:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(node.process.pid).children(recursive=True)
            node.process.kill()
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        node.process.wait()


def test_all_processes_become_ready_and_the_password_is_shown_once(start: Callable[..., FakeNode]) -> None:
    node = start({"nats-server": "", "recorder": "", "web": ""})
    wait(node.ready)
    wait(node.out.read_text)
    assert json.loads(node.out.read_text()) == {
        "printed": "password",
        "states": {"nats-server": "ready", "recorder": "ready", "web": "ready"},
    }
    assert node.get("/readyz")[0] == 200
    assert node.get("/healthz") == (200, b"ok\n")
    assert node.get("/elsewhere")[0] == 404
    assert "preparing" in node.err.read_text()
    assert not any("password" in file.read_text() for file in (node.home / "log").iterdir())
    entry = node.statuses()["web"]
    assert entry["memory_bytes"] > 1_000_000  # type: ignore[operator]
    assert entry["conditions"] == {"work": {"ok": True, "detail": "d"}}
    assert entry["restarts"] == 0


def test_a_killed_process_is_back_within_five_seconds_and_its_own_children_are_gone(
    start: Callable[..., FakeNode],
) -> None:
    node = start({"nats-server": "", "resolver": "parent"})
    wait(node.ready)
    grandchild = int((node.home / f"{node.ports['resolver']}.grandchild").read_text())
    for name in ("nats-server", "resolver"):
        before = node.pid(name)
        os.kill(before, signal.SIGKILL)
        assert wait(lambda name=name, before=before: node.statuses()[name]["pid"] not in (None, before)) < 5
        assert wait(node.ready) < 5
        entry = node.statuses()[name]
        assert (entry["restarts"], entry["last_exit"]) == (1, "SIGKILL")
    assert not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE


def test_a_process_that_cannot_start_is_tried_again_with_growing_pauses(start: Callable[..., FakeNode]) -> None:
    node = start({"gateway": "crash"})
    wait(lambda: node.statuses().get("gateway", {}).get("restarts") == 3)
    entry = node.statuses()["gateway"]
    assert entry["last_exit"] == "exit 3"
    assert entry["state"] in ("restarting", "starting")
    assert node.get("/readyz")[0] == 503
    assert "gateway     │ no such thing" in node.err.read_text()
    assert [pause(failures) for failures in range(9)] == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


def test_a_process_that_misses_something_is_shown_as_not_ready(start: Callable[..., FakeNode]) -> None:
    node = start({"recorder": ""})
    wait(node.ready)
    (node.home / f"{node.ports['recorder']}.unready").touch()
    wait(lambda: node.states()["recorder"] == "unready")
    assert node.statuses()["recorder"]["conditions"] == {"work": {"ok": False, "detail": "d"}}


def test_sigterm_stops_everything_in_order_within_ten_seconds_even_the_stubborn(start: Callable[..., FakeNode]) -> None:
    node = start({"nats-server": "", "recorder": "stubborn", "web": ""})
    wait(node.ready)
    pids = [node.pid(name) for name in ("nats-server", "recorder", "web")]
    began = time.monotonic()
    node.process.send_signal(signal.SIGTERM)
    assert node.process.wait(12) == 0
    assert time.monotonic() - began < 10
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert {entry["state"] for entry in json.loads((node.home / "run" / "status.json").read_text())} == {"stopped"}


def test_a_second_interrupt_ends_everything_at_once(start: Callable[..., FakeNode]) -> None:
    node = start({"nats-server": "stubborn", "recorder": "stubborn"})
    wait(node.ready)
    node.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    began = time.monotonic()
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(5) == 0
    assert time.monotonic() - began < 2


def test_children_end_when_the_supervisor_is_killed_and_the_next_one_clears_up(start: Callable[..., FakeNode]) -> None:
    node = start({"nats-server": "stubborn", "web": ""})
    wait(node.ready)
    web, stubborn = node.pid("web"), node.pid("nats-server")
    node.process.kill()
    node.process.wait()
    wait(lambda: not psutil.pid_exists(web))
    assert psutil.pid_exists(stubborn)
    successor = start({"web": ""})
    wait(lambda: not psutil.pid_exists(stubborn), 15)
    wait(successor.ready)


def test_two_supervisors_never_share_a_home(start: Callable[..., FakeNode]) -> None:
    first = start({"web": ""})
    wait(first.ready)
    second = start({"web": ""})
    assert second.process.wait(10) == 73
    assert f"(pid {first.process.pid}) already runs on {first.home}" in second.err.read_text()


def test_a_failed_preparation_ends_the_node_with_its_code(start: Callable[..., FakeNode]) -> None:
    node = start({"nats-server": "", "web": ""}, FAKE_PREPARATION="import sys; sys.exit('database says no')")
    assert node.process.wait(10) == 1
    assert "prepare     │ database says no" in node.err.read_text()
    assert not node.out.read_text()


def test_the_password_is_not_lost_when_the_node_is_stopped_early(start: Callable[..., FakeNode]) -> None:
    node = start({"nats-server": "deaf", "web": ""})
    wait(lambda: node.states().get("web") == "ready")
    node.process.send_signal(signal.SIGTERM)
    assert node.process.wait(12) == 0
    assert json.loads(node.out.read_text()) == {"printed": "password", "states": {}}


def test_a_changed_file_makes_the_bus_read_it_again(start: Callable[..., FakeNode]) -> None:
    node = start({"nats-server": ""})
    (node.home / "watched").write_text("1")
    wait(node.ready)
    time.sleep(0.6)
    (node.home / "watched").write_text("2")
    wait(lambda: "reload 1" in node.err.read_text(), 3)


@pytest.mark.parametrize("piece", [1_000, 63_999, 64_000, 65_536, 300_000])
def test_a_long_line_is_written_in_pieces_however_it_comes(tmp_path: Path, piece: int) -> None:
    said = b"before\n" + b"x" * 200_000 + b"\n" + b"y" * 64_000 + b"\nafter\n" + b"z" * 130_000
    output = Output("loud", tmp_path / "loud.log", 0)
    for at in range(0, len(said), piece):
        output.feed(said[at : at + piece])
    output.close()
    lines = (tmp_path / "loud.log").read_bytes().split(b"\n")
    assert [len(line) for line in lines] == [6, 64_000, 64_000, 64_000, 8_000, 64_000, 5, 64_000, 64_000, 2_000, 0]


def test_a_line_without_end_does_not_hold_up_the_log(start: Callable[..., FakeNode]) -> None:
    node = start({"recorder": "loud"})
    wait(node.ready)
    wait(lambda: "after the long line" in (node.home / "log" / "recorder.log").read_text())
    longest = max(map(len, (node.home / "log" / "recorder.log").read_text().splitlines()))
    assert longest <= 64_000
