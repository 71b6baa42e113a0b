"""Taken ports: all of them in one message, with what to do."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gongfu.kernel.errors import Invalid
from gongfu.kernel.settings import load
from gongfu.kernel.supervisor.ports import Port, PortsTaken, check, needed


def test_every_taken_port_is_named_at_once_with_its_holder_and_setting() -> None:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        web, handle = tcp.getsockname()[1], udp.getsockname()[1]
        with pytest.raises(PortsTaken) as caught:
            check([Port("web_port", "127.0.0.1", web), Port("handle_port", "127.0.0.1", handle, udp=True)])
    lines = str(caught.value).splitlines()
    assert lines[0] == "Some ports cannot be used:"
    assert f"127.0.0.1:{web} (TCP): Address already in use" in lines[1]
    assert f"(pid {os.getpid()})" in lines[1]
    assert lines[1].endswith("setting GONGFU_WEB_PORT")
    assert f"127.0.0.1:{handle} (UDP)" in lines[2]
    assert "choose other ports" in lines[3]
    assert caught.value.exit_code == 73
    assert "GONGFU_WEB_PORT" in caught.value.text("zh-hans")


def test_free_ports_pass() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    check([Port("web_port", "127.0.0.1", port), Port("handle_port", "127.0.0.1", port, udp=True)])


def test_two_settings_with_one_port_are_both_named(tmp_path: Path) -> None:
    settings = load({"GONGFU_HOME": str(tmp_path), "GONGFU_WEB_PORT": "18600", "GONGFU_STORE_PORT": "18600"})
    with pytest.raises(Invalid, match=r"Port 18600 is asked for more than once: GONGFU_STORE_PORT, GONGFU_WEB_PORT"):
        check(needed(settings))


def test_only_what_this_node_starts_needs_ports(tmp_path: Path) -> None:
    plain = {port.setting for port in needed(load({"GONGFU_HOME": str(tmp_path)}))}
    assert {"web_port", "bus_port", "mqtt_port", "handle_port"} <= plain
    assert "simulator_port" not in plain
    cluster = needed(load({"GONGFU_HOME": str(tmp_path), "GONGFU_BUS_URL": "nats://bus:4222"}))
    assert not {"bus_port", "mqtt_port", "bus_monitor_port"} & {port.setting for port in cluster}
    plant = needed(load({"GONGFU_HOME": str(tmp_path), "GONGFU_DEMONSTRATION": "true"}))
    assert sum(port.setting == "simulator_base_port" for port in plant) == 20
