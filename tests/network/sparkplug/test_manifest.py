"""The folder keeps its promises: manifest and README say the same, and the README's example runs."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from gongfu.network.drivers import registry
from gongfu.network.drivers.sparkplug import driver

TEXT = (Path(driver.__file__).parent / "README.md").read_text("utf-8")


def test_every_option_stands_in_the_readme() -> None:
    assert [name for name in registry.manifest("sparkplug").options if f"`{name}`" not in TEXT] == []


def test_the_readmes_example_prints_what_it_says() -> None:
    found = re.search(r"```python\n(.*?)```\nprints\n```text\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(found[1], "README.md", "exec"), {"__name__": "readme"})
    assert printed.getvalue() == found[2]
