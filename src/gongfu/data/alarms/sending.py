"""Deliveries that are due: grouped into one message an outlet, throttled, tried again. Runs in the worker."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gongfu.data.alarms.models import Alarm, Delivery, Outlet
from gongfu.data.alarms.outlets import kinds
from gongfu.data.alarms.outlets.letter import Letter, Target
from gongfu.data.alarms.telling import waiting
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

MOST_LINES: Final = 10
"""Alarms that one message names; of a flood the rest is counted."""
BACK_OFF: Final = (10, 30, 120, 600, 1800)
"""Seconds before each further attempt; after the last the delivery is given up."""
KEPT: Final = dt.timedelta(days=30)
_AT_ONCE: Final = 8
_sent: dict[int, deque[float]] = {}


def send_due(now: dt.datetime | None = None) -> int:
    """Send what is due; returns how many messages were tried. A slow outlet holds up nobody but this round."""
    now = now or timezone.now()
    _drop_settled()
    due = waiting(Delivery.objects.filter(due_at__lte=now)).select_related(
        "outlet", "alarm__device", "alarm__organisation"
    )
    by_outlet: dict[tuple[int, bool], list[Delivery]] = {}
    for delivery in due.order_by("alarm__priority", "due_at")[:5000]:
        by_outlet.setdefault((delivery.outlet_id, delivery.alarm.late), []).append(delivery)
    ready = [group for outlet, group in by_outlet.items() if _may_send(group[0].outlet)]
    if not ready:
        return 0
    letters = [letter_of(group[0].outlet, [delivery.alarm for delivery in group]) for group in ready]
    with ThreadPoolExecutor(min(_AT_ONCE, len(ready)), "outlet") as pool:
        results = list(pool.map(_try, [group[0].outlet for group in ready], letters))
    for group, problem in zip(ready, results, strict=True):
        _note(group, problem, now)
    Delivery.objects.filter(done_at__lt=now - KEPT).delete()
    return len(ready)


def test(user: User, outlet: Outlet) -> str:
    """Send a message that says it is a test; raises what went wrong."""
    if not can_edit.test(user, outlet):
        raise Forbidden(mark("You may not change outlets of {organisation}."), organisation=outlet.organisation)
    with translation.override(outlet.language):
        letter = Letter(
            _("Gongfu: test message"), (_("Alarms of %(who)s will arrive here.") % {"who": outlet.organisation},)
        )
    problem = _try(outlet, letter)
    Outlet.objects.filter(pk=outlet.pk).update(problem=packed(problem) if problem else "")
    if problem is not None:
        raise problem
    Outlet.objects.filter(pk=outlet.pk).update(delivered_at=timezone.now())
    return _("The test message was taken.")


def tell(outlet: Outlet, letter: Letter) -> GongfuError | None:
    """Send a message that is no alarm, such as that a report is there; what went wrong, or None."""
    problem = _try(outlet, letter)
    if problem is None:
        Outlet.objects.filter(pk=outlet.pk).update(delivered_at=timezone.now())
    return problem


def letter_of(outlet: Outlet, alarms: Sequence[Alarm]) -> Letter:
    """The message that tells ``alarms``, the most urgent first, in the outlet's language."""
    with translation.override(outlet.language):
        lines = tuple(_line(alarm) for alarm in alarms[:MOST_LINES])
        more = len(alarms) - MOST_LINES
        if more > 0:
            lines += (ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more},)
        title = _("[%(priority)s] %(name)s") % {"priority": alarms[0].get_priority_display(), "name": alarms[0]}
        if len(alarms) > 1:
            title = _("%(n)d alarms, the most urgent: %(first)s") % {"n": len(alarms), "first": title}
        if alarms[0].late:
            title = _("Found late, while nobody evaluated readings: %(title)s") % {"title": title}
    url = f"{settings().url}/data/alarms/" + (f"{alarms[0].pk}/" if len(alarms) == 1 else "")
    return Letter(title, lines, url, tuple(_facts(alarm) for alarm in alarms[:500]))


def _line(alarm: Alarm) -> str:
    parts = [
        f"[{alarm.get_priority_display()}] {alarm}",
        f"{alarm.device} ({alarm.device.key})",
        timezone.localtime(alarm.raised_at).strftime("%Y-%m-%d %H:%M:%S"),
    ]
    if alarm.value is not None:
        parts.insert(2, _("value %(value)s") % {"value": f"{alarm.value:.6g}"})
    if not alarm.active:
        parts.append(_("gone meanwhile"))
    return " · ".join(parts)


def _facts(alarm: Alarm) -> dict[str, object]:
    return {
        "id": alarm.pk,
        "rule": alarm.rule_id,
        "name": alarm.name,
        "priority": alarm.priority,
        "state": alarm.state,
        "active": alarm.active,
        "organisation": alarm.organisation.code,
        "device": alarm.device.key,
        "value": alarm.value,
        "raised_at": alarm.raised_at.isoformat(),
    }


def _drop_settled() -> None:
    """What waited for its time and needs nobody any more."""
    later = waiting(Delivery.objects.filter(duty__after__gt=0))
    later.exclude(alarm__state=Alarm.State.UNACKED).delete()


def _may_send(outlet: Outlet) -> bool:
    sent = _sent.setdefault(outlet.pk, deque())
    begin = time.monotonic() - 60
    while sent and sent[0] < begin:
        sent.popleft()
    return outlet.enabled and len(sent) < outlet.per_minute


def _try(outlet: Outlet, letter: Letter) -> GongfuError | None:
    _sent.setdefault(outlet.pk, deque()).append(time.monotonic())
    try:
        kinds.send(outlet.kind, letter, Target(outlet.address, outlet.token, outlet.secret), settings(), time.time())
    except GongfuError as error:
        return error
    return None


def _note(group: Sequence[Delivery], problem: GongfuError | None, now: dt.datetime) -> None:
    outlet = group[0].outlet
    found = Delivery.objects.filter(pk__in=[delivery.pk for delivery in group])
    if problem is None:
        found.update(done_at=now)
        Alarm.objects.filter(deliveries__in=found).update(escalated=F("escalated") + 1)
        Outlet.objects.filter(pk=outlet.pk).update(problem="", delivered_at=now)
        return
    Outlet.objects.filter(pk=outlet.pk).update(problem=packed(problem))
    for delivery in group:
        delivery.attempts += 1
        if delivery.attempts > len(BACK_OFF):
            delivery.failed, delivery.done_at = True, now
        else:
            delivery.due_at = now + dt.timedelta(seconds=BACK_OFF[delivery.attempts - 1])
    Delivery.objects.bulk_update(group, ["attempts", "failed", "done_at", "due_at"])
