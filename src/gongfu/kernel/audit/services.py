"""The door of the audit log: record and verify."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import connection, models, transaction
from django.http import HttpRequest
from django.utils import timezone

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import rules
from gongfu.kernel.audit.middleware import address, request_id
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.audit.rules import Link, State
from gongfu.kernel.i18n import mark

__all__ = ["Report", "State", "record", "state", "verify"]

_LOCK = 7_031_942_001  # any number nobody else uses for pg_advisory_xact_lock


@dataclass(frozen=True)
class Report:
    """What :func:`verify` found. ``broken`` is the first entry that does not fit; ``why`` is a marked text."""

    entries: int
    head: str
    broken: int | None = None
    why: str = ""


def state(instance: models.Model) -> dict[str, rules.Scalar]:
    """The concrete fields of ``instance`` as plain values, secrets masked."""
    values: dict[str, rules.Scalar] = {}
    for field in instance._meta.concrete_fields:
        value = field.value_from_object(instance)
        values[field.attname] = value if isinstance(value, str | int | float | bool | None) else str(value)
    return rules.masked(values)


def record(
    actor: User | str,
    action: str,
    thing: models.Model,
    *,
    before: State | None = None,
    after: State | None = None,
    reason: str = "",
    request: HttpRequest | None = None,
) -> AuditEntry:
    """Append one entry, in the same transaction as the change it tells of.

    ``actor`` is a user, or the name of the process that acts by itself. Entries are serialised: on SQLite by the
    write lock every transaction begins with, on PostgreSQL by an advisory lock held until commit.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        last = AuditEntry.objects.order_by("-sequence").only("sequence", "digest").first()
        owner = thing if isinstance(thing, Organisation) else getattr(thing, "organisation", None)
        moment = timezone.now()
        link = Link(
            sequence=last.sequence + 1 if last else 1,
            previous=last.digest if last else rules.GENESIS,
            time=_iso(moment),
            actor=actor if isinstance(actor, str) else actor.get_username(),
            organisation=owner.pk if isinstance(owner, Organisation) else None,
            action=action,
            object_type=thing._meta.label_lower,
            object_id=str(thing.pk or ""),
            object_label=str(rules.clean(str(thing)))[:200],
            before=rules.canonical(rules.masked(before or {})),
            after=rules.canonical(rules.masked(after or {})),
            reason=str(rules.clean(reason)),
            request_id=request_id(request),
            address=address(request),
        )
        return AuditEntry.objects.create(
            sequence=link.sequence,
            previous=link.previous,
            time=moment,
            actor=link.actor,
            organisation_id=link.organisation,
            action=link.action,
            object_type=link.object_type,
            object_id=link.object_id,
            object_label=link.object_label,
            before=link.before,
            after=link.after,
            reason=link.reason,
            request_id=link.request_id,
            address=link.address,
            digest=rules.digest(link),
        )


def verify() -> Report:
    """Walk the whole chain in order; constant memory. ``head`` kept elsewhere also proves that nothing was cut off."""
    previous, count = rules.GENESIS, 0
    for entry in AuditEntry.objects.order_by("sequence").iterator(chunk_size=2000):
        why = _fault(entry, count + 1, previous)
        if why:
            return Report(count, previous, entry.sequence, why)
        previous, count = entry.digest, count + 1
    return Report(count, previous)


def _fault(entry: AuditEntry, expected: int, previous: str) -> str:
    if entry.sequence != expected:
        return mark("the entry before it is missing")
    if entry.previous != previous:
        return mark("it does not follow the entry before it")
    return "" if rules.digest(_link(entry)) == entry.digest else mark("its content was changed")


def _link(entry: AuditEntry) -> Link:
    return Link(
        sequence=entry.sequence,
        previous=entry.previous,
        time=_iso(entry.time),
        actor=entry.actor,
        organisation=entry.organisation_id,
        action=entry.action,
        object_type=entry.object_type,
        object_id=entry.object_id,
        object_label=entry.object_label,
        before=entry.before,
        after=entry.after,
        reason=entry.reason,
        request_id=entry.request_id,
        address=entry.address,
    )


def _iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")
