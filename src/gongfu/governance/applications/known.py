"""What the platform knows of an applicant: the form begins with it, and it stands beside the application."""

from __future__ import annotations

from django.db.models import Count

from gongfu.governance.applications.models import Application, Notice
from gongfu.governance.assessments import services as assessments
from gongfu.identity.authentication import services as authentication
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.i18n import mark
from gongfu.platform.devices.models import Device


def prefilled(organisation: Organisation, user: User, notice: Notice) -> dict[str, str]:
    """Answers that need not be typed: from the licence that was verified, else from the registration on this node,
    and from the applicant's last application.
    """
    verified = authentication.verified(organisation)
    found = {
        "name": verified.name if verified else organisation.name,
        "credit_code": verified.credit_code if verified else organisation.credit_code,
        "contact_name": user.display_name,
    }
    last = (
        Application.objects.filter(organisation=organisation, submitted_at__isnull=False)
        .order_by("-submitted_at")
        .first()
    )
    if last is not None:
        kept = ("contact_name", "contact_phone", "account_holder", "bank", "account")
        found |= {name: last.answers[name] for name in kept if last.answers.get(name)}
    found.setdefault("account_holder", found["name"])
    return {name: text for name, text in found.items() if text}


def declared(organisation: Organisation) -> list[str]:
    """Conditions that what the platform knows speaks for; the applicant still declares them itself."""
    return ["legal_person"] if authentication.verified(organisation) else []


def snapshot(organisation: Organisation) -> list[list[str]]:
    """What the node counts by itself, as label (a marked text), value, and where it comes from (a marked text)."""
    verified = authentication.verified(organisation)
    devices = Device.objects.filter(organisation__path__startswith=organisation.path, life=Device.Life.IN_SERVICE)
    counted = devices.aggregate(every=Count("pk"), heard=Count("last_reading_at"))
    prefix = registry.prefix_of(organisation)
    assessed = assessments.latest(organisation)
    return [
        [
            mark("Business licence"),
            f"{verified.name} {verified.credit_code}" if verified else "–",
            mark("real-name review of this node"),
        ],
        [mark("Devices in service"), str(counted["every"]), mark("devices of this node")],
        [mark("Devices that have delivered readings"), str(counted["heard"]), mark("devices of this node")],
        [
            mark("Identifiers"),
            f"{prefix} · {registry.count(prefix)}" if prefix else "–",
            mark("identifier registry of this node"),
        ],
        [
            mark("Self-assessment"),
            f"{assessed.stage_title} {assessed.total} · {assessed.on:%Y-%m-%d}" if assessed else "–",
            mark("assessments of this node"),
        ],
    ]
