"""HS_CERT and HS_SIGNATURE: certificates and signatures of identifiers, chains of JSON web tokens (DO-IRP 3.0).

An HS_SIGNATURE says that some values of an identifier are as ``iss`` (``index:handle``) saw them: a digest of each. An
HS_CERT says that the key of ``sub`` may do so for certain identifiers. ``chain`` names where the certificate of the
issuer stands; the last one is issued by itself and must be one that the reader trusts already.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from gongfu.identity.handle import jws, keys, names, sm2, wire
from gongfu.identity.handle.admin_record import parse_reference
from gongfu.identity.handle.errors import BadHandle, BadKey, Malformed, Untrusted
from gongfu.identity.handle.wire import Reference, Value
from gongfu.kernel.i18n import mark

CERTIFICATE = "HS_CERT"
SIGNATURE = "HS_SIGNATURE"
EVERYTHING = "everything"
THIS_HANDLE = "thisHandle"
DERIVED_PREFIXES = "derivedPrefixes"
UNDER_PREFIX = "handlesUnderThisPrefix"
LONGEST_CHAIN = 50
_NOT_SIGNED = 8  # octets of index and timestamp: moving a value or touching it does not change what it says

Find = Callable[[Reference], str | None]
"""The token in the value that a reference points at; with index 0 the HS_CERT of that handle. None if there is none."""


class Permission(msgspec.Struct, frozen=True):
    """What a certificate's subject may sign for; ``perm`` is one of the constants above."""

    handle: str
    perm: str


class DigestOfValue(msgspec.Struct, frozen=True):
    """Base64."""

    index: int
    digest: str


class Digests(msgspec.Struct, frozen=True):
    """Digests of values by one algorithm: SHA-256, or SM3."""

    alg: str
    digests: tuple[DigestOfValue, ...]


