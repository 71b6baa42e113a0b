"""What is written for people names what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from gongfu.kernel.settings import Settings

from .source import ROOT

_GROUPS = ("user", "audit", "handle", "escrow", "devices", "backup", "edge")
"""Commands that have commands of their own."""

SETTINGS = [ROOT / "docs" / language / "settings.md" for language in ("zh", "en")]


@pytest.mark.parametrize("page", SETTINGS, ids=lambda page: page.parent.name)
def test_every_setting_is_documented_with_its_default(page: Path) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(rows) == set(Settings.__struct_fields__)
    defaults = Settings(home=ROOT)
    for name, shown in rows.items():
        value = getattr(defaults, name)
        if isinstance(value, bool):
            assert shown == f"`{str(value).lower()}`"
        elif isinstance(value, int):
            assert shown == str(value)
        elif isinstance(value, str) and value:
            assert shown == f"`{value}`"


@cache
def commands(*path: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "gongfu.cli", *path, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"GONGFU_LANGUAGE": "en", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "COLUMNS": "120"},
    )
    return done.stdout


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/gongfu/**/README.md")])


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_a_document_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, inner in re.findall(r"(?:^ {4}|`|bin/)gongfu ([a-z]+)(?: ([a-z]+))?", text, re.MULTILINE):
        assert f"│ {name} " in commands(), name
        if name in _GROUPS and inner:
            assert f"│ {inner} " in commands(name), inner
        if name in _GROUPS and not inner:
            continue  # its options are those of its commands
        path = (name, inner) if name in _GROUPS else (name,)
        for option in re.findall(rf"gongfu {' '.join(path)}\b[^\n`]*?(--[a-z-]+)", text):
            assert option in commands(*path), f"{name} {option}"


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_in_a_document_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets
