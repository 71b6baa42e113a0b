"""GS1 data in every notation, against values printed in the standards and in GS1's own test material."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.schemes import codes
from gongfu.identity.schemes.errors import BadCode, BadLink
from gongfu.identity.schemes.gs1 import ai, checks, compression, elements, epc, keys, link
from gongfu.identity.schemes.gs1.keys import Element
from gongfu.identity.schemes.types import Notation, Scheme

# --- check digits and characters ---


@pytest.mark.parametrize(
    "number",
    [
        # GS1 Check Digit Calculator's worked example; General Specifications §7.9.1 figure 7.9.1-1
        "6291041500213",
        "376104250021234569",
        # linter tests of the GS1 Barcode Syntax Dictionary (lint_csum.c)
        "02345673",
        "416000336108",
        "12345678901231",
        "123456789012345675",
    ],
)
def test_the_check_digits_of_the_standard_are_right(number: str) -> None:
    assert checks.check_digit(number[:-1]) == number[-1]


@pytest.mark.parametrize(
    "text",
    [
        # General Specifications §7.9.5: the GMN of the worked example
        "1987654Ad4X4bL5ttr2310c2K",
        # linter tests of the GS1 Barcode Syntax Dictionary (lint_csumalpha.c)
        "12345678901234567890123NT",
        "12345_ABCDEFGHIJKLMCP",
        "12345_!\"%&'()*+,-./LC",
        "99999zzzzzzzzzzzzzzzzzzT2",
        "23956qk1&dB!23",
    ],
)
def test_the_check_character_pairs_of_the_standard_are_right(text: str) -> None:
    assert checks.check_pair(text[:-2]) == text[-2:]


@given(st.from_regex(r"[0-9]{7,17}", fullmatch=True), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(digits: str, place: int, off: int) -> None:
    place %= len(digits)
    wrong = digits[:place] + str((int(digits[place]) + off) % 10) + digits[place + 1 :]
    assert checks.check_digit(wrong) != checks.check_digit(digits)


# --- bare digits ---


@pytest.mark.parametrize(
    ("digits", "kind", "code"),
    [
        ("02345673", "GTIN-8", "01/00000002345673"),
        ("416000336108", "GTIN-12", "01/00416000336108"),
        ("6291041500213", "GTIN-13", "01/06291041500213"),
        ("09506000134352", "GTIN-14", "01/09506000134352"),
        ("0950 6000 134352", "GTIN-14", "01/09506000134352"),
        ("376104250021234569", "SSCC", "00/376104250021234569"),
    ],
)
def test_bare_digits_are_the_key_of_that_length(digits: str, kind: str, code: str) -> None:
    [first, *_] = codes.recognise(digits)
    assert first.identifier is not None
    assert (first.kind, first.identifier.code) == (kind, code)


def test_thirteen_digits_may_be_a_product_or_a_place() -> None:
    kinds = [(found.kind, found.valid) for found in codes.recognise("9506000134352")]
    assert kinds[:2] == [("GTIN-13", True), ("GLN", True)]
    assert codes.parse("9506000134352", Scheme.GS1, "GLN").code == "414/9506000134352"


def test_a_wrong_check_digit_is_named_with_the_right_one() -> None:
    [first, *_] = codes.recognise("9506000134353")
    assert first.error is not None
    assert "2 is expected" in first.error.text("en")
    assert "应为 2" in first.error.text("zh-hans")


# --- element strings ---

TWO_FORMS = [
    # General Specifications §2.1.2.6, figure 4.14-1 style: brackets for people, FNC1 for machines
    ("(01)09506000134352(17)261231(10)ABC123(21)456", "0109506000134352172612311" + "0ABC123\x1d21456"),
    ("(00)376104250021234569", "00376104250021234569"),
    ("(01)09506000134352(3103)000195", "01095060001343523103000195"),
    ("(8003)00614141123452400", "800300614141123452400"),
]


@pytest.mark.parametrize(("people", "machine"), TWO_FORMS)
def test_brackets_and_fnc1_say_the_same(people: str, machine: str) -> None:
    assert elements.bracketed(people) == elements.concatenated("]C1" + machine)
    assert elements.written(elements.concatenated("\x1d" + machine)) == people
    assert keys.identifier(elements.bracketed(people), Notation.ELEMENTS) == keys.identifier(
        elements.concatenated(machine.replace("\x1d", "^")), Notation.ELEMENTS
    )


def test_a_bracket_inside_a_value_stays_there() -> None:
    assert elements.bracketed("(01)09506000134352(10)A(1)B") == [
        Element("01", "09506000134352"),
        Element("10", "A(1)B"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(01)09506000134353", "2 is expected"),
        ("(00)0950600013435", "too short"),
        ("(05)123", "no application identifier"),
        ("(01)09506000134352(17)261331", "not a date"),
        ("(01)09506000134352(10)ABCDEFGHIJKLMNOPQRSTUVWXYZ", "longer than 20"),
        ("(01)09506000134352(10)A B", "may not hold the character ' '"),
        ("(01)09506000134352(10)批号", "may not hold the character"),
        ("(01)09506000134352(01)04000101613600", "given twice"),
        ("(10)ABC", "names nothing"),
        ("(01)09506000134352(235)X(21)7", "cannot stand together"),
        ("(8006)095060001343520301", "which piece of how many"),
        ("]C1", "no element string"),
    ],
)
def test_what_is_wrong_with_an_element_string_is_said(text: str, why: str) -> None:
    with pytest.raises(BadCode) as caught:
        codes.parse(text, Scheme.GS1)
    assert why in caught.value.text("en")


def test_the_table_holds_what_the_standard_assigned() -> None:
    assert len(ai.MEANINGS) == 541  # GS1 Barcode Syntax Dictionary of July 2026, ranges written out
    assert ai.MEANINGS["3102"].title == "NET WEIGHT (kg)"
    assert not ai.MEANINGS["21"].attribute
    assert ai.MEANINGS["17"].attribute


# --- EPC URIs: each pair is printed in the EPC Tag Data Standard 1.13, §7 ---


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("urn:epc:id:sgtin:0614141.812345.6789", "01/80614141123458/21/6789"),
        ("urn:epc:id:sgtin:0614141.812345.32a%2Fb", "01/80614141123458/21/32a%2Fb"),
        ("urn:epc:id:sscc:0614141.1234567890", "00/106141412345678908"),
        ("urn:epc:id:sgln:0614141.12345.400", "414/0614141123452/254/400"),
        ("urn:epc:id:sgln:0614141.12345.0", "414/0614141123452"),
        ("urn:epc:id:grai:0614141.12345.400", "8003/00614141123452400"),
        ("urn:epc:id:giai:0614141.12345400", "8004/061414112345400"),
        ("urn:epc:id:gsrn:0614141.1234567890", "8018/061414112345678902"),
        ("urn:epc:id:gsrnp:0614141.1234567890", "8017/061414112345678902"),
        ("urn:epc:id:gdti:0614141.12345.400", "253/0614141123452400"),
        ("urn:epc:id:sgcn:4012345.67890.04711", "255/401234567890104711"),
        ("urn:epc:id:cpi:0614141.123ABC.123456789", "8010/0614141123ABC/8011/123456789"),
        ("urn:epc:id:itip:4012345.012345.01.02.987", "8006/040123451234560102/21/987"),
        ("urn:epc:class:lgtin:4012345.012345.998877", "01/04012345123456/10/998877"),
        ("urn:epc:idpat:sgtin:4012345.012345.*", "01/04012345123456"),
    ],
)
def test_an_epc_uri_names_the_key_that_the_standard_says(uri: str, code: str) -> None:
    found = epc.parse(uri)
    assert found.code == code
    assert found.parts[0].value == uri.split(":")[4].partition(".")[0]


@pytest.mark.parametrize(
    "uri",
    [
        "urn:epc:id:sgtin:0614141.8123456.6789",
        "urn:epc:id:sgtin:06141.81234567.1",
        "urn:epc:id:sgtin:0614141.812345",
        "urn:epc:id:sgtin:0614141.812345.%zz",
        "urn:epc:id:nothing:1.2.3",
        "urn:epc:raw:64.x0",
    ],
)
def test_a_wrong_epc_uri_is_refused(uri: str) -> None:
    with pytest.raises(BadCode):
        epc.parse(uri)


# --- Digital Link URIs ---


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        # GS1 Digital Link: URI Syntax 1.4 §5 and its examples
        ("https://id.gs1.org/01/09506000134352", "01/09506000134352"),
        ("https://example.com/01/9506000134352", "01/09506000134352"),
        ("https://example.com/some/stem/01/09506000134352/10/ABC/21/456?17=261231", "01/09506000134352/10/ABC/21/456"),
        ("https://example.com/01/09506000134352/22/2A/10/A%2FB/21/1", "01/09506000134352/22/2A/10/A%2FB/21/1"),
        ("https://example.com/414/9506000134352/254/32a%2Fb", "414/9506000134352/254/32a%2Fb"),
        ("https://example.com/8006/095060001343520102/21/01", "8006/095060001343520102/21/01"),
        ("https://example.com/415/9506000134352/8020/INV-1", "415/9506000134352/8020/INV-1"),
        ("https://example.com/gtin/9506000134352/lot/ABC/ser/7", "01/09506000134352/10/ABC/21/7"),
        ("/8018/061414112345678902/8019/12", "8018/061414112345678902/8019/12"),
    ],
)
def test_a_digital_link_names_its_key_and_qualifiers(uri: str, code: str) -> None:
    found = link.parse(uri)
    assert found.code == code
    assert link.parse("/" + found.code).code == code
    assert codes.parse(found.code, Scheme.GS1).code == code, "the normal form is understood"
    assert link.parse(link.canonical(found)).parts == found.parts


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("https://example.com/01/09506000134353", "2 is expected"),
        ("https://example.com/01/09506000134352/21/1/10/A", "their order is (10) (21)"),
        ("https://example.com/01/09506000134352/17/261231", "(17) does not qualify a GTIN"),
        ("https://example.com/01/09506000134352/235/X/21/1", "(235) (21) cannot stand together"),
        ("https://example.com/01/09506000134352?21=1", "may not stand in the query"),
        ("https://example.com/01/09506000134352?9999=1", "no application identifier"),
        ("https://example.com/about/us", "no primary key"),
        ("https://example.com/01/09506000134352/10", "compressed"),
        ("https://example.com/01/09506000134352/10/A%0AB", "may not hold the character"),
        ("https://[/01/09506000134352", "no primary key"),
        ("https://example.com/01/09506000134352?" + "a=1&" * 200, "no primary key"),
    ],
)
def test_what_is_wrong_with_a_digital_link_is_said(uri: str, why: str) -> None:
    with pytest.raises(BadLink) as caught:
        link.parse(uri)
    assert why in caught.value.text("en")
    assert caught.value.http_status == 400


# Pairs of the test material of GS1's Digital Link toolkits (compression, without shortened sequences).
COMPRESSED = [
    ("AN2yxDhfaiaw", "00/998440410914660971"),
    ("AQnYUc1gmg", "01/05412345000013"),
    ("AQnYUc1gmiCNV4JG", "01/05412345000013/10/ABC123"),
    ("AQnYUc1gmiCNV4JGQhcNT6K6c", "01/05412345000013/10/ABC123/21/72292641703"),
    ("AQnYUc1gmiCNV4JGRNoBLG-nvPe2p_Ho", "01/05412345000013/22/AJY3095721P49/10/ABC123"),
    ("AQnYUc1gmkax7ipGrOHDPC5YNI8hMz", "01/05412345000013/235/8TFV883a904GH%263"),
    ("gASXYNWjFkzaNWbdk5YQWjFNHkcODNm", "8004/0541234537290A41%26GHpp33"),
    ("QVSaVjC_dA", "415/5060917510004"),
    ("ABeRcNWtKMPA", "00/106141412345678908"),
    ("ARHKVAdpQg", "01/09780345418913"),
]


@pytest.mark.parametrize(("segment", "code"), COMPRESSED)
def test_a_compressed_link_is_the_uncompressed_one(segment: str, code: str) -> None:
    found = link.parse(f"https://id.gs1.org/{segment}")
    assert (found.code, found.notation) == (code, Notation.COMPRESSED)
    numbered = [Element(part.number, part.value) for part in found.parts if part.number]
    assert compression.compress(numbered) == segment


def test_sequences_partial_compression_and_foreign_parameters_are_understood() -> None:
    # from the same test material: 22 and 10 shortened; key uncompressed, rest compressed; parameters compressed as well
    shortened = link.parse("https://id.gs1.org/AQnYUc1gmiCNV4JGQhcNT6K6cibQCWN9Pee9tT-PQ")
    assert shortened.code == "01/05412345000013/22/AJY3095721P49/10/ABC123/21/72292641703"
    partly = link.parse("https://id.gs1.org/01/05412345000013/EEarwSMXRuGw?arv=true&donor=bmgf")
    assert partly.code == "01/05412345000013/10/ABC123"
    assert partly.query == (("arv", "true"), ("donor", "bmgf"))
    foreign = link.parse("http://example.org/AQnYUc1gmiERBhQ0ytiyZuAGOLc1TXhXsaXbQKHFuaprwUmrBX6g")
    assert foreign.code == "01/05412345000013/10/ABC%26%2B123"
    assert foreign.query == (("expdt", "1903061658"), ("k1", "v1"))


value_82 = st.text(sorted(checks.SET_82), min_size=1, max_size=20)


@given(st.integers(0, 10**13 - 1), value_82, value_82)
def test_compression_loses_nothing(number: int, batch: str, serial: str) -> None:
    digits = f"{number:013}"
    given_elements = [Element("01", digits + checks.check_digit(digits)), Element("10", batch), Element("21", serial)]
    assert compression.decompress(compression.compress(given_elements))[0] == given_elements
    written = keys.identifier(given_elements, Notation.LINK)
    assert link.parse("/" + written.code).code == written.code
    assert elements.concatenated(elements.transmitted(given_elements)) == given_elements


# --- nothing breaks a parser ---


@given(st.text(alphabet=st.sampled_from("()01234789^\x1d]CdA%/.:?=&urnepcidsgt "), max_size=80))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (elements.bracketed, elements.concatenated, epc.parse, link.parse, compression.decompress):
        with contextlib.suppress(BadCode):
            parse(text)


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", max_size=60))
def test_no_compressed_segment_breaks_the_parser(segment: str) -> None:
    try:
        found = link.parse(f"/{segment}")
    except BadLink:
        return
    assert link.parse("/" + found.code).code == found.code