class Claims(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a token says; times in Unix seconds."""

    iss: str
    sub: str
    exp: int | None = None
    nbf: int | None = None
    iat: int | None = None
    perms: tuple[Permission, ...] = ()
    digests: Digests | None = None
    chain: tuple[str, ...] = ()
    public_key: jws.Jwk | None = None
    content: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Indexes of values by what a trusted signature says of them, and who vouches, from signer to root."""

    right: tuple[int, ...]
    changed: tuple[int, ...]
    unsigned: tuple[int, ...]
    missing: tuple[int, ...]
    issuers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the reference of the key, the key, and where the certificates that vouch for it stand."""

    reference: Reference
    key: keys.PrivateKey
    chain: tuple[str, ...] = ()


def sign_values(handle: str, values: Iterable[Value], signer: Signer, *, since: int, until: int, now: int) -> str:
    """Data of an HS_SIGNATURE value of ``handle`` over ``values``."""
    algorithm = "SM3" if isinstance(signer.key.key, sm2.PrivateKey) else "SHA-256"
    digests = Digests(algorithm, tuple(DigestOfValue(value.index, _digest(value, algorithm)) for value in values))
    claims = Claims(str(signer.reference), handle, until, since, now, digests=digests, chain=signer.chain)
    return jws.sign(msgspec.json.encode(claims), signer.key)


def certify(
    subject: Reference,
    key: keys.PublicKey,
    permissions: Sequence[Permission],
    signer: Signer,
    *,
    since: int,
    until: int,
    now: int,
) -> str:
    """Data of an HS_CERT value: ``subject``, who has ``key``, may sign for what ``permissions`` name."""
    claims = Claims(
        str(signer.reference),
        str(subject),
        until,
        since,
        now,
        tuple(permissions),
        chain=signer.chain,
        public_key=jws.to_jwk(key),
    )
    return jws.sign(msgspec.json.encode(claims), signer.key)


def verify_values(
    handle: str, values: Iterable[Value], token: str, find: Find, roots: Sequence[keys.PublicKey], *, now: int
) -> Report:
    """What the signature ``token`` says of ``values``; raises :class:`Untrusted` unless its chain ends in ``roots``."""
    claims = _claims(token)
    if _key(claims.sub) != _key(handle):
        raise _untrusted(
            handle, mark("The signature of {handle} is not to be trusted: it is about {sub}."), sub=claims.sub[:100]
        )
    if claims.digests is None or claims.digests.alg not in ("SHA-256", "SM3"):
        raise _untrusted(
            handle, mark("The signature of {handle} is not to be trusted: it has no digests that are known.")
        )
    issuers = _follow(handle, token, find, roots, now)
    signed = {item.index: item.digest for item in claims.digests.digests}
    seen = {
        value.index: _digest(value, claims.digests.alg)
        for value in values
        if value.type not in (SIGNATURE,) or value.index in signed
    }
    return Report(
        right=tuple(index for index, digest in seen.items() if signed.get(index) == digest),
        changed=tuple(index for index, digest in seen.items() if index in signed and signed[index] != digest),
        unsigned=tuple(index for index in seen if index not in signed),
        missing=tuple(index for index in signed if index not in seen),
        issuers=issuers,
    )


def _follow(handle: str, token: str, find: Find, roots: Sequence[keys.PublicKey], now: int) -> tuple[str, ...]:
    """The issuers from that of ``token`` to the root; raises :class:`Untrusted`."""
    issuers: list[str] = []
    chain: tuple[str, ...] = ()
    for _ in range(LONGEST_CHAIN):
        claims = _claims(token)
        issuers.append(claims.iss)
        if claims.sub == claims.iss:
            _check(handle, token, claims, claims, now)
            if not any(_same(_public(handle, claims), root) for root in roots):
                raise _untrusted(
                    handle,
                    mark("The signature of {handle} is not to be trusted: its root {root} is not trusted here."),
                    root=claims.iss[:100],
                )
            return tuple(issuers)
        chain = chain or claims.chain or (parse_reference(claims.iss).handle,)
        found = find(parse_reference(chain[0]))
        if found is None:
            raise _untrusted(
                handle,
                mark("The signature of {handle} is not to be trusted: no certificate is found at {place}."),
                place=chain[0][:100],
            )
        parent = _claims(found)
        if _key(parent.sub) != _key(claims.iss):
            raise _untrusted(
                handle,
                mark("The signature of {handle} is not to be trusted: its chain breaks at {place}."),
                place=chain[0][:100],
            )
        _check(handle, token, claims, parent, now)
        token, chain = found, chain[1:]
    raise _untrusted(handle, mark("The signature of {handle} is not to be trusted: its chain is too long."))


def _check(handle: str, token: str, claims: Claims, issuer: Claims, now: int) -> None:
    """The signature, its dates, and whether the issuer may sign for ``handle``."""
    if not jws.parse(token).verify(_public(handle, issuer)):
        raise _untrusted(
            handle,
            mark("The signature of {handle} is not to be trusted: its signature by {iss} is wrong."),
            iss=claims.iss[:100],
        )
    if (claims.exp is not None and now > claims.exp) or (claims.nbf is not None and now < claims.nbf):
        raise _untrusted(
            handle,
            mark("The signature of {handle} is not to be trusted: what {iss} signed does not count now."),
            iss=claims.iss[:100],
        )
    if not any(_covers(permission, handle) for permission in issuer.perms):
        raise _untrusted(
            handle,
            mark("The signature of {handle} is not to be trusted: {iss} may not sign for it."),
            iss=claims.iss[:100],
        )


def _covers(permission: Permission, handle: str) -> bool:
    asked, named = _key(handle), _key(permission.handle)
    prefix = asked.partition(b"/")[0]
    below = named.removeprefix(names.PREFIXES.encode() + b"/")
    match permission.perm:
        case "everything":
            return True
        case "thisHandle":
            return asked == named or prefix == below
        case "handlesUnderThisPrefix":
            return prefix == below
        case "derivedPrefixes":
            subject = asked.partition(b"/")[2] if prefix == names.PREFIXES.encode() else prefix
            return subject.startswith(below + b".")
    return False


def _claims(token: str) -> Claims:
    try:
        return msgspec.json.decode(jws.parse(token).payload, type=Claims)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(mark("That is no signed token.")) from error


def _public(handle: str, claims: Claims) -> keys.PublicKey:
    if claims.public_key is None:
        raise _untrusted(
            handle,
            mark("The signature of {handle} is not to be trusted: the certificate of {sub} has no key."),
            sub=claims.sub[:100],
        )
    try:
        return jws.from_jwk(claims.public_key)
    except (BadKey, Malformed) as error:
        raise _untrusted(
            handle,
            mark("The signature of {handle} is not to be trusted: the certificate of {sub} has no key."),
            sub=claims.sub[:100],
        ) from error


def _same(one: keys.PublicKey, other: keys.PublicKey) -> bool:
    return one.encode() == other.encode()


def _digest(value: Value, algorithm: str) -> str:
    octets = wire.encode_value(value)[_NOT_SIGNED:]
    found = sm2.sm3(octets) if algorithm == "SM3" else hashlib.sha256(octets).digest()
    return base64.b64encode(found).decode()


def _key(handle: str) -> bytes:
    try:
        return names.key(handle.encode(errors="replace"))
    except BadHandle:
        return handle.encode(errors="replace").upper()


def _untrusted(handle: str, message: str, **values: str) -> Untrusted:
    return Untrusted(message, handle=handle, **values)
