"""The door: a document as a file."""

from __future__ import annotations

from typing import Final, Literal

from gongfu.governance.documents.model import Document, Printed
from gongfu.kernel.settings import settings

Kind = Literal["pdf", "docx"]
TYPES: Final[dict[Kind, str]] = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
"""Media types."""


def as_file(document: Document, kind: Kind) -> Printed:
    """The document, and the characters that could not be shown in it.

    Raises :class:`~gongfu.kernel.errors.Unavailable` when the fonts of the setting ``document_fonts`` cannot be used.
    """
    if kind == "pdf":
        from gongfu.governance.documents.pdf import print_pdf  # noqa: PLC0415  # the libraries take a second to load

        return print_pdf(document, settings().document_fonts)
    from gongfu.governance.documents.docx import print_docx  # noqa: PLC0415

    return print_docx(document)
