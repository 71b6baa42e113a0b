"""Is an uploaded licence what it says it is? Pure: first octets and size."""

from __future__ import annotations

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MAX_SIZE = 10 * 2**20
_KINDS = {
    b"%PDF-": ("pdf", "application/pdf"),
    b"\x89PNG\r\n\x1a\n": ("png", "image/png"),
    b"\xff\xd8\xff": ("jpg", "image/jpeg"),
}


def kind_of(start: bytes, size: int) -> tuple[str, str]:
    """Suffix and media type by the first octets; raises :class:`Invalid` for anything but PDF, PNG and JPEG."""
    if size > MAX_SIZE:
        raise Invalid(
            mark("The licence has more than {limit} megabytes."),
            remedy=mark("Scan it with a lower resolution."),
            limit=MAX_SIZE // 2**20,
        )
    for magic, kind in _KINDS.items():
        if start.startswith(magic):
            return kind
    raise Invalid(
        mark("The licence is neither PDF nor PNG nor JPEG."), remedy=mark("Scan or photograph the licence itself.")
    )
