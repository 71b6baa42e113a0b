"""Codes of every scheme for programs: what a code is and who answers for it."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from gongfu.identity.schemes import codes, services
from gongfu.identity.schemes.asking import Fact
from gongfu.identity.schemes.linkset import Link, expanded
from gongfu.identity.schemes.types import Candidate
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import translate
from gongfu.kernel.pages import errors
from gongfu.kernel.pages.api import FAILURES

router = Router()


class CodePart(BaseModel):
    """A piece of a code by name; ``number`` is the GS1 application identifier, empty elsewhere."""

    name: str
    value: str
    number: str


class CodeReading(BaseModel):
    """One way to read the text; ``problem`` says why it is not valid."""

    scheme: str
    kind: str
    score: int
    reason: str
    valid: bool
    code: str
    parts: list[CodePart]
    problem: str


class CodeFact(BaseModel):
    """One line of an answer."""

    name: str
    value: str


class CodeLink(BaseModel):
    """One link of an answer."""

    linktype: str
    href: str
    title: str
    hreflang: list[str]
    type: str
    default: bool


class CodeProblem(BaseModel):
    """Why there is no answer."""

    code: str
    message: str
    remedy: str


class CodeReport(BaseModel):
    """Everything about one code. ``answered_by`` is ``here``, the authority's address, or empty."""

    text: str
    readings: list[CodeReading]
    answered_by: str
    handle: str
    page: str
    facts: list[CodeFact]
    links: list[CodeLink]
    problem: CodeProblem | None


class CodeAsked(BaseModel):
    """What the address takes beside the code."""

    ask: bool = Field(True, description="Whether to ask the scheme's authority when this node has no answer")


@router.get("/codes/{path:code}", response={200: CodeReport} | FAILURES, operation_id="identity_codes_get")
def get_code(
    request: HttpRequest, code: Annotated[str, Field(max_length=codes.LONGEST)], asked: Query[CodeAsked]
) -> CodeReport:
    """What a code of any scheme is, whether it is valid, who answers for it, and the answer. Escape ``?`` and ``#``."""
    report = services.look_up(code, ask=asked.ask)
    facts: list[Fact] = list(report.here.facts if report.here else report.answer.facts if report.answer else ())
    links: list[Link] = list(report.here.links if report.here else report.answer.links if report.answer else ())
    return CodeReport(
        text=report.text,
        readings=[_reading(candidate) for candidate in report.candidates],
        answered_by="here" if report.here else report.route.server if report.route else "",
        handle=report.here.handle if report.here else "",
        page=report.here.page if report.here else "",
        facts=[CodeFact(name=fact.name, value=fact.value) for fact in facts],
        links=[
            CodeLink(
                linktype=expanded(link.linktype),
                href=link.href,
                title=link.title,
                hreflang=list(link.hreflang),
                type=link.media_type,
                default=link.default,
            )
            for link in links
        ],
        problem=_problem(report.problem) if report.problem else None,
    )


def _reading(candidate: Candidate) -> CodeReading:
    found = candidate.identifier
    return CodeReading(
        scheme=candidate.scheme.value,
        kind=candidate.kind,
        score=candidate.score,
        reason=translate(candidate.reason),
        valid=candidate.valid,
        code=found.code if found else "",
        parts=[
            CodePart(name=translate(part.name), value=part.value, number=part.number)
            for part in (found.parts if found else ())
        ],
        problem=candidate.error.text() if candidate.error else "",
    )


def _problem(error: GongfuError) -> CodeProblem:
    shown = errors.body(error)
    return CodeProblem(code=str(shown["code"]), message=str(shown["message"]), remedy=str(shown["remedy"]))
