"""The READMEs of alarms and streams tell the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "src/gongfu/data"


@pytest.mark.parametrize("module", ["alarms", "streams"])
def test_the_example_runs(module: str) -> None:
    readme = DATA / module / "README.md"
    (example,) = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, str(readme), "exec"), {})
