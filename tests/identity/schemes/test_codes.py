"""Every scheme but GS1: what is recognised, what is refused and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.schemes import codes, dns, oid
from gongfu.identity.schemes.types import Scheme
from gongfu.kernel.errors import Invalid


@pytest.mark.parametrize("described", codes.SCHEMES, ids=lambda described: described.scheme.value)
def test_the_example_of_each_scheme_is_recognised_as_that_scheme(described: codes.Description) -> None:
    [first, *_] = codes.recognise(described.example)
    assert first.scheme is described.scheme
    assert first.valid
    assert first.identifier is not None
    again = codes.parse(first.identifier.code, described.scheme)
    assert again.code == first.identifier.code, "the normal form of the normal form is itself"


@pytest.mark.parametrize(
    ("text", "scheme", "code"),
    [
        ("88.118.1/cnc-01", Scheme.HANDLE, "88.118.1/CNC-01"),
        ("hdl:10.1000/182", Scheme.HANDLE, "10.1000/182"),
        ("https://doi.org/10.1000/182", Scheme.HANDLE, "10.1000/182"),  # the DOI handbook's DOI
        ("0.NA/88.118", Scheme.HANDLE, "0.NA/88.118"),
        ("vaa088100000001/a-1", Scheme.VAA, "VAA088100000001/A-1"),
        ("urn:oid:1.3.6.1.2.1.27", Scheme.OID, "1.3.6.1.2.1.27"),  # RFC 3061 §3
        ("OID:2.999.1", Scheme.OID, "2.999.1"),  # X.660: the example arc
        ("Ecode:1000120131234567890", Scheme.ECODE, "1000120131234567890"),
        # printed in the BID documentation of 星火·链网
        ("did:bid:ef21AHDJWnFfYQ3Qs3kMxo64jD2KATwBz", Scheme.BID, "did:bid:ef21AHDJWnFfYQ3Qs3kMxo64jD2KATwBz"),
        ("did:bid:byo1", Scheme.BID, "did:bid:byo1"),
        ("did:example:123456789abcdefghi", Scheme.DID, "did:example:123456789abcdefghi"),  # DID Core §1
        ("Example.COM.", Scheme.DNS, "example.com"),
        ("中国互联网络信息中心.中国", Scheme.DNS, "xn--fiqa61au8b7zsevnm8ak20mc4a87e.xn--fiqs8s"),  # CNNIC's own name
        ("例子。测试", Scheme.DNS, "xn--fsqu00a.xn--0zwm56d"),  # IANA's test domain of 2007
        ("urn:uuid:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", Scheme.UUID, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ("\ufeff 88.118.1/CNC-01\u200b\n", Scheme.HANDLE, "88.118.1/CNC-01"),
    ],
)
def test_a_code_has_one_normal_form(text: str, scheme: Scheme, code: str) -> None:
    found = codes.parse(text)
    assert (found.scheme, found.code) == (scheme, code)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("88.118.1/", "looks like no code"),
        ("88.118.1/a\x07b", "cannot be seen"),
        ("88.118.x.y/1", "not a prefix"),
        ("urn:oid:1.40.1", "at most 39"),
        ("urn:oid:3.1", "begins with 0, 1 or 2"),
        ("urn:oid:1.02", "leading zeros"),
        ("urn:oid:1", "two numbers or more"),
        ("Ecode:5123412", "Version '5'"),
        ("Ecode:1ABCD12", "numbering system"),
        ("Ecode:10001", "numbering system"),
        ("did:bid:xf21AHDJWnFfYQ3Qs3kMxo64jD2KATwBz", "key algorithm"),
        ("did:bid:ef21AHDJWnFfYQ3Qs3kMxo64jD2KA", "not 22 octets"),
        ("did:bid:ef01AHDJWnFfYQ3Qs3kMxo64jD2KATwBz", "not 22 octets"),
        ("did:bid:", "no DID"),
        ("did:Example:1", "no DID"),
        ("VAA0881/批号", "no VAA code"),
        ("VAA" + "0" * 48, "at most 50"),
        ("dns:-bad.example", "cannot be part of a domain name"),
        ("dns:" + "a" * 64 + ".example", "cannot be part of a domain name"),
        ("urn:uuid:12345", "no UUID"),
        ("hello", "looks like no code"),
        ("", "looks like no code"),
    ],
)
def test_what_is_wrong_with_a_code_is_said(text: str, why: str) -> None:
    with pytest.raises(Invalid) as caught:
        codes.parse(text)
    assert why in caught.value.text("en")


def test_parts_have_names() -> None:
    parts = {part.name: part.value for part in codes.parse("88.118.1/CNC-01").parts}
    assert parts == {"Secondary node": "88.118", "Enterprise": "88.118.1", "Suffix": "CNC-01"}
    bid = {part.name: part.value for part in codes.parse("did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2").parts}
    assert (bid["Key algorithm"], bid["Encoding"]) == ("Ed25519", "Base58")
    china = {part.name: part.value for part in codes.parse("1.2.156.3001").parts}
    assert china["Registration authority"] == "1.2.156 (CN)"


def test_what_a_text_may_also_be_is_offered_after_what_it_likely_is() -> None:
    schemes = [found.scheme for found in codes.recognise("VAA088100000001/A-1")]
    assert schemes == [Scheme.VAA, Scheme.HANDLE]
    scores = [found.score for found in codes.recognise("106141412345678908")]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3  # SSCC, GSRN, Ecode


def test_an_object_identifier_has_its_name_in_the_dns() -> None:
    # X.672 §7.3: arcs from the last to the first below oid-res.org
    assert oid.domain("2.16.156.1") == "1.156.16.2.oid-res.org"


def test_a_text_of_any_length_is_answered_at_once() -> None:
    assert codes.recognise("1" * 5000) == []
    assert codes.recognise("9." * 1900 + "1") == []
    with pytest.raises(Invalid):
        codes.parse("(01)" + "9" * 3900)


@given(st.one_of(st.text(max_size=200), st.text(alphabet="0123456789./:-()urnoidVAEcodhtps%did:bidef", max_size=80)))
def test_no_text_breaks_the_entry(text: str) -> None:
    for found in codes.recognise(text):
        assert (found.identifier is None) != (found.error is None)
        if found.identifier is not None:
            assert found.identifier.code
            assert codes.parse(found.identifier.code, found.scheme).code == found.identifier.code
        elif found.error is not None:
            assert found.error.text("en")


@given(st.text(alphabet="abcß例子.-_。", min_size=1, max_size=70))
def test_no_name_breaks_the_parser_of_domain_names(text: str) -> None:
    try:
        found = dns.parse(text)
    except Invalid:
        return
    assert found.code.isascii()
    assert len(found.code) <= dns.LONGEST
