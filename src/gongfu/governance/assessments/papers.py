"""The report of an assessment on A4."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from gongfu.governance.assessments import reading, services, showing, telling
from gongfu.governance.assessments.models import Assessment
from gongfu.governance.assessments.peers import Compared
from gongfu.governance.assessments.questions import Questionnaire
from gongfu.governance.assessments.reading import Step
from gongfu.governance.assessments.scoring import Result
from gongfu.governance.documents.model import Block, Document, Facts, Figure, Grid, Heading, Items, Printed, Text
from gongfu.governance.documents.services import Kind, as_file


def report(assessment: Assessment, kind: Kind) -> Printed:
    """As a file, with the characters that could not be shown."""
    return as_file(document(assessment), kind)


def document(assessment: Assessment) -> Document:
    """What the report says."""
    found = services.questionnaire_of(assessment)
    result = services.result(assessment)
    compared = reading.compared(assessment)
    on = timezone.localdate(assessment.submitted_at) if assessment.submitted_at else services.today()
    blocks: list[Block] = [
        Facts(tuple(_facts(assessment))),
        Heading(_("Conclusion")),
        Text(conclusion(found, result)),
        *_lacking(found, result),
        Heading(_("Scores")),
        _scores(found, result, compared),
        *_others(assessment, compared),
        Figure(showing.chart(found, result, compared), _("Scores of 100; axes in the order of the table")),
        *_years(assessment),
        Heading(_("What to do next")),
        *_steps(found, reading.road_map(assessment, result)),
        Heading(_("Answers")),
        _answers(assessment, found, result, compared),
    ]
    if assessment.remark:
        blocks += [Heading(_("Remark of the review")), Text(assessment.remark)]
    if found.ours:
        blocks.append(Text(telling.reason(found), small=True))
    blocks.append(Text(_("Sources: %(sources)s.") % {"sources": "；".join(found.sources)}, small=True))
    return Document(
        _("%(title)s: report") % {"title": telling.title(found)},
        tuple(blocks),
        under=_("%(year)d, version %(version)d, %(state)s")
        % {"year": assessment.year, "version": assessment.version, "state": assessment.get_state_display()},
        signature=str(assessment.organisation),
        date=on,
        language="en" if telling.english() else "zh",
    )


def _facts(assessment: Assessment) -> list[tuple[str, str]]:
    facts = [(_("Enterprise"), str(assessment.organisation))]
    if assessment.organisation.credit_code:
        facts.append((_("Unified social credit code"), assessment.organisation.credit_code))
    facts += [
        (_("Industry"), telling.industry(assessment.industry)),
        (_("Size of the enterprise"), assessment.get_size_display()),
    ]
    if assessment.office:
        facts.append((_("Handed in to"), str(assessment.office)))
    return facts


def conclusion(found: Questionnaire, result: Result) -> str:
    """Score and stage in a sentence; what is missing, if anything."""
    if result.stage is None or result.total.low is None:
        return _("No question applies: there is nothing to assess.")
    if not result.complete:
        return _(
            "%(missing)d of %(asked)d answers are missing: the score lies between %(low)s and %(high)s, and the "
            "%(word)s is at least %(stage)s."
        ) % {
            "missing": len(result.missing),
            "asked": result.total.asked,
            "low": telling.points(result.total.low),
            "high": telling.points(result.total.high or result.total.low),
            "word": telling.stage_word(found),
            "stage": telling.title(result.stage),
        }
    return _("The score is %(total)s of 100; the %(word)s is %(stage)s. %(advice)s") % {
        "total": telling.points(result.total.low),
        "word": telling.stage_word(found),
        "stage": telling.title(result.stage),
        "advice": telling.advice(result.stage),
    }


def _lacking(found: Questionnaire, result: Result) -> list[Block]:
    said = telling.lacks(found, result)
    return [Text(said)] if said else []


def _scores(found: Questionnaire, result: Result, compared: Compared | None) -> Grid:
    heads = [_("No."), _("Dimension"), _("Weight, percent"), _("Score")] + ([_("Others")] if compared else [])
    rows = []
    for number, one in enumerate(found.dimension, 1):
        score = result.dimensions[one.key]
        own = telling.points(score.low) if score.low is not None else _("does not apply")
        if score.low is not None and score.high is not None and score.high > score.low:
            own = f"{own}–{telling.points(score.high)}"
        row = [str(number), telling.title(one), telling.points(result.weights[one.key]), own]
        if compared:
            others = compared.dimensions.get(one.key)
            row.append(telling.points(others) if others is not None else "–")
        rows.append(tuple(row))
    widths = (1.0, 4.0, 2.0, 2.0, 2.0)[: len(heads)]
    return Grid(tuple(heads), tuple(rows), widths, frozenset({2, 3, 4}))


def _others(assessment: Assessment, compared: Compared | None) -> list[Block]:
    if compared is None:
        said = _("Of fewer than %(k)d other enterprises nothing is shown.") % {"k": reading.fewest()}
        return [Text(said, small=True)]
    group = telling.group(compared, assessment.industry, assessment.get_size_display())
    said = _("Others: %(group)s; their mean is %(mean)s, rounded to %(step)s points.") % {
        "group": group,
        "mean": telling.points(compared.total),
        "step": f"{compared.step:f}",
    }
    return [Text(said, small=True)]


def _years(assessment: Assessment) -> list[Block]:
    trend = showing.trend(assessment)
    if len(trend.years) < 2:
        return []
    heads = (_("Dimension"), *(str(one.assessment.year) for one in trend.years))
    rows = [(title, *(telling.points(one) if one is not None else "–" for one in cells)) for title, cells in trend.rows]
    rows.append((_("Total"), *(telling.points(one.total) for one in trend.years)))
    rows.append((telling.stage_word(assessment.asked), *trend.stages))
    right = frozenset(range(1, len(heads)))
    blocks: list[Block] = [Heading(_("Over the years")), Grid(heads, tuple(rows), right=right)]
    if trend.other_weights:
        blocks.append(Text(_("The weights were changed in between."), small=True))
    return blocks


def _steps(found: Questionnaire, steps: list[Step]) -> list[Block]:
    if not steps:
        return [Text(_("Nothing that the questionnaire could tell would raise the score."))]
    said = []
    for one in steps:
        text = _("%(step)s (%(question)s: to “%(better)s”, %(gain)s points)") % {
            "step": telling.step(one.line.question).rstrip("。."),
            "question": telling.words(one.line.question).rstrip("？?"),
            "better": telling.value(found, one.line.question, one.line.better),
            "gain": f"+{telling.points(one.line.gain)}",
        }
        text += "." if telling.english() else "。"
        if one.payments:
            clauses = ", ".join(f"{pay.clause.cite} {_title(pay)}" for pay in one.payments)
            text += _(" May be paid by: %(clauses)s.") % {"clauses": clauses}
        if one.providers:
            text += _(" Providers: %(names)s.") % {"names": ", ".join(provider.name for provider in one.providers)}
        said.append(text)
    return [Items(tuple(said))]


def _title(pay: reading.Payment) -> str:
    return pay.clause.title_en if telling.english() else pay.clause.title


def _answers(assessment: Assessment, found: Questionnaire, result: Result, compared: Compared | None) -> Grid:
    heads = (_("No."), _("Question"), _("Answer given"), _("Points"), _("Adds"), _("Rests on"))
    rows = []
    for part in showing.of(assessment, result, found, compared):
        for one in part.asked:
            line = one.line
            rests = [paper.name for paper in one.evidence]
            if one.answer is not None and one.answer.confirmed:
                rests.append(one.source)
            if one.answer is not None and one.answer.correction:
                rests.append(
                    _("corrected, was %(stated)s: %(why)s")
                    % {
                        "stated": one.stated,
                        "why": one.answer.correction,
                    }
                )
            rows.append(
                (
                    one.question.key,
                    telling.words(one.question),
                    one.said,
                    telling.points(line.points) if line.points is not None else "–",
                    telling.points(line.got) if line.points is not None else "–",
                    "; ".join(rests),
                )
            )
    return Grid(heads, tuple(rows), (1.4, 6, 4.5, 1.5, 1.5, 4), frozenset({3, 4}))
