"""Events: what happened to a device, as one JSON message on the bus and one row in the store."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class EventKind(StrEnum):
    """What happened; the console has a sentence for each."""

    ONLINE = "online"
    OFFLINE = "offline"
    MALFORMED = "malformed"
    """A payload could not be read."""
    OUT_OF_RANGE = "out_of_range"
    CLOCK_AHEAD = "clock_ahead"
    """A source time lay in the future; the arrival time was used."""
    CONFIGURED = "configured"
    REFUSED = "refused"
    """The configuration cannot work: wrong address, wrong option."""
    BUFFER_FULL = "buffer_full"
    """The bus takes no readings and the gateway's memory is used up: its devices are read less often until it does."""
    ALARM_RAISED = "alarm_raised"
    """An alarm rule's condition holds; ``detail``: number of the rule and value."""
    ALARM_CLEARED = "alarm_cleared"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """``time`` in microseconds UTC; ``detail`` is data, never shown unescaped, at most 500 characters."""

    org: int
    device: int
    time: int
    kind: EventKind
    detail: str = ""


encoder = msgspec.json.Encoder()
decoder = msgspec.json.Decoder(Event)
