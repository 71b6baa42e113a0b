"""What a file really is, by its content: its name and what a browser says of it count for nothing. Pure."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Final

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_BYTES: Final = 20_000_000
MOST_UNPACKED: Final = 300_000_000
_DOCUMENT = "application/vnd.openxmlformats-officedocument."


@dataclass(frozen=True)
class Sort:
    """A kind of file that is taken."""

    ending: str
    media_type: str


PDF = Sort("pdf", "application/pdf")
PNG = Sort("png", "image/png")
JPEG = Sort("jpg", "image/jpeg")
OFD = Sort("ofd", "application/ofd")
DOCX = Sort("docx", f"{_DOCUMENT}wordprocessingml.document")
XLSX = Sort("xlsx", f"{_DOCUMENT}spreadsheetml.sheet")
SORTS: Final = (PDF, OFD, DOCX, XLSX, JPEG, PNG)
"""OFD is the national format of documents, GB/T 33190-2016."""
_ENDINGS: Final = {"jpeg": "jpg"}


def sort_of(data: bytes, name: str) -> Sort:
    """The sort of a file called ``name``; raises :class:`Invalid` for one that is not taken, or lies about itself."""
    if not data:
        raise Invalid(mark("{file} is empty."), file=name)
    if len(data) > MOST_BYTES:
        raise Invalid(mark("{file} is larger than {most} MB."), file=name, most=MOST_BYTES // 1_000_000)
    ending = name.rpartition(".")[2].lower()
    found = _sniffed(data, name)
    if found is None:
        raise Invalid(
            mark("{file} is none of these: {known}."),
            remedy=mark("Save it as PDF and send it again."),
            file=name,
            known=", ".join(one.ending.upper() for one in SORTS),
        )
    if _ENDINGS.get(ending, ending) != found.ending:
        raise Invalid(
            mark("{file} says .{ending} and is in truth {sort}."),
            remedy=mark("Give it its right name, or save it anew."),
            file=name,
            ending=ending[:10],
            sort=found.ending.upper(),
        )
    return found


def _sniffed(data: bytes, name: str) -> Sort | None:
    if data.startswith(b"%PDF-"):
        return PDF
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(b"PK\x03\x04"):
        return _packed(data, name)
    return None


def _packed(data: bytes, name: str) -> Sort | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, UnicodeDecodeError):
        raise Invalid(mark("{file} is damaged."), remedy=mark("Save it anew."), file=name) from None
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise Invalid(mark("{file} unpacks beyond measure."), file=name)
    names = {part.filename for part in parts}
    if any(one.lower().endswith("vbaproject.bin") for one in names):
        raise Invalid(mark("{file} holds macros."), remedy=mark("Save it without macros, or as PDF."), file=name)
    if "OFD.xml" in names:
        return OFD
    if "[Content_Types].xml" in names:
        return DOCX if "word/document.xml" in names else XLSX if "xl/workbook.xml" in names else None
    return None
