"""The table of the documentation is what the rules are, and names a test that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gongfu.governance.support import matrix
from gongfu.governance.support.schemes import built_in

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_table_is_as_the_command_makes_it(language: str) -> None:
    text = (ROOT / "docs" / language / "support.md").read_text(encoding="utf-8")
    assert matrix.written(text, language) == text
    for scheme in built_in():
        for clause in scheme.clause:
            assert f"| {clause.cite} " in text
            assert f"[{scheme.key}-{clause.key}-…]" in text


def test_every_clause_has_a_case_and_the_test_exists() -> None:
    assert "→" in matrix.table("en")
    assert "|  |" not in matrix.table("en")
    file, _, name = matrix.TEST.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
