"""Deletion on request: asked for by a person with the right to, done in the background, proven by a signed record."""

from __future__ import annotations

import datetime as dt
import time

from django.db import transaction
from django.utils import timezone

from gongfu.data.telemetry import keeping, proof
from gongfu.data.telemetry.models import Erasure
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import has_role
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks.services import Progress
from gongfu.platform.devices import services as devices

may_erase = has_role(Role.ADMIN)
"""Administrators of the organisation that owns the readings; not those of one above it."""
MOST_SERIES = 1000
_WAIT_S = 600.0


def ask(user: User, tags: list[int], since: dt.datetime, until: dt.datetime, reason: str) -> Erasure:
    """Begin to delete what is stored of ``tags`` from ``since`` to before ``until``.

    Raises :class:`NotFound` for a tag the user may not see, :class:`Forbidden`, :class:`Invalid`.
    """
    found = {tag.pk: tag for tag in devices.tags_for(user, tags=tags)}
    if missing := next((one for one in tags if one not in found), None):
        raise NotFound(mark("There is no tag {tag}."), tag=missing)
    owners = {tag.organisation for tag in found.values()}
    if not found or len(found) > MOST_SERIES or len(owners) != 1:
        raise Invalid(mark("Name 1 to {limit} tags of one organisation."), limit=MOST_SERIES)
    owner = owners.pop()
    if not may_erase.test(user, owner):
        raise Forbidden(mark("Only administrators of {owner} may delete its readings."), owner=owner)
    if since >= until:
        raise Invalid(mark("The range begins at {start}, not before its end {end}."), start=since, end=until)
    if not reason.strip():
        raise Invalid(mark("Say why: the reason stands in the proof."))
    names = ", ".join(sorted(f"{tag.device.key}/{tag.key}" for tag in found.values()))
    with transaction.atomic():
        made = Erasure.objects.create(
            organisation=owner,
            created_by=user,
            what=names if len(names) <= 300 else f"{names[:290]} …",
            series=sorted(found),
            since=since,
            until=until,
            reason=reason.strip()[:500],
            actor=user.get_username(),
        )
        audit.record(user, "erase", made, after=audit.state(made), reason=made.reason)
        tasks.start(carry_out, made.what[:100], user=user, organisation=owner, erasure=made.pk)
    return made


@tasks.job(attempts=3)
def carry_out(progress: Progress, *, erasure: int) -> None:
    """Delete and sign; safe to run twice: what is gone already is counted as gone."""
    made = Erasure.objects.select_related("organisation").get(pk=erasure)
    if made.state == Erasure.State.DONE:
        return
    made.state = Erasure.State.RUNNING
    made.save(update_fields=["state"])
    began = timezone.now()
    deadline = time.monotonic() + _WAIT_S

    def wait() -> None:
        progress.report(10, "cold")
        if time.monotonic() > deadline:
            raise Unavailable(mark("The recorder does not bring cold months back; nothing was deleted."))
        time.sleep(1)

    try:
        start, end = (max(0, int(moment.timestamp())) for moment in (made.since, made.until))
        counted = keeping.erase(made.organisation_id, made.series, start, end, wait)
    except GongfuError as error:
        made.state, made.problem = Erasure.State.FAILED, error.text()[:500]
        made.save(update_fields=["state", "problem"])
        raise
    done = timezone.now()
    record = proof.Proof(
        node=settings().node,
        organisation=made.organisation.code,
        erasure=made.pk,
        series=made.series,
        since=_iso(made.since),
        until=_iso(made.until),
        reason=made.reason,
        actor=made.actor,
        begun=_iso(began),
        done=_iso(done),
        counted=counted,
        remarks=[keeping.REMARK],
    )
    made.proof = proof.sign(record, settings().home)
    made.before, made.after = sum(one.before for one in counted), sum(one.after for one in counted)
    made.state, made.done_at = Erasure.State.DONE, done
    with transaction.atomic():
        made.save(update_fields=["proof", "before", "after", "state", "done_at"])
        audit.record("telemetry", "erased", made, after=audit.state(made), reason=made.reason)


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat()
