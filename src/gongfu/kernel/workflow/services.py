"""The door of workflow: what may be done now, and doing it."""

from __future__ import annotations

from django.db import models, transaction
from django.http import HttpRequest

from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.workflow.steps import Step, step, steps_of

__all__ = ["Step", "available", "find", "perform", "step", "steps_of"]


def available(thing: models.Model, user: User) -> list[Step]:
    """Steps that ``user`` may take with ``thing`` as it is now."""
    return [
        declared
        for declared in steps_of(type(thing))
        if getattr(thing, declared.field) in declared.source and declared.may.test(user, thing)
    ]


def find(model: type[models.Model], name: str) -> Step:
    """The step called ``name``; raises :class:`NotFound`."""
    for declared in steps_of(model):
        if declared.name == name:
            return declared
    raise NotFound(mark("There is no step {name}."), name=name[:50])


def perform(
    thing: models.Model, name: str, user: User, *, reason: str = "", request: HttpRequest | None = None
) -> models.Model:
    """Take a step, save and record it, in one transaction; returns the thing as it is afterwards.

    Of two people taking a step at once the second gets :class:`Conflict`, since the row is locked and read again.
    Raises also :class:`NotFound`, :class:`Forbidden`, and :class:`Invalid` when a reason is needed.
    """
    declared = find(type(thing), name)
    reason = reason.strip()
    if not declared.may.test(user, thing):
        raise Forbidden(
            mark("You may not do this: {step}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            step=declared.label,
        )
    if declared.reason and not reason:
        raise Invalid(mark("{step} needs a reason."), remedy=mark("Say why in a sentence."), step=declared.label)
    with transaction.atomic():
        fresh = type(thing)._default_manager.select_for_update(of=("self",)).get(pk=thing.pk)
        state = getattr(fresh, declared.field)
        if state not in declared.source:
            raise Conflict(
                mark("{thing} is {state} now; {step} is not possible."),
                remedy=mark("Load the page again."),
                thing=str(fresh),
                state=_display(fresh, declared.field),
                step=declared.label,
            )
        before = audit.state(fresh)
        getattr(fresh, name)(user, reason)
        fresh.save()
        audit.record(user, name, fresh, before=before, after=audit.state(fresh), reason=reason, request=request)
    return fresh


def _display(thing: models.Model, field: str) -> str:
    return str(getattr(thing, f"get_{field}_display")())
