"""``gongfu bench``: one JSON object for programs, a list for people."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gongfu.cli import bench
from gongfu.kernel.errors import NotFound

SCRIPT = """
import companion

def run(quick):
    return {"name": "sample", "machine": "m", "metrics": {"per_s": 1234567.0 if quick else 2.0},
            "baselines": {"bare_per_s": companion.VALUE}, "took_s": 0.1}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sample.py").write_text(SCRIPT)
    (tmp_path / "companion.py").write_text("VALUE = 4.0\n")
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_programs_get_one_json_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.run("sample", quick=True, json=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["metrics"] == {"per_s": 1234567.0}


def test_people_get_a_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.run("sample", quick=False, json=False)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["per_s", "2.000"],
        ["bare_per_s", "4.000"],
    ]


@pytest.mark.parametrize("name", ["nothing", "../sample", "companion", "__init__", ""])
def test_what_is_no_measurement_is_refused_with_those_there_are(name: str, folder: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no measurement.*sample"):
        bench.run(name, quick=True, json=True)
