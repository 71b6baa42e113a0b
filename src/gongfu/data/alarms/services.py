"""The door of alarms: what streams found becomes occurrences, and what people do with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from gongfu.data.alarms import binding, rules, telling
from gongfu.data.alarms.models import Alarm, AlarmRule, Note, RuleOutbox, Shelf
from gongfu.data.alarms.rules import AlarmState, Transition
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.platform.devices.models import Device

LONGEST_SHELF = dt.timedelta(days=7)
SUPPRESSED_SHOWN = dt.timedelta(hours=8)
"""How long an occurrence that a gate ended is shown as suppressed."""


def take(found: Iterable[Transition]) -> None:
    """Note what came and went; the same again changes nothing."""
    with transaction.atomic():
        ordered = sorted(found, key=lambda one: one.time)
        known = AlarmRule.objects.in_bulk({one.rule for one in ordered})
        devices = dict(Device.objects.filter(pk__in={one.device for one in ordered}).values_list("pk", "organisation"))
        for one in ordered:
            if devices.get(one.device) != one.org:
                continue  # gone meanwhile
            rule = known.get(one.rule)
            if one.active:
                if rule is not None and rule.organisation_id == one.org:
                    _raise(rule, one)
            else:
                _clear(one)


def _moment(microseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(microseconds // 1_000_000, dt.UTC) + dt.timedelta(
        microseconds=microseconds % 1_000_000
    )


def _raise(rule: AlarmRule, one: Transition) -> None:
    at = _moment(one.time)
    there = Alarm.objects.filter(rule=rule, device=one.device)
    if there.filter(raised_at=at).exists() or there.filter(raised_at__gt=at, active=True).exists():
        return
    # The same alarm again: the old occurrence needs nobody any more (IEC 62682, from D back to B).
    there.exclude(state=Alarm.State.NORMAL).update(state=Alarm.State.NORMAL, active=False)
    shelved = Shelf.objects.filter(rule=rule, device=one.device, until__gt=timezone.now()).exists()
    state = rules.raised(shelved=shelved, out_of_service=not rule.in_service)
    first = (
        bool(rule.group)
        and not Alarm.objects.annunciated()
        .filter(organisation=rule.organisation_id, device=one.device, group=rule.group, active=True)
        .exists()
    )
    made = Alarm.objects.create(
        organisation_id=rule.organisation_id,
        rule=rule,
        device_id=one.device,
        series=one.series,
        name=rule.name,
        name_en=rule.name_en,
        priority=rule.priority,
        state=state.value,
        value=one.value,
        raised_at=at,
        latching=rule.latching,
        group=rule.group,
        first_out=first,
        late=one.late,
    )
    if state is AlarmState.UNACKED:
        telling.plan(made)


def _clear(one: Transition) -> None:
    at = _moment(one.time)
    open_ = Alarm.objects.select_for_update(of=("self",)).filter(
        rule=one.rule, device=one.device, active=True, raised_at__lte=at
    )
    for alarm in open_:
        state = AlarmState(alarm.state)
        if one.reason == "suppressed" and state in (AlarmState.UNACKED, AlarmState.ACKED):
            state = AlarmState.SUPPRESSED
        elif one.reason == "changed":
            state = AlarmState.NORMAL
        else:
            state = rules.cleared(state, latching=alarm.latching, acknowledged=alarm.acknowledged)
        alarm.active, alarm.cleared_at, alarm.state = False, at, state.value
        alarm.save(update_fields=["active", "cleared_at", "state", "updated_at"])


def acknowledge(user: User, alarm: Alarm, comment: str = "") -> None:
    """Somebody took notice. Raises :class:`Forbidden`, :class:`Conflict` when there is nothing to take notice of."""
    _require_operator(user, alarm)
    with transaction.atomic():
        fresh = _locked(alarm)
        state = AlarmState(fresh.state)
        after = rules.acknowledged(state, latching=fresh.latching)
        if after is state:
            raise Conflict(
                mark("{alarm} needs no acknowledgement now."), remedy=mark("Load the page again."), alarm=str(fresh)
            )
        before = audit.state(fresh)
        fresh.state, fresh.acked_at, fresh.acked_by = after.value, timezone.now(), user
        fresh.comment = comment.strip()[:300]
        fresh.save()
        telling.withdraw(fresh)
        audit.record(user, "acknowledge", fresh, before=before, after=audit.state(fresh), reason=comment)


def reset(user: User, alarm: Alarm) -> None:
    """Release a latched alarm; raises :class:`Conflict` for any other."""
    _require_operator(user, alarm)
    with transaction.atomic():
        fresh = _locked(alarm)
        if fresh.state != Alarm.State.LATCHED:
            raise Conflict(mark("{alarm} is not latched."), remedy=mark("Load the page again."), alarm=str(fresh))
        before = audit.state(fresh)
        fresh.state = Alarm.State.NORMAL
        fresh.save()
        audit.record(user, "reset", fresh, before=before, after=audit.state(fresh))


def shelve(user: User, rule: AlarmRule, device: Device, minutes: float, why: str) -> Shelf:
    """Put a rule aside at one device, for a time; its alarm goes quiet. Raises :class:`Invalid`, :class:`Forbidden`."""
    _require_operator(user, rule)
    why = why.strip()
    if not why:
        raise Invalid(mark("Shelving needs a reason."), remedy=mark("Say why in a sentence."))
    if not 1 <= minutes <= LONGEST_SHELF.total_seconds() / 60:
        raise Invalid(mark("An alarm may be shelved for one minute to seven days."))
    with transaction.atomic():
        until = timezone.now() + dt.timedelta(minutes=minutes)
        made, _ = Shelf.objects.update_or_create(
            rule=rule,
            device=device,
            defaults={"until": until, "why": why[:300], "created_by": user, "organisation": rule.organisation},
        )
        for alarm in _open(rule, device):
            alarm.state = Alarm.State.SHELVED
            alarm.save(update_fields=["state", "updated_at"])
            telling.withdraw(alarm)
        audit.record(user, "shelve", made, after=audit.state(made), reason=why)
    return made


def unshelve(shelf: Shelf, user: User | None = None) -> None:
    """End a shelving: an alarm that is still active speaks again."""
    if user is not None:
        _require_operator(user, shelf)
    with transaction.atomic():
        for alarm in Alarm.objects.filter(rule=shelf.rule_id, device=shelf.device_id, state=Alarm.State.SHELVED):
            alarm.state = rules.unshelved(
                active=alarm.active, acknowledged=alarm.acknowledged, latching=alarm.latching
            ).value
            alarm.save(update_fields=["state", "updated_at"])
            if alarm.state == Alarm.State.UNACKED:
                telling.plan(alarm)
        audit.record(user or "alarms", "unshelve", shelf, before=audit.state(shelf))
        shelf.delete()


def set_service(user: User, rule: AlarmRule, in_service: bool, why: str = "") -> None:
    """Take a rule out of service for maintenance, or back; what it had open is closed as out of service."""
    if not can_edit.test(user, rule):
        raise Forbidden(mark("You may not change alarm rules of {organisation}."), organisation=rule.organisation)
    with transaction.atomic():
        before = audit.state(rule)
        rule.in_service = in_service
        rule.save()
        left = Alarm.objects.filter(rule=rule)
        if in_service:
            left.filter(state=Alarm.State.OUT_OF_SERVICE).update(state=Alarm.State.NORMAL, active=False)
        else:
            left.exclude(state=Alarm.State.NORMAL).update(state=Alarm.State.OUT_OF_SERVICE, active=False)
        audit.record(user, "change", rule, before=before, after=audit.state(rule), reason=why)


def prepare(rule: AlarmRule) -> None:
    """Check and save a rule; raises :class:`Invalid`, and :class:`NotFound` for another organisation's device."""
    if rule.device is not None and rule.device.organisation_id != rule.organisation_id:
        raise NotFound(mark("{thing} belongs to another organisation."), thing=rule.device)
    if rule.device is None and not rule.type:
        raise Invalid(mark("A rule needs a device or an information model."))
    binding.check_rule(rule)
    rule.save()


