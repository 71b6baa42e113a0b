"""Every clause with its rule, its cases and their test: ``python -m gongfu.governance.support.matrix FILE…``. Pure.

It is made from the parameters and the cases beside them; a test compares the documents with it.
"""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from pathlib import Path

from gongfu.governance.support import figures
from gongfu.governance.support.cases import Case, all_cases
from gongfu.governance.support.schemes import Clause, Scheme, built_in
from gongfu.kernel.i18n import translate

BEGIN, END = "<!-- clauses: made by gongfu.governance.support.matrix -->", "<!-- end of clauses -->"
TEST = "tests/governance/support/test_rules.py::test_examples_beside_the_rules"
_PLACE = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_LANGUAGES = {"zh": "zh-hans", "en": "en"}
_HEADS = {
    "en": ("clause", "rule", "cases: basis → due (yuan)", "test"),
    "zh": ("条款", "规则", "示例：基数 → 应得（元）", "测试"),
}


def table(language: str) -> str:
    """The table in ``zh`` or ``en``, Markdown: one section for each document."""
    cases: dict[tuple[str, str], list[Case]] = {}
    for scheme, case, _ in all_cases():
        cases.setdefault((scheme.key, case.clause), []).append(case)
    parts = []
    for scheme in built_in():
        rows = [_HEADS[language], ("---",) * len(_HEADS[language])]
        for clause in scheme.clause:
            title = clause.title if language == "zh" else clause.title_en
            found = cases.get((scheme.key, clause.key), [])
            ids = f"`{TEST.rpartition('::')[2]}[{scheme.key}-{clause.key}-…]`"
            rows.append((f"{clause.cite} {title}", rule(clause, language), "<br>".join(map(_case, found)), ids))
        name = scheme.title if language == "zh" else scheme.title_en
        lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
        parts.append("\n".join((f"**{name}** `{scheme.key}`\n\n{_readings(scheme, language)}", "", *lines)))
    return "\n\n".join(parts)


def rule(clause: Clause, language: str) -> str:
    """The rule of a clause in one line."""
    spoken = _LANGUAGES[language]
    said = [] if clause.flat is not None else [translate(figures.form(clause), spoken)]
    for one in figures.figures(clause):
        unit = {"percent": " %", "years": ""}.get(one.unit, "")
        said.append(f"{one.text(spoken)} {figures.plain(one.value)}{unit}")
    said += [translate(text, spoken) for text in figures.limits(clause)]
    said += [one.text(spoken).rstrip("。.") for one in figures.readings(clause)]
    return "；".join(said) if language == "zh" else "; ".join(said)


def _readings(scheme: Scheme, language: str) -> str:
    spoken = _LANGUAGES[language]
    return " ".join(one.text(spoken) for one in figures.of_scheme(scheme))


def _case(case: Case) -> str:
    given = [figures.plain(case.basis)] if case.basis else []
    given += [f"@{case.year}"] if case.year else []
    given += [f"had {figures.plain(sum((one.amount for one in case.had), Decimal(0)))}"] if case.had else []
    given += [f"decided {figures.plain(case.decided)}"] if case.decided is not None else []
    given += [f"{name}={value}" for name, value in case.change.items()]
    given += [case.applicant] if case.applicant != "enterprise" else []
    given += [f"({case.why.value})"] if case.why else []
    return f"{' '.join(given)} → {figures.plain(case.due)}".strip()


def written(text: str, language: str) -> str:
    """``text`` of a document with the table as it is now."""
    return _PLACE.sub(lambda _: f"{BEGIN}\n\n{table(language)}\n\n{END}", text)


def main(files: list[str]) -> None:
    """Rewrite the table in each file; the folder above a file is its language."""
    for name in files:
        path = Path(name)
        text = path.read_text(encoding="utf-8")
        path.write_text(written(text, path.resolve().parent.name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
