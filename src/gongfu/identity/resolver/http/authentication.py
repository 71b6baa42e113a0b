"""Who sends a request: Basic, ``Authorization: Handle …`` with a session, or a client certificate.

Source: Handle.Net technical manual, chapter 14 (HTTP/JSON API). The challenge of a session is its nonce followed by the
client's own, signed or coded as over the Handle protocol.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID

from gongfu.identity.handle import keys, proofs
from gongfu.identity.handle.admin_record import PUBKEY, SECKEY, parse_reference
from gongfu.identity.handle.codes import Digest
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.handle.wire.reader import U32, encode_counted, encode_text
from gongfu.identity.resolver.administration import Administrator
from gongfu.identity.resolver.authority import Authority
from gongfu.identity.resolver.errors import AuthenticationFailed, AuthenticationNeeded, WrongProof
from gongfu.identity.resolver.http.messages import Request
from gongfu.identity.resolver.http.sessions import Session, Sessions
from gongfu.identity.resolver.http.throttle import Throttle
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark

_TOKEN = r"[-A-Za-z0-9!#$%&'*+.`^_|~]+"  # noqa: S105 - RFC 9110 §5.6.2
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*({_TOKEN}|"(?:[^"\\]|\\.)*")\s*(?:,\s*|$)')
_DIGESTS = {
    "MD5": Digest.MD5,
    "SHA": Digest.SHA1,
    "SHA1": Digest.SHA1,
    "SHA2": Digest.SHA256,
    "SHA256": Digest.SHA256,
    "HMACSHA1": Digest.HMAC_SHA1,
    "HMACSHA256": Digest.HMAC_SHA256,
    "PBKDF2WITHHMACSHA1": Digest.PBKDF2_HMAC_SHA1,
    "PBKDF2HMACSHA1": Digest.PBKDF2_HMAC_SHA1,
}


class Claim(msgspec.Struct, frozen=True):
    """The parameters of ``Authorization: Handle``, or the members of a JSON body that says the same."""

    version: str = "0"
    session_id: str = ""
    id: str = ""
    type: str = ""
    cnonce: str = ""
    alg: str = ""
    signature: str = ""
    salt: str = ""
    iterations: str | int = ""
    length: str | int = ""
    client_cert: str = ""

    @property
    def proving(self) -> bool:
        """Whether it tries to prove someone."""
        return bool(self.id or self.type or self.signature)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, None being anybody, and in which session."""

    who: Administrator | None = None
    session: Session | None = None


