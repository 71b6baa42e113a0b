"""Files stay small, modules are explained, examples are true."""

from __future__ import annotations

import ast
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


TRANSLATED = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "npgettext", "mark"}
CALLED = {("gettext", "_"), ("gettext_lazy", "_")}
"""Other names under which the collector of texts knows them."""


def other_names(source: str) -> list[str]:
    """Functions that translate and are imported, or kept, under a name that the collector does not know."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found += [
                f"{one.name} as {one.asname}"
                for one in node.names
                if one.name in TRANSLATED
                and one.asname not in (None, one.name)
                and (one.name, one.asname) not in CALLED
            ]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            given = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            found += [f"{name} = {given}" for name in names if given in TRANSLATED and (given, name) not in CALLED]
    return found


def test_texts_are_translated_under_names_that_are_collected() -> None:
    """A text in ``say("…")`` stands in no catalogue when ``say`` is an alias: it would stay English for ever."""
    assert other_names("from django.utils.translation import gettext as say") == ["gettext as say"]
    assert other_names("from gongfu.kernel.i18n import mark as template") == ["mark as template"]
    assert other_names("say = translation.ngettext") == ["say = ngettext"]
    assert other_names("from django.utils.translation import gettext_lazy as _, ngettext") == []
    wrong = {
        relative(path): names for path in python_files() if (names := other_names(path.read_text(encoding="utf-8")))
    }
    assert not wrong
