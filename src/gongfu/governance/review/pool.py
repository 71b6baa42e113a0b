"""The pool of experts: entering, accounts, sheets."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction

from gongfu.governance.review import sheet
from gongfu.governance.review.models import Expert
from gongfu.governance.review.services import require_official
from gongfu.governance.review.sheet import Fault
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Invalid
from gongfu.kernel.i18n import mark


@dataclass(frozen=True)
class Imported:
    """What became of a sheet; with ``faults`` nothing was changed."""

    entered: int
    changed: int
    faults: list[Fault]


@dataclass(frozen=True)
class Invitation:
    """An account that was just made; the password is shown this once."""

    username: str
    password: str


def save(expert: Expert, actor: User, new: bool) -> None:
    """Store a new or changed expert; raises :class:`Forbidden` for who is no official."""
    require_official(actor, expert.organisation)
    if new:
        expert.key, expert.created_by = uuid.uuid4().hex[:20], actor
    expert.save()


def invite(actor: User, expert: Expert, username: str = "") -> Invitation:
    """Make an account for ``expert`` that belongs to no organisation and sees its panels alone.

    Raises :class:`Conflict` when there is one or the name is taken.
    """
    require_official(actor, expert.organisation)
    with transaction.atomic():
        fresh = Expert.objects.select_for_update(of=("self",)).get(pk=expert.pk)
        if fresh.user_id is not None:
            raise Conflict(mark("{expert} can sign in already."), expert=fresh.name)
        password = secrets.token_urlsafe(12)
        name = username or f"expert-{fresh.key[:8]}"
        user = accounts.create_user(name, password, display_name=fresh.name)
        fresh.user = user
        fresh.save()
        audit.record(actor, "invite", fresh, after={"username": user.username})
    return Invitation(user.username, password)


class _Undo(Exception):
    """Leaves the transaction without its changes."""


def take(actor: User, office: Organisation, data: bytes, name: str) -> Imported:
    """Enter the experts of a sheet: all, or none and every wrong row. Who bears a known name and employer is changed.

    Raises :class:`Forbidden`, and :class:`Invalid` for what is no sheet.
    """
    require_official(actor, office)
    rows, faults = sheet.experts(data, name)
    entered = changed = 0
    try:
        with transaction.atomic():
            for row in rows:
                found = Expert.objects.filter(organisation=office, name=row.name, employer=row.employer).first()
                one = found or Expert(organisation=office, name=row.name, employer=row.employer)
                before = audit.state(one) if found else None
                for column in ("fields", "title", "employer_code", "phone", "declared", "former", "remark"):
                    if found is None or getattr(row, column):
                        setattr(one, column, getattr(row, column))
                try:
                    one.full_clean(exclude=["organisation", "key", "user", "created_by"], validate_constraints=False)
                except ValidationError as error:
                    column, messages = next(iter(error.message_dict.items()))
                    told = Invalid(mark("{field} cannot be used: {reason}"), field=column, reason=" ".join(messages))
                    faults.append(Fault(row.line, column, row.name, told))
                    continue
                save(one, actor, found is None)
                audit.record(actor, "change" if found else "create", one, before=before or {}, after=audit.state(one))
                entered, changed = entered + (found is None), changed + (found is not None)
            if faults:
                raise _Undo
    except _Undo:
        return Imported(0, 0, sorted(faults, key=lambda one: one.line)[: sheet.MOST_FAULTS])
    return Imported(entered, changed, [])
