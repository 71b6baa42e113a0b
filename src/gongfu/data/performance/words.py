"""What figures, losses and notes are called, and how they explain themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from gongfu.data.performance.models import StopReason
from gongfu.data.performance.rules import Loss, Lost, Note, Performance


def loss_names() -> dict[Loss, str]:
    """Losses, as the field calls them."""
    return {
        Loss.BREAKDOWN: _("Breakdown"),
        Loss.SETUP: _("Set-up and adjustment"),
        Loss.IDLING: _("Waiting and minor stops"),
        Loss.OFF: _("Switched off"),
        Loss.SPEED: _("Reduced speed"),
        Loss.DEFECTS: _("Rejects in production"),
        Loss.START_UP: _("Rejects while starting up"),
        Loss.PLANNED: _("Planned stop"),
    }


def state_names() -> dict[str, str]:
    """Categories of states."""
    return {
        "running": _("In operation"),
        "idle": _("Idle"),
        "setup": _("Setting up"),
        "fault": _("Fault"),
        "off": _("Switched off"),
    }


def note_texts() -> dict[Note, str]:
    """What is missing and what to do about it."""
    return {
        Note.NO_STATE: _("No tag tells its state: derive one under “Make it useful”, or bind the information model."),
        Note.STATE_GAPS: _("For part of the planned time the state is not known."),
        Note.NO_COUNT: _("Nothing counts pieces, so performance is not known."),
        Note.NO_CYCLE: _("There is no ideal cycle and too little history to estimate one: enter it."),
        Note.CYCLE_ESTIMATED: _("The ideal cycle is estimated from the best shift of the last 30 days."),
        Note.CYCLE_WRONG: _("More pieces were made than the ideal cycle allows: the ideal cycle is wrong."),
        Note.NO_REJECTS: _("Nobody counts rejects, so quality is not known."),
        Note.REJECTS_WRONG: _("More rejects than pieces were counted."),
        Note.NO_CALENDAR: _("No work calendar: all time counts as planned."),
        Note.NOTHING_PLANNED: _("Nothing was planned in this time."),
        Note.HOLIDAYS_UNKNOWN: _("The public holidays of this year are not known to this version."),
        Note.COUNTER_RESET: _("The counter of pieces began again; what it counted before is kept."),
        Note.NO_ENERGY: _("Nothing measures its energy."),
    }


def notes(performance: Performance) -> list[str]:
    """What speaks against the figures, in a stable order."""
    texts = note_texts()
    return [texts[note] for note in Note if note in performance.notes]


def lost_name(lost: Lost, reasons: Mapping[int, str]) -> str:
    """A loss, by the reason people gave when there is one."""
    return reasons.get(lost.reason) or loss_names()[lost.loss]


def reason_names(orgs: Iterable[int]) -> dict[int, str]:
    """Number of a reason → its name."""
    return {one.pk: str(one) for one in StopReason.objects.filter(organisation__in=list(orgs))}


def hours(seconds: float) -> str:
    """Hours and minutes, ``12:05``."""
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


def sentence(performance: Performance, reasons: Mapping[int, str]) -> str:
    """How much was lost, and to what."""
    if not performance.sums.planned:
        return _("Nothing was planned in this time.")
    if performance.at_most is None:
        return _("Of this time too little is known to say what was lost.")
    if not performance.losses:
        return _("Of %(planned)s planned hours nothing was lost that is known of.") % {
            "planned": f"{performance.sums.planned / 3600:.1f}"
        }
    greatest = performance.losses[0]
    return _("Of %(planned)s planned hours %(lost)s were lost, most to “%(loss)s”: %(hours)s hours.") % {
        "planned": f"{performance.sums.planned / 3600:.1f}",
        "lost": f"{performance.lost / 3600:.1f}",
        "loss": lost_name(greatest, reasons),
        "hours": f"{greatest.seconds / 3600:.1f}",
    }
