"""Whether the third-party files of the console are there and are the ones this source tree asks for."""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "static" / "vendor"
FILES = ("tabler.min.css", "echarts.min.js", "icons.svg")
_SOURCE = Path(__file__).resolve().parents[3]
_INPUTS = ("frontend/package.json", "frontend/package-lock.json", "frontend/icons.txt", "hatch_build.py")


def vendor_ready(source: Path = _SOURCE) -> bool:
    """False when a page would come without its style sheet; ``uv sync --reinstall-package gongfu`` mends it.

    In a source tree the files must also have been made from the lock that is there now.
    """
    if not all((FOLDER / name).is_file() for name in FILES):
        return False
    inputs = [source / name for name in _INPUTS]
    if not all(path.is_file() for path in inputs):
        return True  # an installed wheel: nothing to compare with
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    key = FOLDER / ".key"
    return key.is_file() and key.read_text(encoding="ascii") == digest
