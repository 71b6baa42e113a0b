"""Trying a rule on much history, in the background."""

from __future__ import annotations

import datetime as dt

import msgspec
from django.utils import timezone
from django.utils.translation import gettext as _

from gongfu.data.alarms import history
from gongfu.data.alarms.models import AlarmRule
from gongfu.kernel.accounts.models import User
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks.models import Job

FIELDS = (
    *("name", "priority", "organisation", "device", "type", "tag", "kind", "limit", "text", "negated", "direction"),
    *("setpoint", "other", "window", "formula", "deadband", "on_delay", "off_delay", "gate_tag", "gate_operator"),
    *("gate_value", "in_service"),
)
"""What a trial needs of a rule."""
_FILE = "trial.json"


class Kept(msgspec.Struct):
    """A finished trial beside the rule it was of."""

    rule: dict[str, str | int | float | bool | None]
    days: int
    trial: history.Trial


def start(user: User, rule: AlarmRule, days: int) -> Job:
    """Begin; the rule itself travels with the job, since it is not saved."""
    title = _("Try the rule %(name)s on %(days)d days") % {"name": rule.name, "days": days}
    return tasks.start(work, title, user=user, organisation=rule.organisation, rule=_packed(rule), days=days)


@tasks.job(attempts=2)
def work(progress: tasks.Progress, rule: dict[str, str | int | float | bool | None], days: int) -> None:
    """The job."""
    end = timezone.now()
    found = history.trial(
        AlarmRule(**rule), end - dt.timedelta(days=days), end, report=lambda percent: progress.report(percent)
    )
    progress.result_file(_FILE).write_bytes(msgspec.json.encode(Kept(rule, days, found)))


def result(job: Job) -> tuple[AlarmRule, history.Trial, int]:
    """What a finished job found."""
    kept = msgspec.json.decode((tasks.folder(job) / _FILE).read_bytes(), type=Kept)
    return AlarmRule(**kept.rule), kept.trial, kept.days


def _packed(rule: AlarmRule) -> dict[str, str | int | float | bool | None]:
    return {field.attname: field.value_from_object(rule) for field in map(AlarmRule._meta.get_field, FIELDS)}  # type: ignore[union-attr]
