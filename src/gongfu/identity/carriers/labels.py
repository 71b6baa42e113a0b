"""What stands on one label. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import segno

from gongfu.identity.carriers import datamatrix
from gongfu.identity.carriers.datamatrix import Matrix
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST = 5000
"""Labels in one file."""
DIRECT = 100
"""Labels made while somebody waits; more are a job."""


class Symbol(StrEnum):
    """Kinds of codes."""

    QR = "qr"
    DATA_MATRIX = "datamatrix"


class Content(StrEnum):
    """What a code says."""

    PAGE = "page"
    """The address of the identifier's public page: any phone opens it."""
    IDENTIFIER = "identifier"
    """The identifier alone: for readers of a line, smaller."""
    GS1 = "gs1"
    """The GS1 key bound to the identifier: as a Digital Link in a QR code, as an element string in Data Matrix."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label: what is written and what the code says."""

    handle: str
    name: str
    enterprise: str
    data: str
    gs1: bool = False
    """Whether ``data`` is a GS1 element string, which begins with FNC1."""


def modules(label: Label, symbol: Symbol) -> tuple[Matrix, int]:
    """The modules of the label's code and how many modules of quiet zone it needs.

    QR codes have error correction M (15 %) and the quiet zone of 4 modules of ISO/IEC 18004; Data Matrix needs 1, two
    are left. Raises :class:`Invalid` when the code cannot hold the data.
    """
    if symbol is Symbol.DATA_MATRIX:
        return datamatrix.symbol(label.data, gs1=label.gs1), 2
    try:
        code = segno.make(label.data, error="m", micro=False)
    except segno.DataOverflowError as error:
        raise Invalid(
            mark("{length} characters do not fit a QR code."),
            remedy=mark("Print the identifier itself, or use a shorter one."),
            length=len(label.data),
        ) from error
    return [[bool(module) for module in row] for row in code.matrix], 4
