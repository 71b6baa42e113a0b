"""Computing the past anew: the same calculation over stored readings, its values sent the way all readings go."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator

from django.utils import timezone
from django.utils.translation import gettext as _

from gongfu.data.computed import binding, services
from gongfu.data.computed.evaluate import Result
from gongfu.data.computed.models import ComputedTag
from gongfu.data.computed.rules import ComputedConfig
from gongfu.data.computed.stage import outputs
from gongfu.kernel import bus
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks.models import Job

_TOGETHER = 5_000


def start(user: User, computed: ComputedTag, days: int) -> Job:
    """Begin; raises :class:`Conflict` while the device has no such tag yet."""
    if binding.tag_of(computed) is None:
        raise Conflict(mark("The device has no such tag yet."), remedy=mark("Its change may wait for a second person."))
    title = _("Compute %(name)s anew for %(days)d days") % {"name": computed.name, "days": days}
    return tasks.start(work, title, user=user, organisation=computed.organisation, computed=computed.pk, days=days)


@tasks.job(attempts=2)
def work(progress: tasks.Progress, computed: int, days: int) -> None:
    """The job. What is computed comes later than what was stored, and so takes its place."""
    found = ComputedTag.objects.select_related("device").filter(pk=computed).first()
    tag = binding.tag_of(found) if found else None
    if found is None or tag is None:
        return
    config = binding.bound(found, tag.pk)
    end = timezone.now()
    slices = services.replay(
        config, end - dt.timedelta(days=days), end, report=lambda share: progress.report(100 * share)
    )
    asyncio.run(_send(config, (results for _, results in slices)))


async def _send(config: ComputedConfig, slices: Iterator[list[Result]]) -> None:
    client = await bus.connect(settings(), "computed", wait=False)
    try:
        js = client.jetstream(timeout=10)
        for results in slices:
            for begin in range(0, len(results), _TOGETHER):
                for one in outputs([(config, results[begin : begin + _TOGETHER])]):
                    await js.publish(one.subject, one.data)
    finally:
        await client.close()
