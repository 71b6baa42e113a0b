"""What performance adds to the page of a device: its figures, how each came about, and what it lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.performance import periods, services, words
from gongfu.data.performance.rules import Note
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.pages.resource import Tab
from gongfu.platform.devices.models import Device, Tag


def _performance(request: HttpRequest, device: Device) -> Mapping[str, object]:
    context: dict[str, object] = {
        "may": can_edit.test(accounts.user_of(request), device),
        "ranges": periods.names(),
        "telling": device.tags.filter(role__in=("state", "count")).exists(),
    }
    try:
        chosen = periods.period(request.GET)
        low, high = services.span(chosen.start, chosen.end)
        report = services.report([device], low, high, by="day")
        (row,) = report.rows
        one = row.performance
        reasons = words.reason_names([device.organisation_id])
        tags = {tag.pk: tag for tag in Tag.objects.filter(device=device)}
        context |= {
            "period": chosen,
            "row": row,
            "one": one,
            "sentence": words.sentence(one, reasons),
            "notes": words.notes(one),
            "no_state": Note.NO_STATE in one.notes,
            "cycle_wrong": Note.CYCLE_WRONG in one.notes,
            "losses": [
                (words.lost_name(lost, reasons), words.hours(lost.seconds), lost.seconds / 3600)
                for lost in one.losses
                if lost.seconds >= 30
            ],
            "states": [
                (name, words.hours(seconds), seconds)
                for state, name in words.state_names().items()
                if (seconds := one.sums.states.get(state, 0.0))  # type: ignore[call-overload]
            ],
            "days": [(day, judged) for day, judged in report.by_day() if judged.sums.planned],
            "sources": [
                (name, tags[series])
                for name, series in (
                    (_("State tag"), row.machine.state),
                    (_("Counter of pieces"), row.machine.count),
                    (_("Counter of rejects"), row.machine.reject),
                    (_("Energy tag"), row.machine.energy or row.machine.power),
                )
                if series in tags
            ],
            "best": row.best_cycle,
        }
    except GongfuError as error:
        context["problem"] = error.text(get_language())
    return context


TABS: dict[type[Device], Sequence[Tab[Device]]] = {
    Device: (Tab("performance", _("Performance"), "performance/device_tab.html", _performance, position=24),)
}
