"""HS_ADMIN and HS_VLIST as octets."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.handle.admin_record import (
    ALL,
    USUAL,
    AdminPermission,
    AdminRecord,
    decode_admin,
    decode_references,
    encode_admin,
    encode_references,
    parse_reference,
)
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire import Reference

references = st.builds(Reference, st.text(max_size=50), st.integers(0, 2**32 - 1))


def test_an_admin_record_reads_as_rfc_3651_lays_it_out() -> None:
    # RFC 3651 §3.2.1: permissions, then the length and octets of the handle, then the index.
    octets = bytes.fromhex("07f3 0000000d") + b"0.NA/88.118.1" + bytes.fromhex("000000c8")
    record = AdminRecord(Reference("0.NA/88.118.1", 200), USUAL)
    assert decode_admin(octets) == record
    assert encode_admin(record) == octets
    assert decode_admin(octets + b"\0\0") == record


@given(references, st.integers(0, int(ALL)))
def test_what_is_written_is_read(reference: Reference, permissions: int) -> None:
    record = AdminRecord(reference, AdminPermission(permissions))
    assert decode_admin(encode_admin(record)) == record


@given(st.lists(references, max_size=20))
def test_groups_are_read_as_written(members: list[Reference]) -> None:
    assert decode_references(encode_references(members)) == tuple(members)


@given(st.binary(max_size=80))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    for decode in (decode_admin, decode_references):
        with contextlib.suppress(Malformed):
            decode(octets)


@pytest.mark.parametrize("text", ["", "300", "300:", "x", ":", "99999999999:a/b", "4294967296:a/b"])
def test_what_names_no_administrator_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_reference(text)


def test_administrators_are_named_with_and_without_an_index() -> None:
    assert parse_reference("300:0.NA/88.118.1") == Reference("0.NA/88.118.1", 300)
    assert parse_reference("88.118.1/x:y") == Reference("88.118.1/x:y", 0)
