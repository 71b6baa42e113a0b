"""What the doctor finds on a machine that lacks something."""

from __future__ import annotations

import resource
import socket
import time
from pathlib import Path

import pytest

from gongfu.cli import checks
from gongfu.kernel import doctor, nats_server
from gongfu.kernel.doctor import Level
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return load({"GONGFU_HOME": str(tmp_path), "GONGFU_SUPERVISOR_PORT": str(sock.getsockname()[1])})


def test_a_machine_in_order_has_no_failure_and_every_finding_is_complete(settings: Settings) -> None:
    ours = [check for check in doctor.CHECKS if check is not doctor.free_ports]  # others may use the standard ports
    found = [check(settings) for check in (*ours, *checks.CHECKS)]
    assert [finding.check for finding in found if finding.level is Level.FAIL] == []
    assert all(finding.remedy and finding.meaning for finding in found if finding.level is Level.WARN)


def test_a_taken_port_is_a_failure_with_its_setting(settings: Settings) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        taken = load({"GONGFU_HOME": str(settings.home), "GONGFU_WEB_PORT": str(sock.getsockname()[1])})
        finding = doctor.free_ports(taken)
    assert finding.level is Level.FAIL
    assert "GONGFU_WEB_PORT" in finding.meaning


def test_a_home_that_is_a_file_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = doctor.disk(load({"GONGFU_HOME": str(tmp_path / "file")}))
    assert finding.level is Level.FAIL
    assert "GONGFU_HOME" in finding.remedy


def test_a_nearly_full_disk_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LITTLE_DISK", 1 << 60)
    assert doctor.disk(settings).level is Level.WARN


def test_passwords_that_others_can_read_are_a_failure(settings: Settings) -> None:
    secret(settings.home, "a")
    nats_server.write_users(settings.home, ["acme"])
    assert doctor.permissions(settings).level is Level.OK
    loose = settings.home / "secrets" / "a"
    loose.chmod(0o644)
    finding = doctor.permissions(settings)
    assert finding.level is Level.FAIL
    assert str(loose) in finding.found


@pytest.mark.parametrize(
    ("environment", "level"),
    [
        ({}, Level.OK),
        ({"GONGFU_HOST": "0.0.0.0"}, Level.WARN),
        ({"GONGFU_HOST": "0.0.0.0", "GONGFU_PUBLIC_URL": "https://gongfu.example"}, Level.OK),
    ],
)
def test_an_open_console_without_encryption_is_a_warning(environment: dict[str, str], level: Level) -> None:
    assert doctor.exposure(load(environment)).level is level


def test_an_impossible_year_is_a_failure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reset(doctor.dt.datetime):
        @classmethod
        def now(cls, tz: doctor.dt.tzinfo | None = None) -> doctor.dt.datetime:
            return doctor.dt.datetime(1970, 1, 1, tzinfo=tz)

    monkeypatch.setattr(doctor.dt, "datetime", Reset)
    assert doctor.clock(settings).level is Level.FAIL


def test_a_jumping_clock_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.time()
    answers = iter([started, started + 60])
    monkeypatch.setattr(doctor.time, "time", lambda: next(answers))
    assert doctor.clock(settings).level is Level.WARN


def test_few_open_files_are_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    finding = doctor.files(settings)
    assert (finding.level, finding.found) == (Level.WARN, "256 / 1024")


def test_an_old_python_and_an_old_sqlite_are_failures(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (4, 0))
    monkeypatch.setattr(doctor, "OLDEST_SQLITE", (4, 0))
    assert doctor.python(settings).level is Level.FAIL
    assert "GONGFU_DATABASE_URL" in doctor.sqlite(settings).remedy


def test_a_missing_bus_program_and_a_silent_cluster_are_failures(tmp_path: Path) -> None:
    missing = load({"GONGFU_HOME": str(tmp_path), "GONGFU_NATS_SERVER": "/nowhere"})
    assert doctor.nats(missing).level is Level.FAIL
    silent = load(
        {
            "GONGFU_HOME": str(tmp_path),
            "GONGFU_BUS_URL": "nats://u:hunter2@127.0.0.1:1",
            "GONGFU_STORE_URL": "http://u:hunter2@127.0.0.1:1/x",
        }
    )
    for finding in (doctor.bus_answers(silent), doctor.store_answers(silent)):
        assert finding.level is Level.FAIL
        assert "hunter2" not in f"{finding}"


def test_a_missing_front_end_is_a_failure(settings: Settings, tmp_path: Path) -> None:
    assert checks.front_end(settings, tmp_path / "vendor").level is Level.FAIL


def test_findings_are_in_the_language_of_the_node(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    finding = doctor.files(settings).translated()
    assert (finding.check, finding.meaning) == ("打开文件数", "只够接入数百台设备。")
