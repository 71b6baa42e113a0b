"""What may be attached as evidence, told by its bytes and not by its name. Pure."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_BYTES: Final = 10_000_000
MOST_FILES: Final = 60
"""Of one assessment."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file: its endings and media type."""

    endings: tuple[str, ...]
    media_type: str


PDF: Final = FileKind((".pdf",), "application/pdf")
PNG: Final = FileKind((".png",), "image/png")
JPEG: Final = FileKind((".jpg", ".jpeg"), "image/jpeg")
DOCX: Final = FileKind((".docx",), "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
XLSX: Final = FileKind((".xlsx",), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
OFD: Final = FileKind((".ofd",), "application/ofd")
"""GB/T 33190: the format of official documents and electronic invoices."""
KINDS: Final = (PDF, PNG, JPEG, DOCX, XLSX, OFD)
ACCEPT: Final = ",".join(ending for kind in KINDS for ending in kind.endings)


def kind_of(name: str, data: bytes) -> FileKind:
    """What ``data`` is; raises :class:`Invalid` when it is none of :data:`KINDS`, or not what ``name`` says."""
    if not data:
        raise Invalid(mark("The file is empty."))
    if len(data) > MOST_BYTES:
        raise Invalid(mark("The file is larger than {most} MB."), most=MOST_BYTES // 1_000_000)
    found = _told(data)
    if found is None or not name.casefold().endswith(found.endings):
        raise Invalid(
            mark("{name} is not what its name says, or no kind of file that is taken."),
            remedy=mark("Attach PDF, OFD, PNG, JPEG, DOCX or XLSX."),
            name=name[-60:],
        )
    return found


def _told(data: bytes) -> FileKind | None:
    if data.startswith(b"%PDF-"):
        return PDF
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    return _packed(data) if data.startswith(b"PK\x03\x04") else None


def _packed(data: bytes) -> FileKind | None:
    """A package by the parts it lists; nothing is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = set(package.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return None
    if any(name.casefold().endswith("vbaproject.bin") for name in names):
        return None  # macros
    if "OFD.xml" in names:
        return OFD
    if "[Content_Types].xml" in names and "word/document.xml" in names:
        return DOCX
    return XLSX if "[Content_Types].xml" in names and "xl/workbook.xml" in names else None


def link(text: str) -> str:
    """An address as it is kept; raises :class:`Invalid` for what is no http address."""
    plain = text.strip()
    try:
        parts = urlsplit(plain)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        fits = False
    if not fits or len(plain) > 500 or not plain.isprintable() or " " in plain:
        raise Invalid(
            mark("{link} is no address."), remedy=mark("Give one that begins with https://."), link=repr(plain[:60])
        )
    return plain
