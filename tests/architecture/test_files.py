"""Files stay small, modules are explained, examples are true."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from .source import FLAT, PACKAGE, ROOT, drivers, modules, python_files, relative

LONGEST = 450


def explained() -> list[Path]:
    return [*modules(), *drivers(), *(PACKAGE / room for room in sorted(FLAT))]


def test_no_file_is_too_long_to_read() -> None:
    long = {relative(path): lines for path in python_files() if (lines := len(path.read_text().splitlines())) > LONGEST}
    assert not long


@pytest.mark.parametrize("folder", explained(), ids=relative)
def test_every_module_and_driver_is_explained(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.split()) > 20


@pytest.mark.parametrize("readme", sorted(PACKAGE.rglob("README.md")), ids=relative)
def test_examples_are_true(readme: Path) -> None:
    result = doctest.testfile(
        str(readme),
        module_relative=False,
        encoding="utf-8",
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert result.failed == 0


def test_every_file_says_what_it_is_for() -> None:
    silent = [
        relative(path)
        for path in python_files()
        if (text := path.read_text(encoding="utf-8")).strip() and not text.startswith(('"""', "#!", 'r"""'))
    ]
    assert not silent


def test_nothing_third_party_and_nothing_generated_is_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    for pattern in ("*.mo", ".venv/", ".gongfu/", "src/gongfu/console/static/vendor/"):
        assert pattern in ignored
