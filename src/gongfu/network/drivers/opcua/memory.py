"""What is kept of a server from one connection to the next, so that nothing is read twice, or as something else."""

from __future__ import annotations

from collections.abc import Sequence

from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.opcua.address import Address

_EVENTS = 1000
"""Events of a device that are kept to be recognised."""


class Memory:
    """Of one device, as long as the gateway runs."""

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
