"""A whole node as an operator meets it: first start, commands beside it, new organisations, the end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from gongfu.kernel.nats_server import mqtt_password

from .running import Node

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("home")) as running:
        yield running


def shown_password(node: Node) -> str:
    deadline = time.monotonic() + 10
    while not (match := re.search(r"Password:\s+(\S+)", node.output())):
        assert time.monotonic() < deadline, node.output()
        time.sleep(0.1)
    return match[1]


def test_the_first_start_shows_addresses_and_a_password_that_is_in_no_log(node: Node) -> None:
    password = shown_password(node)
    text = node.output()
    assert text.count(password) == 1
    assert f"http://127.0.0.1:{node.ports['web']}" in text
    assert f"mqtt://127.0.0.1:{node.ports['mqtt']}" in text
    assert str(node.ports["handle"]) in text
    for file in (node.home / "log").iterdir():
        assert password not in file.read_text(encoding="utf-8", errors="replace")


def test_the_console_asks_to_sign_in(node: Node) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{node.ports['web']}/", timeout=10) as answer:
        page = answer.read().decode()
        assert answer.url.split("?")[0].endswith("/sign-in/")
    assert 'type="password"' in page


def test_every_process_answers_health_and_metrics(node: Node) -> None:
    for port in ("web", "store", "supervisor", "gateway", "resolver", "worker"):
        assert node.get(port, "/healthz") == b"ok\n", port
        assert b"process_resident_memory_bytes" in node.get(port, "/metrics"), port


def test_status_and_doctor_speak_of_the_running_node(node: Node) -> None:
    table = node.command("status").stdout
    for name in ("nats-server", "recorder", "resolver", "worker", "gateway", "web"):
        assert re.search(rf"{name}\s+│ ready", table)
    findings = {finding["check"]: finding for finding in json.loads(node.command("doctor", "--json").stdout)}
    assert {name for name, finding in findings.items() if finding["level"] == "fail"} == set()
    assert "127.0.0.1" in findings["Bus"]["found"]
    assert "Ok" in findings["Telemetry store"]["found"]
    assert findings["Database"]["level"] == "ok"


def test_the_audit_log_is_verified_from_the_command_line(node: Node) -> None:
    assert "are intact" in node.command("audit", "verify").stdout


def test_an_unknown_identifier_is_not_found_and_nothing_else(node: Node) -> None:
    done = node.command("resolve", "88.118.1.1/NOTHING", check=False)
    assert done.returncode == 66
    assert "Traceback" not in done.stderr


async def test_devices_of_a_new_organisation_connect_within_three_seconds(node: Node) -> None:
    node.django(
        "from gongfu.kernel.accounts.services import create_organisation\n"
        "create_organisation('newcomer', '新企业', name_en='Newcomer')"
    )
    password = mqtt_password(node.home, "newcomer")
    began = time.monotonic()
    while True:
        try:
            async with aiomqtt.Client(
                "127.0.0.1", node.ports["mqtt"], username="newcomer", password=password, timeout=3
            ) as client:
                await client.publish("gongfu/newcomer/x", b"1", qos=1)
            break
        except aiomqtt.MqttError:
            assert time.monotonic() - began < 3


def test_another_node_on_the_same_ports_names_all_of_them(node: Node, tmp_path: Path) -> None:
    second = Node(tmp_path, ports=node.ports)
    second.ports = node.ports
    done = second.command("up", check=False)
    assert done.returncode == 73
    for setting in ("WEB", "BUS", "BUS_MONITOR", "STORE", "SUPERVISOR", "GATEWAY", "RESOLVER", "WORKER", "MQTT"):
        assert f"GONGFU_{setting}_PORT" in done.stderr
    assert done.stderr.count("GONGFU_HANDLE_PORT") == 2
    assert "nats-server (pid" in done.stderr


def test_another_supervisor_on_the_same_home_is_refused(node: Node) -> None:
    done = node.command("up", check=False)
    assert done.returncode == 73
    assert f"already runs on {node.home}" in done.stderr


def test_it_ends_within_ten_seconds_and_starts_again_without_a_new_password(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with node:
        first = shown_password(node)
        assert node.up is not None
        began = time.monotonic()
        node.up.send_signal(signal.SIGINT)
        assert node.up.wait(12) == 0
        assert time.monotonic() - began < 10
    with node:
        deadline = time.monotonic() + 20
        while "runs" not in node.output() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "Password:" not in node.output()
        assert first not in node.output()


def test_an_expected_failure_is_a_sentence_in_the_language_of_the_node(tmp_path: Path) -> None:
    node = Node(tmp_path, extra={"GONGFU_LANGUAGE": "zh-hans"})
    done = node.command("status", check=False)
    assert (done.returncode, done.stdout) == (69, "")
    assert "工赋没有运行" in done.stderr
    assert done.stderr.count("\n") == 1
    node.extra["GONGFU_WEB_PROT"] = "1"
    done = node.command("up", check=False)
    assert done.returncode == 2
    assert re.fullmatch("没有名为 web_prot 的设置项。.*web_port？\\n", done.stderr)


def test_daemons_start_without_what_they_do_not_need() -> None:
    forbidden = {
        "gongfu.network.gateway.process": ("django", "chdb", "typer"),
        "gongfu.identity.resolver.process": ("django", "chdb", "typer", "numpy"),
        "gongfu.kernel.supervisor.main": ("django", "chdb", "typer", "nats", "numpy"),
        "gongfu.data.telemetry.process": ("django", "typer"),
    }
    for module, names in forbidden.items():
        code = f"import sys, gongfu.cli, {module}; print([n for n in {names!r} if n in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", module
