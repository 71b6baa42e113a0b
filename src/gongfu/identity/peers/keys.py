"""The keys of this node: Ed25519 to sign with, X25519 to be written to. Pure; files below ``GONGFU_HOME/secrets``."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gongfu.identity.peers import jws
from gongfu.kernel.secrets import secret

SIGNING = "node-ed25519"
EXCHANGE = "node-x25519"


def signing_key(home: Path) -> Ed25519PrivateKey:
    """Made at first use: a secret of the kernel is 32 random octets in base64url, just a seed (RFC 8032 §5.1.5)."""
    return Ed25519PrivateKey.from_private_bytes(jws.decode64(secret(home, SIGNING)))


def exchange_key(home: Path) -> X25519PrivateKey:
    """Made at first use, as above (RFC 7748 §5: any 32 octets)."""
    return X25519PrivateKey.from_private_bytes(jws.decode64(secret(home, EXCHANGE)))


def public_octets(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    """The 32 octets others may know."""
    return key.public_key().public_bytes_raw()


def node_id(home: Path) -> str:
    """Thumbprint of this node's signing key: the name nobody else can bear."""
    return jws.thumbprint(public_octets(signing_key(home)))
