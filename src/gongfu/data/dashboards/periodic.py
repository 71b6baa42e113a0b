"""What the worker does by the clock: make reports that are due."""

from __future__ import annotations

import asyncio
import datetime as dt

import structlog
from django.utils import timezone

from gongfu.data.dashboards import reporting
from gongfu.data.dashboards.models import Report
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.tasks.periodic import every

log = structlog.get_logger("dashboards")
LOOK_EVERY_SECONDS = 20.0
_BATCH = 100


def tick(now: dt.datetime | None = None) -> int:
    """Start every report that is due; how many. One missed while the node was off is made once, of its last period."""
    moment = now or timezone.now()
    due = Report.objects.filter(active=True, next_at__lte=moment).select_related("organisation")[:_BATCH]
    count = 0
    for report in due:
        at = report.next_at
        reporting.schedule(report, moment)
        # Whoever moves the clock forward starts it: two workers do not both.
        if at is None or not Report.objects.filter(pk=report.pk, next_at=at).update(next_at=report.next_at):
            continue
        try:
            reporting.begin(report, moment, None)
            count += 1
        except GongfuError as error:
            log.warning("scheduled report not started", report=report.pk, reason=str(error))
    return count


async def run(stopping: asyncio.Event) -> None:
    """Tick until ``stopping``."""
    await every(LOOK_EVERY_SECONDS, tick, stopping)
