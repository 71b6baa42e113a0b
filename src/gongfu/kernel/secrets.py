"""Generated secrets, one file each under ``GONGFU_HOME/secrets``, readable by the owner only."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def secret(home: Path, name: str) -> str:
    """The secret called ``name``; made on first use. Two processes asking at once get the same one."""
    folder = home / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())  # after a power cut it is whole or not there, never empty
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # atomic: whoever is first decides, the others read theirs
        draft.unlink()
    return path.read_text().strip()
