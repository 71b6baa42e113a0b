"""What is kept of a server from one connection to the next, so that nothing is read twice, or as something else."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.opcua.address import Address

_EVENTS = 1000
"""Events of a device that are kept to be recognised."""


class _Kept(msgspec.Struct, frozen=True):
    endpoint: str
    last: dict[int, Sample]


class Memory:
    """Of one device, as long as the gateway runs; the last samples beyond that, see :meth:`leave`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.last: dict[int, Sample] = {}
        """The last sample with a source time, by series."""
        self._events: dict[Sample, None] = {}
        self._spaces: dict[int, str] = {}

    def learn(self, namespaces: Sequence[str]) -> dict[int, str]:
        """Note the server's namespaces; returns those that were others before, by their number of then.

        A number keeps its first meaning as long as the server has that namespace: one that renumbers after a change
        of its project must not have another variable read in place of the one that was meant.
        """
        changed: dict[int, str] = {}
        for number, uri in enumerate(namespaces):
            if number < 2:  # the standard and the server itself, which may be renamed, have fixed numbers
                continue
            known = self._spaces.setdefault(number, uri)
            if known != uri:
                changed[number] = known
                if known not in namespaces:
                    self._spaces[number] = uri
        return changed

    def resume(self, file: Path) -> None:
        """Take up the last samples that an earlier process has left in ``file``, which is gone afterwards.

        A gateway that is killed leaves none: a gap in its readings is better than doubled ones.
        """
        try:
            found = msgspec.json.decode(file.read_bytes(), type=_Kept)
            file.unlink()
        except (OSError, msgspec.DecodeError):
            return
        if found.endpoint == self.endpoint:
            self.last = found.last | self.last

    def leave(self, file: Path) -> None:
        """Write the last samples to ``file``, for :meth:`resume`; a disk that cannot is no reason to fail."""
        with contextlib.suppress(OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = file.with_suffix(".new")
            draft.write_bytes(msgspec.json.encode(_Kept(self.endpoint, self.last)))
            draft.replace(file)

    def is_news(self, event: Sample) -> bool:
        """Whether ``event`` was not told before: a server that is asked repeats the conditions that hold."""
        if event in self._events:
            return False
        self._events[event] = None
        if len(self._events) > _EVENTS:
            del self._events[next(iter(self._events))]
        return True

    def uri(self, address: Address) -> str:
        """The namespace that ``address`` means; empty where its number is all that is known."""
        return address.uri or self._spaces.get(address.namespace, "")


_memories: dict[tuple[int, int], Memory] = {}


def memory_of(org: int, device: int, endpoint: str) -> Memory:
    """What is known of ``device``; nothing, when it had another endpoint before."""
    found = _memories.get((org, device))
    if found is None or found.endpoint != endpoint:
        found = _memories[org, device] = Memory(endpoint)
    return found
