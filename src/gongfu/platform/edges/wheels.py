"""This node's own program as a wheel, for edge nodes that are to run the same version.

It is made from what is installed here, byte for byte the same each time (PEP 427), so that neither a package index nor
a build tool is needed where there is none.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

import gongfu
from gongfu.kernel.errors import NotFound, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.edge.contract import JOIN_PATH

PATH = f"{JOIN_PATH.rpartition('/')[0]}/wheel"
_NAME = "gongfu"
_TIME = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = {"__pycache__", ".key"}
_KEPT_OF_METADATA = ("METADATA", "WHEEL", "entry_points.txt")


class Wheel(msgspec.Struct, frozen=True, kw_only=True):
    """A wheel that lies ready."""

    version: str
    path: str
    """Where the node serves it."""
    sha256: str


def make(folder: Path) -> Wheel:
    """Make the wheel of the running version in ``folder``; what was there of earlier ones goes.

    Raises :class:`Unavailable` when the program was not installed as a package.
    """
    try:
        found = importlib.metadata.distribution(_NAME)
    except importlib.metadata.PackageNotFoundError:
        raise _impossible() from None
    metadata = {name: text for name in _KEPT_OF_METADATA if (text := found.read_text(name))}
    if "METADATA" not in metadata:
        raise _impossible()
    metadata["WHEEL"] = "Wheel-Version: 1.0\nGenerator: gongfu\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    data = _packed(found.version, metadata)
    sha256 = hashlib.sha256(data).hexdigest()
    name = f"{_NAME}-{found.version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{sha256}"
    draft.write_bytes(data)
    draft.replace(folder / f"{sha256}.whl")
    for other in folder.glob("*.whl"):
        if other.stem != sha256:
            other.unlink(missing_ok=True)
    return Wheel(version=found.version, path=f"{PATH}/{sha256}/{name}", sha256=sha256)


def find(folder: Path, sha256: str) -> Path:
    """The file of that digest; raises :class:`NotFound`."""
    path = folder / f"{sha256}.whl"
    if not sha256.isalnum() or not path.is_file():
        raise NotFound(mark("There is nothing at this address."))
    return path


def _packed(version: str, metadata: dict[str, str]) -> bytes:
    held = io.BytesIO()
    info = f"{_NAME}-{version}.dist-info"
    record: list[str] = []
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [*_program(), *((f"{info}/{name}", text.encode()) for name, text in metadata.items())]:
            _write(archive, name, data)
            code = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={code},{len(data)}")
        record.append(f"{info}/RECORD,,")
        _write(archive, f"{info}/RECORD", "\n".join([*record, ""]).encode())
    return held.getvalue()


def _program() -> Iterator[tuple[str, bytes]]:
    folder = Path(gongfu.__file__).resolve().parent
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not _LEFT_OUT & set(inner.parts) and path.suffix != ".pyc":
            yield f"{_NAME}/{inner.as_posix()}", path.read_bytes()


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


def _impossible() -> Unavailable:
    return Unavailable(
        mark("This node cannot make a package of itself: it was not installed as one."),
        remedy=mark("Install it with pip or uv, or copy a wheel to the edge node and install it there."),
    )