def note(user: User, alarm: Alarm, text: str) -> Note:
    """Write something about an alarm."""
    _require_operator(user, alarm)
    if not text.strip():
        raise Invalid(mark("The note is empty."))
    return Note.objects.create(organisation=alarm.organisation, alarm=alarm, text=text.strip()[:500], created_by=user)


def sweep(now: dt.datetime | None = None) -> None:
    """What the time alone changes: shelves that are over, suppression that nobody needs to see any more."""
    now = now or timezone.now()
    for shelf in Shelf.objects.filter(until__lte=now).select_related("rule", "device", "organisation"):
        unshelve(shelf)
    Alarm.objects.filter(state=Alarm.State.SUPPRESSED, cleared_at__lte=now - SUPPRESSED_SHOWN).update(
        state=Alarm.State.NORMAL
    )


def unacknowledged(user: User) -> QuerySet[Alarm]:
    """Alarms that wait for ``user`` to take notice."""
    if not can_operate.test(user, None):
        return Alarm.objects.none()
    return Alarm.objects.visible_to(user).filter(state__in=(Alarm.State.UNACKED, Alarm.State.RETURNED))


def publish_all() -> None:
    """Tell streams every rule once more: after a bus that lost its buckets."""
    RuleOutbox.objects.bulk_create(
        RuleOutbox(organisation=org, rule=pk) for pk, org in AlarmRule.objects.values_list("pk", "organisation")
    )


def _open(rule: AlarmRule, device: Device) -> Iterable[Alarm]:
    return Alarm.objects.annunciated().filter(rule=rule, device=device)


def _locked(alarm: Alarm) -> Alarm:
    return Alarm.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=alarm.pk)


def _require_operator(user: User, thing: Alarm | AlarmRule | Shelf) -> None:
    if not can_operate.test(user, thing):
        raise Forbidden(
            mark("You may not handle alarms of {organisation}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            organisation=thing.organisation,
        )
