"""Signatures are those of the standard, and nothing else is taken for one."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.peers import jws, keys, rules
from gongfu.identity.peers.errors import ClockSkew, NotSigned
from gongfu.kernel.errors import Invalid

# RFC 8037, appendix A.1 to A.4
SECRET = jws.decode64("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
PUBLIC = jws.decode64("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
COMPACT = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)


def header(**changed: object) -> jws.Protected:
    values = {"alg": "EdDSA", "kid": THUMBPRINT, "aud": "them", "iat": 1, "nonce": "n" * 16, "url": "/x"}
    return jws.Protected(**(values | changed))


def test_the_example_of_rfc_8037_verifies_and_its_key_has_the_thumbprint_given_there() -> None:
    assert keys.public_octets(Ed25519PrivateKey.from_private_bytes(SECRET)) == PUBLIC
    assert jws.thumbprint(PUBLIC) == THUMBPRINT
    protected, _, signature = COMPACT.split(".")
    detached = jws.Detached(header(), protected.encode(), jws.decode64(signature))
    jws.verify(detached, PUBLIC, b"Example of Ed25519 signing")


def test_another_body_header_or_key_does_not_fit() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SECRET)
    text = jws.sign(key, header(), b"body")
    jws.verify(jws.read(text), PUBLIC, b"body")
    with pytest.raises(NotSigned, match="does not fit"):
        jws.verify(jws.read(text), PUBLIC, b"bodx")
    with pytest.raises(NotSigned, match="does not fit"):
        jws.verify(jws.read(text), keys.public_octets(Ed25519PrivateKey.generate()), b"body")
    forged = jws.encode64(msgspec.json.encode(header(iat=2))) + ".." + text.rpartition(".")[2]
    with pytest.raises(NotSigned, match="does not fit"):
        jws.verify(jws.read(forged), PUBLIC, b"body")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES256", ""])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    text = jws.encode64(msgspec.json.encode(header(alg=algorithm))) + "..AAAA"
    with pytest.raises(NotSigned, match="cannot be read: algorithm"):
        jws.read(text)


@given(st.one_of(st.text(max_size=200), st.text("AQe.-_", max_size=200)))
def test_any_text_is_a_signature_or_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(NotSigned, match="cannot be read"):
        jws.read(text)


def test_a_clock_error_names_both_clocks() -> None:
    rules.check_clock(1_800_000_300, 1_800_000_000, "top")
    with pytest.raises(ClockSkew) as caught:
        rules.check_clock(1_800_000_301, 1_800_000_000, "top")
    assert "The clock of top said 2027-01-15T08:05:01Z, the clock of this node says 2027-01-15T08:00:00Z" in str(
        caught.value
    )
    with pytest.raises(ClockSkew):
        rules.check_clock(2**62, 1_800_000_000, "top")


@given(st.text(max_size=300))
def test_any_text_is_a_pairing_code_or_refused_with_a_sentence(text: str) -> None:
    for typed in (text, f"gongfu-pair-{text}"):
        with pytest.raises(Invalid, match="not a pairing code"):
            rules.read_code(typed)


def test_a_pairing_code_survives_being_copied_with_spaces() -> None:
    code = rules.PairingCode("https://top.example.com", bytes(32), "abc", bytes(range(32)))
    assert rules.read_code(f" {rules.write_code(code)}\n") == code


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "https://",
        "https://user:pw@example.com",
        "http://example.com/?q=1",
        "http://example.com/#x",
        "http://example.com:99999",
        "file:///etc/passwd",
        "http://exa mple.com",
        "http://[::1",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_address_of_a_node_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="is not the address of a node"):
        rules.check_url(url)


def test_pauses_grow_and_end_at_ten_minutes() -> None:
    waits = [rules.pause(failures, 0.5) for failures in range(1, 30)]
    assert waits == sorted(waits)
    assert waits[0] == 2
    assert waits[-1] == rules.LONGEST_PAUSE
