"""Two nodes that act at once end with the same state; what is no message is refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.filing import wire
from gongfu.identity.filing.rules import FROM_ABOVE, FROM_BELOW, FilingState, Kind, after, number
from gongfu.kernel.errors import Invalid

S = FilingState
# What the workflow lets people do at their own node: state → message → state afterwards.
LOCAL: dict[Kind, tuple[set[FilingState], FilingState]] = {
    Kind.SUBMIT: ({S.DRAFT}, S.SUBMITTED),
    Kind.CORRECT: ({S.RETURNED, S.ACCEPTED}, S.CORRECTED),
    Kind.REVIEW: ({S.SUBMITTED, S.CORRECTED}, S.UNDER_REVIEW),
    Kind.RETURN: ({S.UNDER_REVIEW}, S.RETURNED),
    Kind.ACCEPT: ({S.UNDER_REVIEW}, S.ACCEPTED),
    Kind.REJECT: ({S.UNDER_REVIEW}, S.REJECTED),
    Kind.WITHDRAW: ({S.SUBMITTED, S.CORRECTED, S.UNDER_REVIEW, S.RETURNED, S.ACCEPTED}, S.WITHDRAWN),
}


class Copy:
    """One node's copy of a filing."""

    def __init__(self, state: FilingState | None, may: frozenset[Kind]) -> None:
        self.state, self.version, self.may = state, 0, may
        self.queue: deque[tuple[Kind, int]] = deque()

    @property
    def known(self) -> tuple[object, ...]:
        return self.state, self.version, tuple(self.queue)

    def act(self, kind: Kind) -> None:
        sources, target = LOCAL[kind]
        if kind in self.may and self.state in sources:
            self.version += kind in (Kind.SUBMIT, Kind.CORRECT)
            self.state = target
            self.queue.append((kind, self.version))

    def take(self, kind: Kind, version: int) -> None:
        found = after(self.state, self.version, kind, version)
        if found is not None:
            self.state = found
            self.version = version if kind in (Kind.SUBMIT, Kind.CORRECT) else self.version


def steps(below: Copy, above: Copy) -> Iterator[tuple[str, Copy, Copy]]:
    """Every move that is possible now: somebody takes a step, or a message arrives."""
    for kind in Kind:
        for side in (0, 1):
            nodes = deepcopy((below, above))
            waiting = len(nodes[side].queue)
            nodes[side].act(kind)
            if len(nodes[side].queue) > waiting:
                yield f"{('below', 'above')[side]} {kind.value}", *nodes
    for side in (0, 1):
        nodes = deepcopy((below, above))
        if nodes[side].queue:
            nodes[1 - side].take(*nodes[side].queue.popleft())
            yield f"carry from {('below', 'above')[side]}", *nodes


def test_whatever_crosses_on_the_way_both_copies_end_alike() -> None:
    """Every order of steps and deliveries up to the third version, not a sample of them."""
    seen: set[object] = set()
    todo = deque([((), Copy(S.DRAFT, FROM_BELOW), Copy(None, FROM_ABOVE))])
    while todo:
        path, below, above = todo.popleft()
        if (below.known, above.known) in seen or below.version > 3:
            continue
        seen.add((below.known, above.known))
        if path and not below.queue and not above.queue:
            assert (above.state, above.version) == (below.state, below.version), path
        todo += [((*path, said), *nodes) for said, *nodes in steps(below, above)]
    assert len(seen) > 100


def test_a_decision_on_a_version_that_was_corrected_meanwhile_changes_nothing() -> None:
    assert after(S.CORRECTED, 2, Kind.RETURN, 1) is None
    assert after(S.CORRECTED, 2, Kind.RETURN, 2) is S.RETURNED


def test_a_correction_that_crossed_the_withdrawal_is_kept_withdrawn() -> None:
    assert after(S.WITHDRAWN, 1, Kind.CORRECT, 2) is S.WITHDRAWN
    assert after(S.WITHDRAWN, 2, Kind.CORRECT, 2) is None


def test_only_a_message_with_the_content_makes_a_copy() -> None:
    assert [kind for kind in Kind if after(None, 0, kind, 1)] == [Kind.SUBMIT, Kind.CORRECT]


def test_numbers_count_within_a_year() -> None:
    assert number("88", 2026, 7) == "BA-88-2026-000007"


MESSAGE = wire.Message(
    id="0" * 32,
    kind=Kind.SUBMIT,
    filing="1" * 32,
    version=1,
    time=1,
    subject=wire.PrefixSubject(prefix="88.118.1", level="enterprise", state="active", organisation="恒锐"),
)


def test_a_message_survives_the_wire() -> None:
    assert wire.decode(wire.encode(MESSAGE)) == MESSAGE


@pytest.mark.parametrize(
    ("before", "then"),
    [
        (b'"kind":"submit"', b'"kind":"accept"'),  # without a number
        (b'"kind":"submit"', b'"kind":"reject"'),  # without a reason
        (b'"kind":"submit"', b'"kind":"delete"'),
        (b'"version":1', b'"version":0'),
        (b'"type":"prefix"', b'"type":"planet"'),
        (b'"prefix":"88.118.1"', b'"prefix":""'),
        (b'"id":"0', b'"id":"/'),
        (b'"organisation":"', b'"organisation":"\\u0000'),
    ],
)
def test_a_message_that_misses_something_is_refused_with_a_sentence(before: bytes, then: bytes) -> None:
    octets = wire.encode(MESSAGE)
    assert before in octets
    with pytest.raises(Invalid, match="cannot be read"):
        wire.decode(octets.replace(before, then, 1))


@given(st.binary(max_size=200))
def test_any_octets_are_a_message_or_refused_with_a_sentence(octets: bytes) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        wire.decode(octets)
