"""The table of schemes in the documentation is the list of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gongfu.identity.schemes import codes

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_documented_schemes_are_those_of_the_node(language: str) -> None:
    page = (DOCS / language / "identifiers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| `([^`]+)` \|", page, re.MULTILINE)
    assert rows == [(found.scheme.value, found.standard, found.example) for found in codes.SCHEMES]
