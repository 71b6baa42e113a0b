"""A questionnaire: dated, cited questions with weights and stages, read from ``questionnaires/``. Pure.

A new version is a new file of the same family. Where official weights or thresholds are not public they are ours: the
file says so (``ours = true``) with the reason, and every page repeats it.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec

from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark

HUNDRED: Final = Decimal(100)
MOST: Final = Decimal("1000000000000")
"""A number beyond is a slip of the pen."""
Kind = Literal["choice", "yesno", "percent", "number"]
Topic = Literal[
    "connection", "cloud", "software", "integration", "identifiers", "data", "security", "people", "standard", "energy"
]


class Option(msgspec.Struct, frozen=True):
    """One of several answers; ``points`` of 100."""

    key: str
    text: str
    text_en: str
    points: Decimal


class Proposes(msgspec.Struct, frozen=True):
    """A measured fact of at least so much proposes this option."""

    at_least: Decimal
    option: str


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question, in our own words."""

    key: str
    """The same in every version."""
    dimension: str
    text: str
    text_en: str
    help: str = ""
    help_en: str = ""
    kind: Kind = "choice"
    weight: Decimal = Decimal(1)
    """Among the questions of its dimension."""
    scale: str = ""
    """Takes the options of that scale."""
    option: tuple[Option, ...] = ()
    zero: Decimal = Decimal(0)
    """A number or percentage that gives nothing; above ``full`` where less is better."""
    full: Decimal = HUNDRED
    """One that gives 100 points; in between in proportion."""
    unit: str = ""
    unit_en: str = ""
    measure: str = ""
    """A fact of this node that proposes the answer: a key of ``measured.FACTS``."""
    proposes: tuple[Proposes, ...] = ()
    """For options: which one the fact proposes, least first. A number or percentage is proposed as it is."""
    evidence: bool = False
    """Whether a good answer needs a paper or a link."""
    skippable: bool = False
    """Whether it may not apply, with a reason."""
    topic: Topic | Literal[""] = ""
    """What kind of provider helps."""
    step: str = ""
    """What to do next when it is weak."""
    step_en: str = ""
    clauses: tuple[str, ...] = ()
    """Clauses of support documents that pay for the step: ``qingpu 3.1``."""


class Dimension(msgspec.Struct, frozen=True, kw_only=True):
    """A group of questions."""

    key: str
    title: str
    title_en: str
    weight: Decimal
    short: str = ""
    """For the axis of a chart; the title when empty."""
    short_en: str = ""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage or level, reached with ``least`` points altogether and with what ``need`` asks of single dimensions."""

    key: str
    title: str
    title_en: str
    least: Decimal
    need: Mapping[str, Decimal] = {}
    advice: str = ""
    """What a document says to enterprises at this stage."""
    advice_en: str = ""
    cite: str = ""


class Scale(msgspec.Struct, frozen=True):
    """Options that several questions share."""

    key: str
    option: tuple[Option, ...]


class Questionnaire(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a questionnaire."""

    family: str
    version: str
    title: str
    title_en: str
    about: str
    about_en: str
    sources: tuple[str, ...]
    """Standards and clauses whose structure it follows."""
    in_force: dt.date
    ours: bool
    """Whether weights and thresholds are ours."""
    reason: str = ""
    """Why they are."""
    reason_en: str = ""
    stage_word: str = "阶段"
    stage_word_en: str = "stage"
    dimension: tuple[Dimension, ...]
    stage: tuple[Stage, ...]
    """Lowest first."""
    scale: tuple[Scale, ...] = ()
    question: tuple[Question, ...]

    @property
    def key(self) -> str:
        """Names the version, such as ``integration-2026``."""
        return f"{self.family}-{self.version}"

    def find(self, key: str) -> Question:
        """The question; raises :class:`NotFound`."""
        for question in self.question:
            if question.key == key:
                return question
        raise NotFound(mark("{title} has no question {key}."), title=self.title, key=repr(key[:40]))

    def of(self, dimension: str) -> list[Question]:
        """The questions of a dimension."""
        return [question for question in self.question if question.dimension == dimension]

    def options(self, question: Question) -> tuple[Option, ...]:
        """What can be chosen, lowest first; yes and no for such a question, nothing for a number."""
        if question.kind == "yesno":
            return _YES_NO
        if question.scale:
            return next(scale.option for scale in self.scale if scale.key == question.scale)
        return question.option

    def staged(self, key: str) -> Stage | None:
        """The stage of that key."""
        return next((stage for stage in self.stage if stage.key == key), None)


