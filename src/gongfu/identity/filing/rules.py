"""What a message does to a filing, seen from either node. Pure.

Both nodes keep a copy of the filing. Each step is taken at one node and told to the other by a message; messages of one
node arrive in their order, but two nodes may act at once. The table says what a message does to the copy it meets; what
is not in the table is too late and changes nothing. Withdrawing wins over everything, so that both copies end alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class FilingState(StrEnum):
    """Where a filing stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    RETURNED = "returned"
    CORRECTED = "corrected"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Kind(StrEnum):
    """Messages; their names lean on the commands of draft-chen-top-level-interface-protocol, the set is ours."""

    SUBMIT = "submit"
    CORRECT = "correct"
    REVIEW = "review"
    RETURN = "return"
    ACCEPT = "accept"
    REJECT = "reject"
    WITHDRAW = "withdraw"


FROM_BELOW = frozenset({Kind.SUBMIT, Kind.CORRECT, Kind.WITHDRAW})
"""What the node that files may send."""
FROM_ABOVE = frozenset({Kind.REVIEW, Kind.RETURN, Kind.ACCEPT, Kind.REJECT, Kind.WITHDRAW})
"""What the node that reviews may send."""

_S = FilingState
OPEN = frozenset({_S.SUBMITTED, _S.CORRECTED, _S.UNDER_REVIEW})
"""The node above has to decide."""
LIVING = OPEN | {_S.RETURNED, _S.ACCEPTED}
"""It may be withdrawn."""

_TABLE: Mapping[Kind, tuple[frozenset[FilingState], FilingState]] = {
    Kind.CORRECT: (frozenset({_S.RETURNED, _S.ACCEPTED}), _S.CORRECTED),
    Kind.REVIEW: (frozenset({_S.SUBMITTED, _S.CORRECTED}), _S.UNDER_REVIEW),
    Kind.RETURN: (OPEN, _S.RETURNED),
    Kind.ACCEPT: (OPEN, _S.ACCEPTED),
    Kind.REJECT: (OPEN, _S.REJECTED),
    Kind.WITHDRAW: (LIVING | {_S.REJECTED}, _S.WITHDRAWN),
}


def after(state: FilingState | None, version: int, kind: Kind, message_version: int) -> FilingState | None:
    """The state of the copy once the message was taken; None when it changes nothing.

    ``state`` is None when there is no copy yet: only a message with the whole content makes one.
    """
    if state is None:
        return {Kind.SUBMIT: _S.SUBMITTED, Kind.CORRECT: _S.CORRECTED}.get(kind)
    if kind is Kind.SUBMIT:
        return None
    if kind is Kind.CORRECT and state is _S.WITHDRAWN and message_version > version:
        return state  # it crossed the withdrawal: both copies keep the last version, withdrawn
    sources, target = _TABLE[kind]
    if state not in sources:
        return None
    if kind is Kind.CORRECT:
        return target if message_version > version else None
    if kind is not Kind.WITHDRAW and message_version != version:
        return None  # a decision on a version that was corrected meanwhile
    return target


def number(node_prefix: str, year: int, count: int) -> str:
    """Filing number (备案号) of the ``count``-th filing that a node accepts in ``year``. The form is ours."""
    return f"BA-{node_prefix}-{year}-{count:06d}"
