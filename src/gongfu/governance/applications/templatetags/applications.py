"""How deadlines are shown."""

from __future__ import annotations

import datetime as dt

from django import template
from django.utils.translation import gettext as _

from gongfu.governance.applications import clock
from gongfu.kernel.workdays.rules import CHINA

register = template.Library()


@register.filter
def until(moment: dt.datetime | None) -> str:
    """The last moment in time as offices write it: the end of a day is 24:00."""
    if moment is None:
        return "–"
    local = moment.astimezone(CHINA)
    last = local.hour == 23 and local.minute == 59
    return f"{local:%Y-%m-%d} {'24:00' if last else f'{local:%H:%M}'}"


@register.filter
def moment(value: dt.datetime | None) -> str:
    """A moment in China's time."""
    return "–" if value is None else f"{value.astimezone(CHINA):%Y-%m-%d %H:%M}"


@register.filter
def left(deadline: dt.datetime | None) -> str:
    """How long there is, in days."""
    if deadline is None:
        return ""
    days = (deadline.astimezone(CHINA).date() - clock.today()).days
    if days < 0:
        return _("%(days)d days late") % {"days": -days}
    return _("today") if days == 0 else _("%(days)d days left") % {"days": days}


@register.filter
def shape(application: object) -> str:
    """The sign of an application's state."""
    if getattr(application, "late", False):
        return "bad"
    return {"closed": "good", "approved": "good", "refused": "stale", "withdrawn": "stale", "draft": "stale"}.get(
        str(getattr(application, "state", "")), "uncertain"
    )
