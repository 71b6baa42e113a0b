"""The node's signing keys: Ed25519, one file each below ``GONGFU_HOME/secrets/proof``, readable by the owner only.

The newest signs; those before it still verify what they signed. Pure.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gongfu.identity.authentication import jws
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark


class Keyring:
    """Keys below ``folder``; read anew at each call, so that every process follows a rotation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def current(self) -> Ed25519PrivateKey:
        """The key that signs now; the first is made on first use."""
        files = self._files()
        if not files:
            self.rotate()
            files = self._files()
        return _read(files[-1])

    def rotate(self) -> str:
        """Sign with a new key from now on; returns its name."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Ed25519PrivateKey.generate()
        name = jws.name_of(made.public_key())
        text = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        target = self._folder / f"{time.time_ns():020d}-{name}.pem"
        draft = target.with_suffix(".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(target)
        return name

    def public(self) -> dict[str, Ed25519PublicKey]:
        """Every key by its name, the newest first."""
        found = [_read(path).public_key() for path in reversed(self._files())]
        return {jws.name_of(key): key for key in found}

    def published(self) -> jws.KeySet:
        """What the node tells everybody."""
        return jws.KeySet([jws.key(public) for public in self.public().values()])

    def _files(self) -> list[Path]:
        return sorted(self._each())

    def _each(self) -> Iterator[Path]:
        if self._folder.is_dir():
            yield from self._folder.glob("*.pem")


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise Unavailable(
            mark("The signing key {path} cannot be read: {reason}."),
            remedy=mark("Restore it from the backup, or move it away: a new one is made."),
            path=path.name,
            reason=error,
        ) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise Unavailable(mark("{path} is no Ed25519 key."), remedy=mark("Move it away."), path=path.name)
    return found
