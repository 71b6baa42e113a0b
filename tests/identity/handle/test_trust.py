"""Signatures of identifiers and the chain of certificates behind them."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.identity.handle import jws, keys, trust
from gongfu.identity.handle.errors import Malformed, Untrusted
from gongfu.identity.handle.keys import Algorithm
from gongfu.identity.handle.trust import Permission, Signer
from gongfu.identity.handle.wire import Reference, Value

KEYS = {algorithm: keys.generate(algorithm) for algorithm in Algorithm if algorithm is not Algorithm.DSA}
NOW = 1_800_000_000
HANDLE = "88.118.1/CNC-01"
VALUES = (Value(1, "URL", b"https://example.com/1"), Value(2, "NAME", b"x"))
ROOT, PARENT, OWNER = Reference("0.0/0.0", 301), Reference("0.NA/88.118", 300), Reference("0.NA/88.118.1", 300)
WHEN = {"since": NOW - 10, "until": NOW + 10, "now": NOW}


class World:
    """Root, secondary node and enterprise, each with a certificate from the one above."""

    def __init__(self, algorithm: Algorithm, other: Algorithm = Algorithm.ED25519) -> None:
        self.root, self.parent, self.owner = KEYS[algorithm], KEYS[other], KEYS[algorithm]
        everything = (Permission("", trust.EVERYTHING),)
        below = (Permission("0.NA/88.118", trust.DERIVED_PREFIXES),)
        mine = (Permission("0.NA/88.118.1", trust.UNDER_PREFIX),)
        root = Signer(ROOT, self.root)
        self.tokens = {
            "400:0.0/0.0": trust.certify(ROOT, self.root.public, everything, root, **WHEN),
            "400:0.NA/88.118": trust.certify(
                PARENT, self.parent.public, below, replace(root, chain=("400:0.0/0.0",)), **WHEN
            ),
            "400:0.NA/88.118.1": trust.certify(
                OWNER, self.owner.public, mine, Signer(PARENT, self.parent, ("400:0.NA/88.118", "400:0.0/0.0")), **WHEN
            ),
        }
        self.signer = Signer(OWNER, self.owner, ("400:0.NA/88.118.1",))

    def find(self, reference: Reference) -> str | None:
        return self.tokens.get(str(reference))

    def verify(
        self, token: str, values: tuple[Value, ...] = VALUES, handle: str = HANDLE, now: int = NOW
    ) -> trust.Report:
        return trust.verify_values(handle, values, token, self.find, [self.root.public], now=now)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_signature_is_followed_to_the_root_with_any_kind_of_key(algorithm: Algorithm) -> None:
    world = World(algorithm)
    report = world.verify(trust.sign_values(HANDLE, VALUES, world.signer, **WHEN))
    assert report.right == (1, 2)
    assert report.changed == report.unsigned == report.missing == ()
    assert report.issuers == ("300:0.NA/88.118.1", "300:0.NA/88.118", "301:0.0/0.0", "301:0.0/0.0")


def test_changed_added_and_missing_values_are_told_apart() -> None:
    world = World(Algorithm.EC)
    token = trust.sign_values(HANDLE, (*VALUES, Value(3, "GONE", b"")), world.signer, **WHEN)
    seen = (replace(VALUES[0], data=b"https://evil.example/"), replace(VALUES[1], timestamp=7), Value(9, "NEW", b""))
    report = world.verify(token, seen)
    assert (report.right, report.changed, report.unsigned, report.missing) == ((2,), (1,), (9,), (3,))


def test_what_is_not_to_be_trusted_is_refused_with_the_reason() -> None:
    world, other = World(Algorithm.EC), World(Algorithm.SM2)
    token = trust.sign_values(HANDLE, VALUES, world.signer, **WHEN)
    with pytest.raises(Untrusted, match="about"):
        world.verify(token, handle="88.118.1/OTHER")
    with pytest.raises(Untrusted, match="does not count now"):
        world.verify(token, now=NOW + 11)
    with pytest.raises(Untrusted, match="does not count now"):
        world.verify(token, now=NOW - 11)
    with pytest.raises(Untrusted, match="may not sign"):
        world.verify(trust.sign_values("88.118.2/X", VALUES, world.signer, **WHEN), handle="88.118.2/X")
    with pytest.raises(Untrusted, match="root"):
        trust.verify_values(HANDLE, VALUES, token, world.find, [KEYS[Algorithm.SM2].public], now=NOW)
    with pytest.raises(Untrusted, match="signature by"):
        world.verify(trust.sign_values(HANDLE, VALUES, replace(world.signer, key=other.owner), **WHEN))
    with pytest.raises(Untrusted, match="no certificate"):
        world.verify(trust.sign_values(HANDLE, VALUES, replace(world.signer, chain=("9:0.NA/1",)), **WHEN))
    with pytest.raises(Untrusted, match="breaks"):
        world.verify(trust.sign_values(HANDLE, VALUES, replace(world.signer, chain=("400:0.NA/88.118",)), **WHEN))
    world.tokens["400:0.NA/88.118.1"] = trust.certify(
        OWNER, world.owner.public, (), Signer(PARENT, world.parent, ("400:0.NA/88.118.1",)), **WHEN
    )
    with pytest.raises(Untrusted):  # a certificate that stands at its own issuer's place: a loop
        world.verify(token)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "....", "e30.e30.e30", "é.e30.e30", '{"payload":""}'])
def test_what_is_no_token_is_malformed(token: str) -> None:
    with pytest.raises(Malformed):
        trust.verify_values(HANDLE, VALUES, token, lambda _: None, (), now=NOW)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_token_with_any_character_changed_is_never_believed(data: st.DataObject) -> None:
    world = World(Algorithm.ED25519)
    token = trust.sign_values(HANDLE, VALUES, world.signer, **WHEN)
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.characters(codec="ascii", exclude_characters=token[at])) + token[at + 1 :]
    with contextlib.suppress(Malformed, Untrusted):
        world.verify(changed)
        # spare bits of the last base64 character may change without changing the signature
        assert jws.parse(changed).signature == jws.parse(token).signature


def test_a_public_key_survives_json() -> None:
    for key in KEYS.values():
        assert jws.from_jwk(jws.to_jwk(key.public)).encode() == key.public.encode()
