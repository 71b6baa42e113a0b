"""What the console says of each kind of event."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.events import EventKind

_SENTENCES = {
    EventKind.ONLINE: _("Connected"),
    EventKind.OFFLINE: _("Connection lost"),
    EventKind.MALFORMED: _("A message could not be read"),
    EventKind.OUT_OF_RANGE: _("A value lay outside the plausible range"),
    EventKind.CLOCK_AHEAD: _("The device's clock is wrong; the time of arrival was used"),
    EventKind.CONFIGURED: _("Configuration changed"),
    EventKind.REFUSED: _("The configuration cannot work"),
    EventKind.BUFFER_FULL: _("The gateway's buffer was full"),
    EventKind.ALARM_RAISED: _("Alarm raised"),
    EventKind.ALARM_CLEARED: _("Alarm cleared"),
}


def event_sentence(kind: str) -> str:
    """The sentence for ``kind``; an unknown kind is shown as it is."""
    try:
        return str(_SENTENCES[EventKind(kind)])
    except ValueError:
        return kind
