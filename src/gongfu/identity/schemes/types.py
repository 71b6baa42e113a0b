"""What a code is once it is understood: scheme, kind, normal form, named parts. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gongfu.kernel.errors import Invalid


class Scheme(StrEnum):
    """The families of identifiers this node knows."""

    HANDLE = "handle"
    VAA = "vaa"
    GS1 = "gs1"
    OID = "oid"
    ECODE = "ecode"
    BID = "bid"
    DID = "did"
    DNS = "dns"
    UUID = "uuid"


class Notation(StrEnum):
    """How a code was written, where a scheme has more than one way."""

    PLAIN = "plain"
    ELEMENTS = "elements"
    EPC = "epc"
    LINK = "link"
    COMPRESSED = "compressed"
    URN = "urn"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a code. ``name`` is a marked text or a data title of the standard, ``number`` the GS1 application
    identifier it stands under, empty elsewhere."""

    name: str
    value: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A valid code.

    ``code`` is its normal form: two spellings name the same thing when scheme and normal form are equal.
    ``kind`` is the scheme's own name for what it is (``GTIN``, ``SSCC``, …), the scheme's name where there is one kind.
    """

    scheme: Scheme
    kind: str
    code: str
    parts: tuple[Part, ...]
    notation: Notation = Notation.PLAIN
    query: tuple[tuple[str, str], ...] = ()
    """Further parameters of a link that are no part of the identifier."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of a text: how likely it is (0–100), a marked reason, and what came of it.

    Exactly one of ``identifier`` and ``error`` is there: a text may look like a GTIN and have a wrong check digit.
    """

    scheme: Scheme
    kind: str
    score: int
    reason: str
    identifier: Identifier | None = None
    error: Invalid | None = None

    @property
    def valid(self) -> bool:
        """Whether it obeys its scheme's rules."""
        return self.identifier is not None


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read a text that its form allows: how likely it is (0–100), a marked reason, and how to try it.

    ``parse`` raises :class:`gongfu.identity.schemes.errors.BadCode` when the text breaks the scheme's rules.
    """

    scheme: Scheme
    kind: str
    score: int
    reason: str
    parse: Callable[[], Identifier]
