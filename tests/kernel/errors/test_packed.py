"""An error that is stored by one process and read by people of either language later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.errors import Unavailable, packed, unpacked

TEMPLATE, REMEDY = "Port {port} on {host} cannot be used: {reason}.", "Use zh-hans or en."


def test_a_stored_error_is_read_in_the_readers_language() -> None:
    kept = packed(Unavailable(TEMPLATE, remedy=REMEDY, port=502, host="10.0.0.7", reason="{port}"))
    assert kept.startswith("unavailable: Port 502 on 10.0.0.7 cannot be used: {port}. Use zh-hans or en.")
    assert unpacked(kept, "en") == "Port 502 on 10.0.0.7 cannot be used: {port}. Use zh-hans or en."
    assert "502" in unpacked(kept, "zh-hans")
    assert "无法使用" in unpacked(kept, "zh-hans")


def test_what_a_library_said_and_what_is_too_long_stay_as_they_are() -> None:
    assert unpacked(packed(ValueError("no such register"))) == "error: ValueError: no such register"
    assert len(packed(Unavailable(TEMPLATE, port=1, host="h" * 900, reason=""))) == 500
    assert unpacked("寄存器地址超出设备范围", "en") == "寄存器地址超出设备范围"


def test_a_forged_text_reaches_no_attribute() -> None:
    forged = 'x\x1e["{a.__class__.__mro__} {a}", "", {"a": "b"}]'
    assert unpacked(forged, "en") == "{a.__class__.__mro__} b"


@given(st.text(), st.text())
def test_any_text_can_be_shown(plain: str, parts: str) -> None:
    assert isinstance(unpacked(f"{plain}\x1e{parts}", "en"), str)
