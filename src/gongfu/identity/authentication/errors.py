"""What is wrong with a proof; each class is an answer of its own.

Invalid
└── BadProof            it proves nothing
    ├── NoProof         these characters are no proof at all
    ├── ForgedProof     the signature does not fit: somebody changed it
    └── ForeignProof    signed with a key this node does not know
"""

from __future__ import annotations

from gongfu.kernel.errors import Invalid


class BadProof(Invalid):
    """It proves nothing."""

    code = "bad_proof"


class NoProof(BadProof):
    """These characters are no proof at all."""

    code = "no_proof"


class ForgedProof(BadProof):
    """The signature does not fit what is said."""

    code = "forged_proof"


class ForeignProof(BadProof):
    """Signed with a key this node does not know."""

    code = "foreign_proof"
