"""Whether the answer to a challenge proves who gave it."""

from __future__ import annotations

from gongfu.identity.handle import keys, proofs, wire
from gongfu.identity.handle.errors import BadCredential, BadKey, CannotAuthenticate, Malformed, NotAuthenticated
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.resolver.administration import Administration, Administrator
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark


def prove(administration: Administration, answer: wire.ChallengeAnswer, nonce: bytes, digest: bytes) -> Administrator:
    """The administrator who gave ``answer``; with index 0 whichever of his keys fits.

    Raises :class:`NotAuthenticated` (403), :class:`BadCredential` (404), :class:`CannotAuthenticate` (406).
    """
    who = answer.administrator
    if answer.kind not in (proofs.SECRET_KEY, proofs.PUBLIC_KEY):
        raise BadCredential(
            mark("Administrators cannot prove themselves by {kind}."),
            remedy=mark("Use HS_PUBKEY or HS_SECKEY."),
            kind=ascii(answer.kind[:40]),
        )
    candidates = _keys(administration, who)
    if not candidates:
        raise CannotAuthenticate(
            mark("No key is found at {who}."),
            remedy=mark("Check the index and the identifier of the administrator."),
            who=str(who)[:300],
        )
    unreadable: BadKey | None = None
    for value in candidates:
        if value.type == answer.kind:
            try:
                if fits(value, who, nonce, digest, answer.proof):
                    return Administrator(Reference(who.handle, value.index))
            except BadKey as error:
                unreadable = error
            except Malformed as error:
                raise BadCredential(mark("The proof of {who} cannot be read."), who=str(who)[:300]) from error
    if unreadable is not None:
        raise CannotAuthenticate(mark("The key at {who} cannot be used."), who=str(who)[:300]) from unreadable
    raise NotAuthenticated(
        mark("The proof of {who} is wrong."),
        remedy=mark("Check that the key belongs to that administrator."),
        who=str(who)[:300],
    )


def fits(value: Value, who: Reference, nonce: bytes, digest: bytes, proof: bytes) -> bool:
    """Whether ``proof`` was made with the key in ``value``; raises Malformed, :class:`BadCredential`, BadKey."""
    if value.type == proofs.SECRET_KEY:
        return proofs.check_secret(value.data, nonce, digest, proof)
    try:
        key = keys.decode(value.data)
    except Malformed as error:
        raise BadKey(mark("The key at {who} cannot be used."), who=str(who)[:300]) from error
    return proofs.check_signature(key, who, nonce, digest, proof)


def verify(administration: Administration, request: wire.VerifyRequest) -> bool:
    """Whether the proof another server received was made with a secret key that is kept here (RFC 3652 §3.5.3)."""
    for value in _keys(administration, request.administrator):
        if value.type == proofs.SECRET_KEY:
            try:
                if fits(value, request.administrator, request.nonce, request.digest, request.proof):
                    return True
            except Malformed:
                return False
    return False


def _keys(administration: Administration, who: Reference) -> tuple[Value, ...]:
    try:
        return administration.authority.keys(who)
    except Unavailable as error:
        raise CannotAuthenticate(
            mark("No key is found at {who}."),
            remedy=mark("Check the index and the identifier of the administrator."),
            who=str(who)[:300],
        ) from error
