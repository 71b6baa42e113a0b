"""Which panel judges which application, and its result in the application's story."""

from __future__ import annotations

from django.dispatch import receiver

from gongfu.governance.applications.models import Application, Step
from gongfu.governance.applications.procedure import State
from gongfu.governance.applications.records import EXPERTS, StepQuerySet
from gongfu.governance.review import services as review
from gongfu.governance.review.services import Panel
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark

SCORED = "scored"
LABEL = mark("Result of the expert review")
_SUBJECT = "applications:"


def subject(application: Application) -> str:
    """How the review module knows it; after an appeal that was granted it is judged anew."""
    again = _reopened(application).count()
    return f"{_SUBJECT}{application.pk}" + (f":{again}" if again else "")


def _reopened(application: Application) -> StepQuerySet:
    return Step.objects.filter(application=application, name="reopen")


def of(application: Application) -> Panel | None:
    """Its panel, unless that was cancelled."""
    return review.panel_of(application.office, subject(application))


def hold(application: Application) -> Panel | None:
    """Its open panel, locked: before the application is, as an expert's last marks lock them; ``None`` without one."""
    panel = of(application) if application.stage is State.REVIEW else None
    return review.locked(panel) if panel is not None and panel.is_open else None


def end(actor: User, application: Application, reason: str) -> bool:
    """Cancel its open panel, since it is not judged any more; whether there was one."""
    panel = of(application)
    if panel is None or not panel.is_open:
        return False
    review.end(actor, panel, reason)
    return True


def require_passed(application: Application) -> None:
    """Raise :class:`Conflict` unless the experts have come to a result, and a good one."""
    panel = of(application)
    if panel is None:
        last = _reopened(application).last()
        scored = Step.objects.filter(application=application, name=SCORED, pk__gt=last.pk if last else 0)
        if not scored.exists():
            raise Conflict(
                mark("The experts have not come to a result yet."), remedy=mark("Draw a panel and wait for its scores.")
            )
        return
    if panel.passed is None:
        raise Conflict(mark("The experts have not come to a result yet."), remedy=mark("Wait for their scores."))
    if not panel.passed:
        raise Conflict(
            mark("The experts gave {total} points: it did not pass."),
            remedy=mark("Refuse it with this reason."),
            total=panel.total,
        )


@receiver(review.decided, dispatch_uid="applications.panels")
def note_result(sender: type[Panel], panel: Panel, **_kwargs: object) -> None:
    """Write the result into the story, inside the transaction that decides it."""
    key = panel.subject.removeprefix(_SUBJECT).partition(":")[0]
    if not panel.subject.startswith(_SUBJECT) or not key.isdecimal():
        return
    application = Application.objects.select_for_update(of=("self",)).filter(pk=key).first()
    if application is None:
        return
    Step.objects.create(
        application=application,
        actor_name=EXPERTS,
        name=SCORED,
        label=LABEL,
        reason=f"{panel.total} · {'✓' if panel.passed else '✗'} {panel.reason}".strip(),
        internal=True,
    )
    application.version += 1
    application.save()
