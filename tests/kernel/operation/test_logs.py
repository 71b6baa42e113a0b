"""What is written to logs, and what never is."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from gongfu.kernel.logs import redact


@pytest.mark.parametrize(
    ("event", "written"),
    [
        ({"password": "hunter2"}, {"password": "***"}),
        ({"MQTT_Password": "hunter2", "user": "acme"}, {"MQTT_Password": "***", "user": "acme"}),
        ({"headers": {"Authorization": "x", "host": "h"}}, {"headers": {"Authorization": "***", "host": "h"}}),
        ({"urls": ["nats://u:p@h:1"]}, {"urls": ["nats://***@h:1"]}),
        ({"event": "connect postgresql://gongfu:hunter2@db/x"}, {"event": "connect postgresql://***@db/x"}),
        ({"event": "GET /api?token=abc&page=2"}, {"event": "GET /api?token=***&page=2"}),
        ({"event": "Authorization: Bearer abc.def"}, {"event": "Authorization: Bearer ***"}),
        ({"event": 'password="hunter2" refused'}, {"event": "password=*** refused"}),
        ({"event": "http://127.0.0.1:8600/devices"}, {"event": "http://127.0.0.1:8600/devices"}),
        ({"count": 3, "ok": True, "none": None}, {"count": 3, "ok": True, "none": None}),
    ],
)
def test_secrets_are_replaced_wherever_they_stand(event: dict[str, object], written: dict[str, object]) -> None:
    assert redact(None, "info", dict(event)) == written


PROGRAM = """
import logging, sys, pathlib, structlog
from gongfu.kernel import logs
from gongfu.kernel.settings import load
logs.configure(load({"GONGFU_LOG_FORMAT": sys.argv[1]}), "gateway")
structlog.get_logger("driver").info("online", device=7, password="hunter2")
logging.getLogger("library").warning("lost %s", "nats://u:hunter2@h")
logging.getLogger("asyncua").warning("chatter")
structlog.get_logger("driver").debug("not shown")
try:
    raise ValueError("token=hunter2")
except ValueError:
    structlog.get_logger("driver").exception("broken")
"""


def output(form: str) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM, form], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_machines_read_one_json_object_a_line_from_ours_and_from_libraries() -> None:
    lines = [json.loads(line) for line in output("json").splitlines()]
    assert [(line["logger"], line["level"], line["event"]) for line in lines] == [
        ("driver", "info", "online"),
        ("library", "warning", "lost nats://***@h"),
        ("driver", "error", "broken"),
    ]
    assert lines[0]["device"] == 7
    assert {line["process"] for line in lines} == {"gateway"}
    assert all("hunter2" not in json.dumps(line) for line in lines)
    assert "ValueError" in lines[2]["exception"]


def test_people_read_text_without_control_characters() -> None:
    text = output("text")
    assert "online" in text
    assert "device=7" in text
    assert "hunter2" not in text
    assert "\x1b" not in text


def test_this_process_keeps_its_own_logging() -> None:
    assert not any(type(handler).__name__ == "ProcessorFormatter" for handler in logging.getLogger().handlers)
