"""Codes and check characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.accounts import rules

# Published by the companies themselves: Tencent, Huawei, Alibaba (China), Sinopec.
REAL = ["9144030071526726XG", "914403001922038216", "91330100799655058B", "91110000710926094P"]


@pytest.mark.parametrize("code", REAL)
def test_credit_codes_of_known_companies_are_accepted(code: str) -> None:
    assert rules.is_credit_code(code)


@pytest.mark.parametrize(
    "text", ["", "9144030071526726X", "9144030071526726XH", "9144030071526726xG", "9" * 19, "I" * 18]
)
def test_what_is_no_credit_code_is_refused(text: str) -> None:
    assert not rules.is_credit_code(text)


@given(st.sampled_from(REAL), st.integers(0, 16), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_wrong_character_is_always_found(code: str, place: int, character: str) -> None:
    changed = code[:place] + character + code[place + 1 :]
    assert rules.is_credit_code(changed) == (changed == code)


@given(st.text(max_size=20))
def test_any_text_has_an_answer(text: str) -> None:
    assert rules.is_credit_code(text) in (True, False)
