"""The example of each README does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gongfu.identity

ROOM = Path(gongfu.identity.__file__).parent


@pytest.mark.parametrize("module", sorted(readme.parent.name for readme in ROOM.glob("*/README.md")))
def test_the_example_of_the_readme_runs(module: str) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOM / module / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, f"{module}/README.md", "exec"), {"__name__": "readme"})