class Authenticator:
    """Finds out who sends a request; waits for the disk, or for another node that knows the key."""

    def __init__(self, authority: Authority, sessions: Sessions, throttle: Throttle) -> None:
        self._authority = authority
        self._sessions = sessions
        self._throttle = throttle

    def caller(self, request: Request, further: Claim | None = None) -> Caller:
        """``further`` is a claim that came in the body.

        Raises :class:`AuthenticationNeeded` (402) for a session that is over or secrets over plain HTTP,
        :class:`AuthenticationFailed` (403) for a wrong proof, :class:`TooManyFailures` (429) after several.
        """
        header = request.headers.get(b"authorization", b"").decode("latin-1").strip()
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "basic":
            return Caller(self._basic(request, rest.strip()))
        claim = read_claim(rest) if scheme.lower() == "handle" else Claim()
        if header and scheme.lower() != "handle":
            raise _failed(mark("There is no authentication {scheme} here."), scheme=scheme[:40])
        if further is not None and not claim.proving:
            claim = msgspec.structs.replace(further, session_id=further.session_id or claim.session_id)
        session = self._session(claim.session_id)
        if claim.proving:
            if session is None:
                raise AuthenticationNeeded(mark("Make a session first: POST /api/sessions."))
            who = self.prove(request, claim, session.nonce)
            return Caller(who, self._sessions.sign_in(session, who))
        if session is not None and session.who is not None:
            return Caller(session.who, session)
        if request.certificate is not None and claim.client_cert.lower() != "false":
            return Caller(self._certificate(request.certificate), session)
        if claim.client_cert.lower() == "true":
            raise AuthenticationNeeded(mark("No client certificate came with the connection; it takes HTTPS."))
        return Caller(None, session)

    def prove(self, request: Request, claim: Claim, nonce: bytes) -> Administrator:
        """Who ``claim`` proves to be with its signature over ``nonce``.

        Raises :class:`WrongProof`, :class:`AuthenticationFailed` when it is malformed, :class:`TooManyFailures`.
        """
        try:
            claimed = parse_reference(claim.id)
        except (ValueError, GongfuError) as error:
            raise _failed(mark("The proof is malformed.")) from error
        with self._throttle.attempt(request.peer, claimed):
            who = self.verify(claim, nonce)
            if who is None:
                raise WrongProof(mark("The signature is not that of {who}."), who=claim.id[:300])
            return who

    def verify(self, claim: Claim, nonce: bytes) -> Administrator | None:
        """The same, None when the signature is wrong; raises :class:`AuthenticationFailed` when it is malformed."""
        if claim.version != "0" or not (claim.id and claim.type and claim.cnonce and claim.alg and claim.signature):
            raise _failed(mark("The proof needs id, type, cnonce, alg and signature."))
        try:
            who = parse_reference(claim.id)
            cnonce = octets(claim.cnonce)
            proof = _secret_proof(claim) if claim.type == SECKEY else _signature_proof(claim)
        except (ValueError, binascii.Error, GongfuError) as error:
            raise _failed(mark("The proof is malformed.")) from error
        for value in self._authority.keys(who):
            if value.type == claim.type and _made(value, who, nonce, cnonce, proof):
                return Administrator(Reference(who.handle, value.index))
        return None

    def _session(self, name: str) -> Session | None:
        if not name:
            return None
        session = self._sessions.get(name)
        if session is None:
            raise AuthenticationNeeded(
                mark("That session has ended."), remedy=mark("Make a new one: POST /api/sessions.")
            )
        return session

    def _basic(self, request: Request, encoded: str) -> Administrator:
        if not (request.secure or request.local):
            raise AuthenticationNeeded(
                mark("A secret key is not accepted over plain HTTP from another machine."), remedy=mark("Use HTTPS.")
            )
        try:
            user, colon, secret = base64.b64decode(encoded, validate=True).partition(b":")
            if user.isdigit():  # the colon of index:handle was left as it is
                handle, colon, secret = secret.partition(b":")
                user += b":" + handle
            who = parse_reference(unquote(user.decode()))
        except (ValueError, binascii.Error, GongfuError) as error:
            raise _failed(mark("The user name has to be index:handle, percent-encoded.")) from error
        if not colon:
            raise _failed(mark("The user name has to be index:handle, percent-encoded."))
        with self._throttle.attempt(request.peer, who):
            return self._authority.authenticate_secret(who, secret)

    def _certificate(self, der: bytes) -> Administrator:
        """TLS has proved that the client holds the certificate's key; whose it is, his HS_PUBKEY says."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            names = [
                str(attribute.value)
                for kind in (NameOID.USER_ID, NameOID.COMMON_NAME)
                for attribute in certificate.subject.get_attributes_for_oid(kind)
            ]
            who = parse_reference(names[0] if names else "")
            key = keys.PublicKey(certificate.public_key()).encode()  # type: ignore[arg-type] # others raise TypeError
        except (ValueError, TypeError, AttributeError, GongfuError) as error:
            raise _failed(mark("The certificate's subject has to be UID or CN index:handle.")) from error
        for value in self._authority.keys(who):
            if value.type == PUBKEY and _same_key(value, key):
                return Administrator(Reference(who.handle, value.index))
        raise _failed(mark("The certificate's key is not that of {who}."), who=names[0][:300])


def read_claim(parameters: str) -> Claim:
    """What follows ``Handle`` in the header; raises :class:`AuthenticationFailed` when it is malformed."""
    found: dict[str, str] = {}
    at = 0
    while at < len(parameters):
        match = _PARAMETER.match(parameters, at)
        if match is None:
            raise _failed(mark("Authorization: Handle is malformed."))
        name, value = match.groups()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found[name.lower()] = unquote(value) if name.lower() == "id" else value
        at = match.end()
    return claim_from(found)


def claim_from(found: Mapping[str, str]) -> Claim:
    """A claim from parameters whose names are in any case; unknown ones are ignored."""
    lower = {name.lower(): value for name, value in found.items()}
    plain = {name: name.replace("_", "") for name in Claim.__struct_fields__}
    return Claim(**{name: lower[key] for name, key in plain.items() if key in lower})


def _made(value: Value, who: Reference, nonce: bytes, cnonce: bytes, proof: bytes) -> bool:
    try:
        if value.type == SECKEY:
            return proofs.check_secret(value.data, nonce, cnonce, proof)
        return proofs.check_signature(keys.decode(value.data), who, nonce, cnonce, proof)
    except GongfuError:
        return False


def _same_key(value: Value, encoded: bytes) -> bool:
    try:
        return value.data == encoded or keys.decode(value.data).encode() == encoded
    except GongfuError:
        return False


def _secret_proof(claim: Claim) -> bytes:
    digest = _DIGESTS.get(re.sub(r"[^A-Z0-9]", "", claim.alg.upper()))
    if digest is None:
        raise ValueError("unknown algorithm")
    code = octets(claim.signature)
    if digest is Digest.PBKDF2_HMAC_SHA1 and claim.salt:
        numbers = U32.pack(int(claim.iterations) & 0xFFFF_FFFF) + U32.pack(int(claim.length) & 0xFFFF_FFFF)
        code = encode_counted(octets(claim.salt)) + numbers + encode_counted(code)
    return bytes((digest,)) + code


def _signature_proof(claim: Claim) -> bytes:
    name = re.sub(r"[^A-Z0-9]", "", claim.alg.upper())
    name = {"SHA": "SHA1", "SHA2": "SHA256"}.get(name, name)
    return encode_text(name) + encode_counted(octets(claim.signature))


def octets(text: str) -> bytes:
    """Base64 with either alphabet, padded or not: clients differ."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def _failed(message: str, **values: str) -> AuthenticationFailed:
    return AuthenticationFailed(message, **values)
