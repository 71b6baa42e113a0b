"""Official documents of the procedure: notice, receipt, public notice, decision, list of payments, the whole story."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.governance.applications import forms, sums
from gongfu.governance.applications.models import Application, Notice, Publication
from gongfu.governance.applications.procedure import NAMES, State
from gongfu.governance.applications.records import Instalment, masked_account
from gongfu.governance.applications.templatetags.applications import moment, until
from gongfu.governance.documents.model import Block, Document, Facts, Grid, Heading, Items, Language, Text
from gongfu.governance.support.rules import Words
from gongfu.governance.support.schemes import Clause
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import translate
from gongfu.kernel.workdays.rules import CHINA


def yuan(amount: Decimal | None) -> str:
    """¥8,500.00; a dash for nothing known."""
    return "–" if amount is None else f"¥{amount:,.2f}"


def title(clause: Clause) -> str:
    """What a clause is called."""
    return Words(clause.title, clause.title_en).in_language(get_language())


def _language() -> Language:
    return "en" if (get_language() or "").startswith("en") else "zh"


def notice(one: Notice) -> Document:
    """申报通知."""
    scheme = sums.scheme_of(one)
    blocks: list[Block] = [Text(line) for line in one.text.splitlines() if line.strip()]
    blocks.append(Heading(_("What can be applied for")))
    for key in one.clauses:
        clause = scheme.find(key)
        blocks += [Heading(title(clause), 2), Text(f"{clause.words}（{clause.cite}）")]
    if one.audience:
        blocks += [Heading(_("For whom")), Text(one.audience)]
    window = _("From %(first)s until %(last)s 24:00, Beijing time.") % {
        "first": _day(one.opens_on),
        "last": _day(one.closes_on),
    }
    blocks += [Heading(_("Window")), Text(window)]
    if one.papers:
        blocks += [Heading(_("Papers")), Items(tuple(name for _key, name in one.papers))]
    blocks.append(Heading(_("Procedure")))
    rows = tuple(
        (translate(NAMES[stage]), str(days))
        for stage, days in one.stage_days.items()
        if stage not in one.stages_left_out and stage in _SHOWN
    )
    blocks.append(Grid((_("Stage"), _("Working days")), rows, (3, 1), frozenset({1})))
    if one.lapses:
        blocks.append(Text(_("An application that is not completed in time counts as withdrawn.")))
    if one.contact:
        blocks += [Heading(_("Contact")), Text(one.contact)]
    published = one.published_at.astimezone(CHINA).date() if one.published_at else None
    return Document(
        one.title,
        tuple(blocks),
        issuer=str(one.organisation),
        number=one.number,
        to=_("To all enterprises concerned"),
        signature=str(one.organisation),
        date=published,
        seal=True,
        language=_language(),
    )


_SHOWN = (
    *(State.SUBMITTED, State.RETURNED, State.JOINT, State.REVIEW, State.CONSULT, State.PUBLIC, State.DELIBERATION),
    State.APPROVED,
)


def receipt(one: Application) -> Document:
    """受理回执: what came in, when, with which files."""
    facts = (
        (_("Receipt number"), one.number),
        (_("Notice of support"), f"{one.notice.title} {one.notice.number}"),
        (_("Clause"), f"{one.clause} {title(sums.clause_of(one))}"),
        (_("Enterprise"), one.name),
        (_("Unified social credit code"), one.credit_code),
        (_("Matter"), one.matter),
        (_("Handed in"), moment(one.submitted_at)),
    )
    rows = tuple((file.name, f"{file.size:,}", file.sha256) for file in one.attachments.all())
    return Document(
        _("Receipt for an application"),
        (
            Facts(facts),
            Heading(_("Files")),
            Grid((_("File"), _("Bytes"), "SHA-256"), rows, (4, 2, 6), frozenset({1})) if rows else Text(_("None")),
            Text(_("The first check takes %(days)d working days.") % {"days": one.notice.stage_days[State.SUBMITTED]}),
        ),
        number=one.number,
        signature=str(one.office),
        date=one.applied_on,
        seal=True,
        language=_language(),
    )


def public_notice(one: Publication) -> Document:
    """公示."""
    rows = tuple(
        (str(number), each.name, each.matter, each.clause, yuan(each.proposed))
        for number, each in enumerate(one.listed.order_by("name", "pk"), 1)
    )
    said = _(
        "Everybody may object with his name from %(first)s until %(last)s 24:00, on the page of this notice"
        " or in writing."
    ) % {"first": _day(one.begins_on), "last": _day(one.ends_on)}
    contact = [Text(_("Contact: %(contact)s") % {"contact": one.notice.contact})] if one.notice.contact else []
    return Document(
        one.title,
        (
            *(Text(line) for line in one.text.splitlines() if line.strip()),
            Text(said),
            *contact,
            Grid(
                (_("No."), _("Enterprise"), _("Matter"), _("Clause"), _("Sum (CNY)")),
                rows,
                (1, 5, 5, 1.5, 3),
                frozenset({4}),
            ),
        ),
        signature=str(one.organisation),
        date=one.begins_on,
        seal=True,
        language=_language(),
    )


def decision(one: Application) -> Document:
    """What was decided, on which ground, and what can be done against it."""
    step = one.steps.filter(name__in=("approve", "refuse", "uphold", "revoke")).last()
    blocks: list[Block] = [Facts(((_("Receipt number"), one.number), (_("Matter"), one.matter)))]
    granted = one.approved is not None and step is not None and step.name == "approve"
    if granted:
        said = _("By the result of review and public notice %(sum)s are granted for your application.")
        blocks += [Text(said % {"sum": yuan(one.approved)}), Heading(_("How the sum comes about")), *_lines(one)]
        rows = tuple(
            (str(part.position), yuan(part.amount), _day(part.due_on), _after(part)) for part in one.instalments.all()
        )
        heads = (_("No."), _("Sum (CNY)"), _("Due on"), _("After"))
        blocks += [Heading(_("Instalments")), Grid(heads, rows, (1, 3, 3, 5), frozenset({1}))]
    elif step is not None:
        blocks += [Text(_("Your application is not supported.")), Heading(_("Reason")), Text(step.reason)]
        if step.name == "refuse":
            days = one.notice.stage_days[State.REFUSED]
            blocks.append(Text(_("You may appeal once to this office within %(days)d working days.") % {"days": days}))
    return Document(
        _("Decision on support") if granted else _("Decision not to support"),
        tuple(blocks),
        issuer=str(one.office),
        number=step.document if step is not None else "",
        to=one.name,
        signature=str(one.office),
        date=step.at.astimezone(CHINA).date() if step is not None else None,
        seal=True,
        language=_language(),
    )


def _after(part: Instalment) -> str:
    return "；".join(text for text in (part.after, _("final inspection") if part.after_inspection else "") if text)


def _lines(one: Application) -> list[Block]:
    try:
        result = sums.result(one, decided=one.approved)
    except GongfuError as error:
        return [Text(error.text())]
    rows = tuple((line.cite, line.text(), yuan(line.amount)) for line in result.lines)
    return [Grid((_("According to"), _("What follows"), _("Stands at")), rows, (2.5, 6, 2.5), frozenset({2}))]


def payments(office: str, parts: Iterable[Instalment], on: dt.date) -> Document:
    """拨付清单: what is to be paid now, to whom."""
    found = list(parts)
    rows = tuple(
        (
            str(number),
            part.application.name,
            part.application.matter,
            f"{part.application.bank} {part.application.account}",
            yuan(part.amount),
        )
        for number, part in enumerate(found, 1)
    )
    total = sum((part.amount for part in found), Decimal(0))
    heads = (_("No."), _("Enterprise"), _("Matter"), _("Account"), _("Sum (CNY)"))
    return Document(
        _("List of payments"),
        (
            Grid(heads, (*rows, ("", _("Total"), "", "", yuan(total))), (1, 4, 4, 5, 3), frozenset({4})),
            Text(_("Prepared by:            Checked by:            Approved by:"), small=True),
        ),
        signature=office,
        date=on,
        language=_language(),
    )


def story(one: Application, *, internal: bool) -> Document:
    """Everything: the form, the sum, what happened; ``internal`` with what only the office may read."""
    clause = sums.clause_of(one)
    language = get_language()
    typed = [(field.text(language), one.answers.get(field.name, "")) for field in forms.fields(clause)]
    if not internal:
        typed = [(label, text if text != one.account else masked_account(text)) for label, text in typed]
    every = one.steps.all() if internal else one.steps.filter(internal=False)
    rows = tuple((moment(step.at), step.who, _said(step.said, step.into, step.reason, step.document)) for step in every)
    files = tuple((file.name, file.sha256) for file in one.attachments.all())
    blocks: list[Block] = [
        Facts(
            (
                (_("Receipt number"), one.number or "–"),
                (_("Stage"), one.stage_name),
                (_("Deadline"), until(one.deadline)),
                (_("Clause"), f"{clause.cite} {title(clause)}"),
            )
        ),
        Heading(_("The application")),
        Facts(tuple((label, text) for label, text in typed if text)),
        Heading(_("What it comes to")),
        *_lines(one),
        Heading(_("Story")),
        Grid((_("Time"), _("Who"), _("Step taken")), rows, (2.5, 2, 7)),
    ]
    if files:
        blocks += [Heading(_("Files")), Grid((_("File"), "SHA-256"), files, (4, 6))]
    return Document(str(one), tuple(blocks), number=one.number, language=_language())


def _said(what: str, into: str, reason: str, document: str) -> str:
    return "；".join(part for part in (f"{what} → {into}" if into else what, document, reason) if part)


def _day(day: dt.date) -> str:
    return day.isoformat() if _language() == "en" else f"{day.year}年{day.month}月{day.day}日"
