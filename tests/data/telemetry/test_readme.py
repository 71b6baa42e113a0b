"""The module's README tells the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rig

from gongfu.kernel import settings

README = Path(__file__).parents[3] / "src/gongfu/data/telemetry/README.md"


def test_the_example_runs(node: rig.Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "settings", lambda: node.settings)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, str(README), "exec"), {})
