"""Signed statements, against the standard's own example and against whoever changes them."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.identity.authentication import jws
from gongfu.identity.authentication.errors import BadProof, ForeignProof, ForgedProof, NoProof
from gongfu.identity.authentication.keyring import Keyring
from gongfu.kernel.errors import Unavailable

# RFC 8037, appendix A.1 to A.4: key, thumbprint, signed text.
D = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
SIGNED = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)


def private() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(D + "="))


def test_the_example_of_rfc_8037() -> None:
    public = private().public_key()
    assert jws.key(public).x == X
    assert jws.name_of(public) == THUMBPRINT
    # The example's header names no key: it is found under the empty name.
    assert jws.verify(SIGNED, {"": public}, kind="") == b"Example of Ed25519 signing"


def test_what_is_signed_is_verified_and_nothing_else() -> None:
    public: dict[str, Ed25519PublicKey] = {THUMBPRINT: private().public_key()}
    text = jws.sign(b'{"a":1}', private(), kind="k")
    assert jws.verify(text, public, kind="k") == b'{"a":1}'
    head, body, signature = text.split(".")
    other = Ed25519PrivateKey.generate()
    with pytest.raises(ForgedProof):
        jws.verify(f"{head}.{jws.encode(b'x')}.{signature}", public, kind="k")
    with pytest.raises(ForgedProof):
        jws.verify(f"{head}.{body}.{jws.encode(other.sign(f'{head}.{body}'.encode()))}", public, kind="k")
    with pytest.raises(ForeignProof):
        jws.verify(jws.sign(b"{}", other, kind="k"), public, kind="k")
    with pytest.raises(NoProof):
        jws.verify(text, public, kind="another kind")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": THUMBPRINT, "typ": "k"},
        {"alg": "HS256", "kid": THUMBPRINT, "typ": "k"},
        {"alg": "EdDSA", "kid": THUMBPRINT, "typ": "k", "crit": ["exp"]},
        {"alg": "EdDSA", "kid": 7, "typ": "k"},
        ["EdDSA"],
    ],
)
def test_no_other_algorithm_is_talked_into(header: object) -> None:
    start = f"{jws.encode(msgspec.json.encode(header))}.{jws.encode(b'{}')}"
    text = f"{start}.{jws.encode(private().sign(start.encode()))}"
    with pytest.raises(NoProof):
        jws.verify(text, {THUMBPRINT: private().public_key()}, kind="k")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,90}"))
def test_whatever_is_pasted_is_refused_clearly(text: str) -> None:
    with pytest.raises(BadProof):
        jws.verify(text, {THUMBPRINT: private().public_key()}, kind="k")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 400), st.sampled_from("ABab09-_"))
def test_one_changed_character_is_enough_to_refuse(place: int, letter: str) -> None:
    text = jws.sign(b'{"sub":"88.118.1/A"}', private(), kind="k")
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text:
        with pytest.raises(BadProof):
            jws.verify(changed, {THUMBPRINT: private().public_key()}, kind="k")


def test_keys_are_the_owners_alone_and_older_ones_still_verify(tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "proof")
    old = jws.sign(b"{}", ring.current(), kind="k")
    assert jws.name_of(Keyring(tmp_path / "proof").current().public_key()) == jws.name_of(ring.current().public_key())
    name = ring.rotate()
    assert jws.name_of(ring.current().public_key()) == name
    assert next(iter(ring.public())) == name
    assert jws.verify(old, ring.public(), kind="k") == b"{}"
    assert [key.kid for key in ring.published().keys] == list(ring.public())
    assert b'"d"' not in msgspec.json.encode(ring.published())
    files = list((tmp_path / "proof").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "proof").stat().st_mode) == 0o700
    sorted(files)[-1].write_bytes(b"damaged")
    with pytest.raises(Unavailable, match="cannot be read"):
        ring.current()
