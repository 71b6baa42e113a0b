"""The experts' part: a panel of the review module for an application, blind, and what it came to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.governance.applications import forms, panels, steps, sums
from gongfu.governance.applications.models import Application
from gongfu.governance.applications.permissions import require_official
from gongfu.governance.applications.procedure import State
from gongfu.governance.review import services as review
from gongfu.governance.review.services import Criterion, Panel, PanelDraft, Party
from gongfu.governance.support.rules import Words
from gongfu.identity.authentication import services as authentication
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Invalid
from gongfu.kernel.i18n import mark

CRITERIA = (
    Criterion(
        key="plan",
        title="方案先进性与可行性",
        title_en="Plan: advanced and feasible",
        weight=Decimal(35),
        least=Decimal(40),
    ),
    Criterion(key="integration", title="集成与互联互通程度", title_en="Integration and connection", weight=Decimal(25)),
    Criterion(
        key="investment", title="投入真实性与合理性", title_en="Expenses: real and reasonable", weight=Decimal(20)
    ),
    Criterion(key="effect", title="成效与示范作用", title_en="Effect and example", weight=Decimal(20)),
)
"""青浦附件2 names no criteria: titles and weights are ours, and may be weighed otherwise for each panel."""


def record_result(user: User, application: Application, said: str) -> None:
    """Enter what a panel that met elsewhere came to. Raises :class:`Conflict` while a panel of this node judges."""
    require_official(user, application)
    said = forms.check_text(said.strip(), 4000, lines=True)
    if not said:
        raise Invalid(mark("Say what the experts came to."))
    with transaction.atomic():
        fresh = steps.locked(application)
        _require_stage(fresh)
        if panels.of(fresh) is not None:
            raise Conflict(mark("A panel of this node judges it."), remedy=mark("Wait for its result, or cancel it."))
        steps.note(user, fresh, panels.SCORED, panels.LABEL, reason=said, internal=True)
        steps.save(fresh)
        audit.record(user, panels.SCORED, fresh, after=audit.state(fresh), reason=said)


def _require_stage(application: Application) -> None:
    if application.stage is not State.REVIEW:
        raise Conflict(mark("The experts are asked in the stage of expert review only."))


def extract(application: Application) -> list[tuple[str, str]]:
    """What experts may see: nothing in it says who applies."""
    clause, language = sums.clause_of(application), get_language()
    rows = [(_("Clause"), f"{Words(clause.title, clause.title_en).in_language(language)}（{clause.cite}）")]
    for one in forms.fields(clause):
        text = application.answers.get(one.name, "").strip()
        if one.name in ("matter", "year", "basis", "summary") and text:
            rows.append((one.text(language), blind(text, application)))
    return rows


def blind(text: str, application: Application) -> str:
    """``text`` with whatever names the applicant replaced."""
    organisation = application.organisation
    stem = re.sub(r"(股份)?有限(责任)?公司$|集团$|厂$", "", application.name)
    secret = {application.name, organisation.name, organisation.name_en, application.credit_code, stem}
    secret |= {application.answers.get(name, "").strip() for name in ("contact_name", "contact_phone")}
    for one in sorted((each for each in secret if len(each) > 1), key=len, reverse=True):
        text = text.replace(one, "×××")
    return text


def open_panel(
    user: User,
    application: Application,
    *,
    title: str,
    rows: Sequence[tuple[str, str]],
    places: Sequence[str],
    weights: Sequence[Decimal],
) -> Panel:
    """Open a panel and draw its experts by lot; whoever has to do with the applicant is not in it.

    Raises what :func:`gongfu.governance.review.services.open_panel` and ``draw`` raise: nothing is left of a panel that
    cannot be filled.
    """
    require_official(user, application)
    verified = authentication.verified(application.organisation)
    party = Party(
        name=application.name,
        code=application.credit_code,
        legal=verified.representative if verified else "",
        phones=tuple(one for one in (application.answers.get("contact_phone", "").strip(),) if one),
    )
    if len(weights) != len(CRITERIA):
        raise Invalid(mark("The form was sent incomplete."), remedy=mark("Load the page again."))
    criteria = [
        Criterion(key=one.key, title=one.title, title_en=one.title_en, weight=weight, least=one.least)
        for one, weight in zip(CRITERIA, weights, strict=True)
    ]
    with transaction.atomic():
        fresh = steps.locked(application)
        _require_stage(fresh)
        draft = PanelDraft(
            subject=panels.subject(fresh),
            title=title,
            extract=list(rows),
            parties=[party],
            criteria=criteria,
            places=list(places),
            number=fresh.number,
            workdays=fresh.notice.stage_days[State.REVIEW],
        )
        panel = review.open_panel(user, fresh.office, draft)
        review.draw(user, panel)
        steps.save(fresh)
        said = f"{len(places)} · {panel.title}"
        steps.note(user, fresh, "panel", mark("Drew experts by lot"), reason=said, internal=True)
    return panel


def context(user: User, application: Application, *, official: bool) -> dict[str, object]:
    """What the page of an application shows of it."""
    panel = panels.of(application) if official else None
    found: dict[str, object] = {"reviewing": official and (application.stage is State.REVIEW or panel is not None)}
    if not found["reviewing"]:
        return found
    if panel is not None:
        return found | {"panel": panel, "panel_status": review.status(panel)}
    clause = sums.clause_of(application)
    language = get_language()
    return found | {
        "extract": "\n".join(f"{label}：{' '.join(text.split())}" for label, text in extract(application)),
        "panel_title": Words(clause.title, clause.title_en).in_language(language),
        "criteria": [(one.key, Words(one.title, one.title_en).in_language(language), one.weight) for one in CRITERIA],
    }


def _record(request: HttpRequest, user: User, application: Application) -> None:
    record_result(user, application, request.POST.get("result", ""))


def _panel(request: HttpRequest, user: User, application: Application) -> None:
    given = request.POST
    rows = []
    for line in given.get("extract", "").splitlines():
        label, _colon, text = line.replace(":", "：", 1).partition("：") if "：" not in line else line.partition("：")
        if line.strip():
            rows.append((label.strip()[:60], forms.check_text(text.strip(), 4000)))
    places = [one.strip()[:60] for one in re.split(r"[,，、;；\n]", given.get("fields", ""))]
    number = given.get("number", "3")
    if not re.fullmatch(r"[0-9]{1,2}", number):
        raise Invalid(mark("{value} is no number of experts."), value=number[:20])
    named = [one for one in places if one]
    places = [*named, *([""] * max(0, int(number) - len(named)))]
    weights = [forms.money(given.get(f"weight-{one.key}", "")) for one in CRITERIA]
    open_panel(user, application, title=given.get("title", ""), rows=rows, places=places, weights=weights)


ACTS: dict[str, Callable[[HttpRequest, User, Application], None]] = {"scored": _record, "panel": _panel}
