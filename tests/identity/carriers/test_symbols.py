"""Data Matrix symbols are read by a foreign decoder (zxing-cpp, a wheel without system libraries)."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.identity.carriers import datamatrix
from gongfu.kernel.errors import Invalid


def read(matrix: datamatrix.Matrix) -> list[zxingcpp.Barcode]:
    light = np.pad(~np.array(matrix), 2, constant_values=True)
    return list(zxingcpp.read_barcodes((np.kron(light, np.ones((5, 5))) * 255).astype("uint8")))


@pytest.mark.parametrize(
    "length", [1, 4, 7, 11, 17, 21, 29, 35, 43, 61, 85, 113, 143, 173, 203, 279, 367, 455, 575, 695]
)
def test_every_size_is_read_as_it_was_written(length: int) -> None:
    text = "".join(chr(65 + number % 26) for number in range(length))
    [found] = read(datamatrix.symbol(text))
    assert (found.text, found.symbology_identifier) == (text, "]d1")


@pytest.mark.parametrize(
    "text", ["88.118.1/CNC-01", "88.118.1/数控机床-01", "1234567", "https://node.example/id/a%20b"]
)
def test_identifiers_are_read_as_they_were_written(text: str) -> None:
    [found] = read(datamatrix.symbol(text))
    assert found.text == text


def test_fnc1_makes_a_gs1_symbol() -> None:
    [found] = read(datamatrix.symbol("010950600013435210ABC\x1d21456", gs1=True))
    assert (found.text, found.symbology_identifier) == ("(01)09506000134352(10)ABC(21)456", "]d2")


def test_a_text_that_no_symbol_holds_is_refused() -> None:
    with pytest.raises(Invalid, match="697 characters do not fit"):
        datamatrix.symbol("A" * 697)


@settings(max_examples=60)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=120))
def test_any_visible_text_is_read_as_it_was_written(text: str) -> None:
    [found] = read(datamatrix.symbol(text))
    assert found.bytes == text.encode()
