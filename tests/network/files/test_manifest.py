"""The folder keeps its promises: manifest, code and README say the same."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from pathlib import Path

import msgspec
import pytest
import uvloop

from gongfu.network.drivers import registry
from gongfu.network.drivers.files import driver, options

FOLDER = Path(driver.__file__).parent


def test_manifest_and_code_know_the_same_options() -> None:
    declared = {
        name: msgspec.NODEFAULT if option.required else option.default
        for name, option in registry.manifest("files").options.items()
    }
    known = {field.name: field.default for field in msgspec.structs.fields(options.Options)}
    assert declared == known


def test_every_option_stands_in_the_readme() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    assert [name for name in registry.manifest("files").options if f"`{name}`" not in text] == []


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])  # daemons run on uvloop
def test_the_readmes_example_prints_what_it_says(run: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "run", run)
    text = (FOLDER / "README.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```\nprints\n```text\n(.*?)```", text, re.DOTALL)
    assert found is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(found[1], "README.md", "exec"), {"__name__": "readme"})
    assert printed.getvalue() == found[2]
