"""A node below that exists as a key only, paired with this node; and somebody who runs this node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.http import HttpResponse
from django.test import Client
from django.utils import translation

from gongfu.identity.filing import wire
from gongfu.identity.filing.rules import Kind
from gongfu.identity.peers import jws, keys
from gongfu.identity.peers import services as peers
from gongfu.identity.peers.models import Peer
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role


@dataclass
class Foreign:
    """The node at the other end, as far as it is needed."""

    key: Ed25519PrivateKey
    peer: Peer
    count: int = 0

    def message(self, kind: Kind, version: int = 1, filing: str = "1" * 32, **values: object) -> wire.Message:
        self.count += 1
        subject = wire.PrefixSubject(
            prefix="88.118.1", level="enterprise", state="active", organisation="恒锐机械", contact="李工"
        )
        carries = kind in (Kind.SUBMIT, Kind.CORRECT)
        return wire.Message(
            id=f"{self.count:032x}",
            kind=kind,
            filing=filing,
            version=version,
            time=1,
            by="li",
            **({"subject": subject if carries else None} | values),
        )

    def post(
        self, body: bytes, *, key: Ed25519PrivateKey | None = None, path: str = "", **header: object
    ) -> HttpResponse:
        """A signed request; ``header`` changes what is signed."""
        values = {
            "alg": "EdDSA",
            "kid": jws.thumbprint(keys.public_octets(self.key)),
            "aud": peers.own_node(),
            "iat": int(time.time()),
            "nonce": jws.encode64(self.count.to_bytes(16) + time.monotonic_ns().to_bytes(8)),
            "url": wire.PATH,
        }
        signature = jws.sign(key or self.key, jws.Protected(**(values | header)), body)
        return Client().post(
            path or wire.PATH,
            body,
            content_type="application/octet-stream",
            headers={jws.HEADER: signature, "Accept-Language": "en"},
        )

    def send(self, message: wire.Message) -> wire.Receipt:
        """Deliver a message; the answer's signature is verified."""
        answer = self.post(wire.encode(message))
        assert answer.status_code == 200, answer.content
        detached = jws.read(answer.headers[jws.HEADER])
        jws.verify(detached, keys.public_octets(keys.signing_key(peers.settings().home)), answer.content)
        assert detached.header.aud == self.peer.node
        return wire.decode_receipt(answer.content)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Texts are read in English, whatever a test before this one has left."""
    with translation.override("en"):
        yield


@pytest.fixture
def operator(db: None) -> Organisation:
    return accounts.create_organisation("operator", "平台运营方", kind=Organisation.Kind.OPERATOR)


@pytest.fixture
def root(operator: Organisation) -> User:
    return accounts.create_user("root", "correct-horse-9", is_superuser=True, language="en")


@pytest.fixture
def engineer(operator: Organisation) -> User:
    return accounts.create_user("li", "correct-horse-9", roles={operator: Role.ADMIN}, language="en")


def foreign(operator: Organisation, role: str, name: str) -> Foreign:
    key = Ed25519PrivateKey.generate()
    public = keys.public_octets(key)
    peer = Peer.objects.create(
        organisation=operator,
        name=name,
        role=role,
        url="http://127.0.0.1:9",
        state=Peer.State.PAIRED,
        public_key=jws.encode64(public),
        exchange_key=jws.encode64(bytes(32)),
        node=jws.thumbprint(public),
    )
    return Foreign(key, peer)


@pytest.fixture
def below(operator: Organisation) -> Foreign:
    return foreign(operator, Peer.Role.BELOW, "below")


@pytest.fixture
def above(operator: Organisation) -> Foreign:
    return foreign(operator, Peer.Role.ABOVE, "above")