_YES_NO: Final = (Option("no", "否", "No", Decimal(0)), Option("yes", "是", "Yes", HUNDRED))


def parse(text: str) -> Questionnaire:
    """The questionnaire in a TOML text; raises :class:`Invalid` naming what is wrong."""
    try:
        found = msgspec.convert(tomllib.loads(text), Questionnaire, strict=False)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise Invalid(mark("This is no questionnaire: {reason}."), reason=str(error)[:200]) from error
    return check(found)


def check(found: Questionnaire) -> Questionnaire:
    """``found`` itself; raises :class:`Invalid` when it contradicts itself."""
    dimensions = {one.key for one in found.dimension}
    keys = [one.key for one in found.question]
    if len(dimensions) != len(found.dimension) or len(set(keys)) != len(keys):
        raise _wrong(found, "-", mark("a key stands twice"))
    if found.ours and not (found.reason and found.reason_en):
        raise _wrong(found, "-", mark("it does not say why its weights are ours"))
    if any(not found.of(one) for one in dimensions) or any(one.weight <= 0 for one in found.dimension):
        raise _wrong(found, "-", mark("a dimension needs questions and a positive weight"))
    if not found.stage or found.stage[0].least != 0 or found.stage[0].need:
        raise _wrong(found, "-", mark("the lowest stage begins at 0"))
    steps = [one.least for one in found.stage]
    if steps != sorted(set(steps)) or any(set(one.need) - dimensions for one in found.stage):
        raise _wrong(found, "-", mark("stages have to rise and to name dimensions that exist"))
    for question in found.question:
        _check_question(found, question, dimensions)
    return found


def _check_question(found: Questionnaire, question: Question, dimensions: set[str]) -> None:
    if question.dimension not in dimensions:
        raise _wrong(found, question.key, mark("there is no such dimension"))
    if not 0 < question.weight <= 100:
        raise _wrong(found, question.key, mark("its weight is not positive"))
    if question.kind in ("number", "percent"):
        if question.zero == question.full or max(abs(question.zero), abs(question.full)) > MOST:
            raise _wrong(found, question.key, mark("nothing lies between its least and its most"))
        return
    if question.scale and question.scale not in {one.key for one in found.scale}:
        raise _wrong(found, question.key, mark("there is no such scale"))
    if {one.option for one in question.proposes} - {one.key for one in found.options(question)}:
        raise _wrong(found, question.key, mark("it proposes what cannot be chosen"))
    points = [one.points for one in found.options(question)]
    if len(points) < 2 or points != sorted(points) or points[0] < 0 or points[-1] > HUNDRED:
        raise _wrong(found, question.key, mark("its options have to rise from 0 to at most 100"))


def _wrong(found: Questionnaire, question: str, reason: str) -> Invalid:
    return Invalid(
        mark("Question {question} of {key} cannot be used: {reason}."), question=question, key=found.key, reason=reason
    )


def weighted(found: Questionnaire, weights: Mapping[str, Decimal]) -> Questionnaire:
    """``found`` with other weights of its dimensions; those not named stay. Raises :class:`Invalid`."""
    if set(weights) - {one.key for one in found.dimension}:
        raise _wrong(found, "-", mark("there is no such dimension"))
    if any(not 0 < one <= 100 for one in weights.values()):
        raise _wrong(found, "-", mark("a weight lies above 0 and is at most 100"))
    changed = tuple(msgspec.structs.replace(one, weight=weights.get(one.key, one.weight)) for one in found.dimension)
    return msgspec.structs.replace(found, dimension=changed)


@cache
def built_in() -> tuple[Questionnaire, ...]:
    """Those that come with Gongfu, in the order in which pages show them."""
    folder = resources.files("gongfu.governance.assessments") / "questionnaires"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    found = [parse(file.read_text("utf-8")) for file in files]
    order = {"integration": 0, "district": 1, "manufacturing": 2, "data": 3}
    return tuple(sorted(found, key=lambda one: (order.get(one.family, 9), one.family, one.version)))


def by_key(key: str) -> Questionnaire:
    """The version of that key; raises :class:`NotFound`."""
    for one in built_in():
        if one.key == key:
            return one
    raise NotFound(mark("There is no questionnaire {key}."), key=repr(key[:60]))


def in_force(family: str, on: dt.date) -> Questionnaire:
    """The version of that day: of several the one that began last. Raises :class:`NotFound`."""
    found = [one for one in built_in() if one.family == family and one.in_force <= on]
    if not found:
        raise NotFound(mark("There is no questionnaire {key}."), key=repr(family[:60]))
    return max(found, key=lambda one: one.in_force)
