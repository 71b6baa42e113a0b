"""The experts' part: a panel of the review module for an application, and what it came to."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest

from gongfu.governance.applications import forms, steps
from gongfu.governance.applications.models import Application
from gongfu.governance.applications.permissions import require_official
from gongfu.governance.applications.procedure import State
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Invalid
from gongfu.kernel.i18n import mark


def record_result(user: User, application: Application, said: str) -> None:
    """Enter what a panel that met elsewhere came to."""
    require_official(user, application)
    said = forms.check_text(said.strip(), 4000, lines=True)
    if not said:
        raise Invalid(mark("Say what the experts came to."))
    with transaction.atomic():
        fresh = steps.locked(application)
        if fresh.stage is not State.REVIEW:
            raise Conflict(mark("The experts are asked in the stage of expert review only."))
        steps.note(user, fresh, "scored", mark("Result of the expert review"), reason=said, internal=True)
        steps.save(fresh)
        audit.record(user, "scored", fresh, after=audit.state(fresh), reason=said)


def context(user: User, application: Application, *, official: bool) -> dict[str, object]:
    """What the page of an application shows of it."""
    return {"reviewing": official and application.stage is State.REVIEW}


def _record(request: HttpRequest, user: User, application: Application) -> None:
    record_result(user, application, request.POST.get("result", ""))


ACTS: dict[str, Callable[[HttpRequest, User, Application], None]] = {"scored": _record}
