"""Versions of documents made in the console: a draft for what-if, in force only by a second person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec
from django.db import transaction
from django.utils import timezone

from gongfu.governance.support.models import SchemeVersion
from gongfu.governance.support.permissions import keeps_ledger
from gongfu.governance.support.schemes import Change, Scheme, built_in, changed, in_force
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark

State = SchemeVersion.State


def schemes_of(office: Organisation | None) -> tuple[Scheme, ...]:
    """Those that come with Gongfu, and what ``office`` or one above it has put into force; None: whatever office."""
    found = SchemeVersion.objects.filter(state=State.IN_FORCE).select_related("organisation").order_by("pk")
    if office is not None:
        found = found.filter(organisation__path__in=_paths(office.path))
    return (*built_in(), *(built(one) for one in found))


def _paths(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: number + 1]) + "/" for number in range(len(parts))]


def families(office: Organisation | None) -> list[str]:
    """Documents that can be chosen."""
    return list(dict.fromkeys(one.family for one in schemes_of(office)))


def current(office: Organisation | None, family: str, on: dt.date) -> Scheme:
    """The version of that day; where none is in force the newest, whose clauses an old payment may still name."""
    known = schemes_of(office)
    try:
        return in_force(known, family, on)
    except NotFound:
        of_family = [one for one in known if one.family == family]
        if not of_family:
            raise
        return max(of_family, key=lambda one: one.in_force)


def by_key(user: User, key: str) -> Scheme:
    """Any version ``user`` may look at, drafts of the own office included. Raises :class:`NotFound`."""
    for scheme in schemes_of(None):
        if scheme.key == key:
            return scheme
    for version in SchemeVersion.objects.visible_to(user).select_related("organisation"):
        if str(version) == key and keeps_ledger.test(user, version.organisation):
            return built(version)
    raise NotFound(mark("There is no document {key}."), remedy=mark("Choose one from the list."), key=repr(key[:81]))


def built(version: SchemeVersion) -> Scheme:
    """The scheme that ``version`` describes. Raises :class:`NotFound` when what it is based on is gone."""
    changes = msgspec.convert(version.changes, dict[str, dict[str, str | int | bool | list[dict[str, str]]]])
    scheme = changed(_base(version), changes)
    return msgspec.structs.replace(
        scheme,
        version=version.version,
        in_force=version.begins_on,
        until=version.ends_on,
        until_words=version.reason,
    )


def _base(version: SchemeVersion, depth: int = 0) -> Scheme:
    for scheme in built_in():
        if scheme.key == version.based_on:
            return scheme
    if depth < 50:
        others = SchemeVersion.objects.filter(family=version.family, organisation=version.organisation)
        for other in others.exclude(pk=version.pk):
            if str(other) == version.based_on:
                below = _base(other, depth + 1)
                return changed(below, other.changes)
    raise NotFound(mark("There is no document {key}."), key=repr(version.based_on))


def draft(
    user: User,
    office: Organisation,
    base: Scheme,
    changes: Mapping[str, Change],
    *,
    version: str,
    begins_on: dt.date,
    ends_on: dt.date,
    reason: str,
) -> SchemeVersion:
    """A draft with other figures; nobody is judged by it. Raises :class:`Forbidden`, :class:`Invalid`."""
    _require(user, office)
    changed(base, changes)
    if not changes:
        raise Invalid(mark("Nothing is different in this draft."), remedy=mark("Change a figure first."))
    if not reason.strip() or ends_on < begins_on:
        raise Invalid(mark("A draft needs a reason, and an end that is not before its beginning."))
    if any(one.family == base.family and one.version == version for one in built_in()):
        raise Conflict(mark("There is a version {version} already."), version=version)
    made = SchemeVersion(
        organisation=office,
        family=base.family,
        version=version,
        based_on=base.key,
        changes={key: dict(fields) for key, fields in changes.items()},
        begins_on=begins_on,
        ends_on=ends_on,
        reason=reason.strip()[:300],
        created_by=user,
    )
    if not version or len(version) > 40 or not all(one.isascii() and (one.isalnum() or one in "-_") for one in version):
        raise Invalid(mark("A version is called by letters, digits and dashes, such as 2024."))
    with transaction.atomic():
        if SchemeVersion.objects.filter(organisation=office, family=base.family, version=version).exists():
            raise Conflict(mark("There is a version {version} already."), version=version)
        made.save()
        audit.record(user, "create", made, after=audit.state(made))
    return made


def propose(user: User, version: SchemeVersion) -> SchemeVersion:
    """Ask a second person to put a draft into force."""
    return _moved(user, version, State.DRAFT, State.PROPOSED)


def put_into_force(user: User, version: SchemeVersion) -> SchemeVersion:
    """By somebody who neither made nor proposed it; raises :class:`Forbidden` for these two.

    A version never begins before the day it is decided: what was judged stays judged.
    """
    return _moved(user, version, State.PROPOSED, State.IN_FORCE)


def withdraw(user: User, version: SchemeVersion) -> SchemeVersion:
    """Give a draft or proposal up, or end a version that is in force with the day of today."""
    return _moved(user, version, None, State.WITHDRAWN)


def propose_step(user: User, version: SchemeVersion) -> None:
    """:func:`propose` as a button."""
    propose(user, version)


def force_step(user: User, version: SchemeVersion) -> None:
    """:func:`put_into_force` as a button."""
    put_into_force(user, version)


def withdraw_step(user: User, version: SchemeVersion) -> None:
    """:func:`withdraw` as a button."""
    withdraw(user, version)


def _moved(user: User, version: SchemeVersion, from_state: State | None, to: State) -> SchemeVersion:
    with transaction.atomic():
        found = SchemeVersion.objects.select_for_update(of=("self",)).select_related("organisation")
        locked = found.filter(pk=version.pk).first()
        if locked is None:
            raise NotFound(mark("There is no such version."))
        _require(user, locked.organisation)
        before, today = audit.state(locked), timezone.localdate()
        if (from_state and locked.state != from_state) or locked.state == State.WITHDRAWN:
            raise Conflict(
                mark("{version} is in the state “{state}” by now."),
                remedy=mark("Look at it again: somebody else may have decided."),
                version=locked,
                state=locked.get_state_display(),
            )
        if to == State.PROPOSED:
            locked.proposed_by = user
        if to == State.IN_FORCE:
            if user.pk in (locked.created_by_id, locked.proposed_by_id):
                raise Forbidden(
                    mark("Who made or proposed a version cannot put it into force."),
                    remedy=mark("Ask a second person of the office."),
                )
            if locked.begins_on < today:
                raise Conflict(
                    mark("It would begin on {day}, which has passed: what was judged stays judged."),
                    remedy=mark("Make a draft that begins today or later."),
                    day=locked.begins_on.isoformat(),
                )
        if to == State.WITHDRAWN and locked.state == State.IN_FORCE and locked.begins_on <= today:
            locked.ends_on = today
        else:
            locked.state = to
        if to in (State.IN_FORCE, State.WITHDRAWN):
            locked.decided_by, locked.decided_at = user, timezone.now()
        locked.save()
        audit.record(user, "change", locked, before=before, after=audit.state(locked))
    return locked


def _require(user: User, office: Organisation) -> None:
    if not keeps_ledger.test(user, office):
        raise Forbidden(
            mark("You may not change documents of {office}."),
            remedy=mark("Ask an administrator of the authority for the role of an engineer."),
            office=office,
        )
