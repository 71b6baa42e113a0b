"""The door to plans and indicators: who follows which document, who reports, how every figure stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from gongfu.governance.indicators import catalogue, figures, measuring, rules
from gongfu.governance.indicators.catalogue import Bound, Goal, Kind, Target
from gongfu.governance.indicators.forecast import Forecast, Point, forecast
from gongfu.governance.indicators.models import Assignment, Figure, Indicator, Plan
from gongfu.governance.indicators.rules import Judged
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark


@dataclass(frozen=True)
class Outlook:
    """An indicator with everything a row of the plan says."""

    indicator: Indicator
    target: Target
    points: tuple[Point, ...]
    taken: dt.date | None
    goal: Goal
    """The one that is next; its year is the plan's."""
    deadline: dt.date
    forecast: Forecast | None
    judged: Judged
    begins: dt.date

    @property
    def value(self) -> float | None:
        """The newest figure."""
        return self.points[-1].value if self.points else None

    @cached_property
    def goals(self) -> list[Goal]:
        """All of them, in the plan's years."""
        return goals(self.indicator.plan, self.target)


def today() -> dt.date:
    """Today where the node stands; a deadline's last moment is midnight there."""
    return timezone.localdate()


def plans(user: User, scope: Organisation | None = None) -> QuerySet[Plan]:
    """The plans ``user`` may see, of ``scope`` and below when it is given and has any."""
    found = Plan.objects.visible_to(user).select_related("organisation", "scope")
    if scope is not None:
        within = found.filter(organisation__path__startswith=scope.path)
        found = within if within.exists() else found
    return found


def plan_for(user: User, pk: int) -> Plan:
    """The plan ``pk``; raises :class:`NotFound` when ``user`` may not see it."""
    found = plans(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no task plan {pk}."), pk=pk)
    return found


def indicator_for(user: User, pk: int) -> Indicator:
    """The indicator ``pk``; raises :class:`NotFound` when ``user`` may not see it."""
    found = (
        Indicator.objects.visible_to(user)
        .select_related("plan__scope", "plan__organisation", "organisation")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise NotFound(mark("There is no indicator {pk}."), pk=pk)
    return found


def adopt(
    actor: User | str,
    organisation: Organisation,
    document: str,
    *,
    scope: Organisation | None = None,
    years_later: int = 0,
) -> Plan:
    """Let ``organisation`` follow ``document``: an indicator for each target of its annex (or of its text).

    What this node can count is measured, everything else reported. Raises :class:`NotFound`, :class:`Forbidden`,
    :class:`Conflict` when it is followed already.
    """
    text = catalogue.document(document)
    if isinstance(actor, User):
        if not can_edit.test(actor, organisation):
            raise Forbidden(mark("You may not change plans of {organisation}."), organisation=organisation.name)
        if not Organisation.objects.visible_to(actor).filter(pk=(scope or organisation).pk).exists():
            raise NotFound(mark("There is no organisation {id}."), id=(scope or organisation).pk)
    if not 0 <= years_later <= 50:
        raise Invalid(mark("{value} is no number of years from 0 to 50."), value=years_later)
    try:
        with transaction.atomic():
            plan = Plan.objects.create(
                organisation=organisation,
                document=document,
                scope=scope,
                years_later=years_later,
                created_by=actor if isinstance(actor, User) else None,
            )
            measured, reported = Indicator.Source.MEASURED, Indicator.Source.REPORTED
            Indicator.objects.bulk_create(
                Indicator(
                    organisation=organisation,
                    plan=plan,
                    target=one.key,
                    position=position,
                    source=measured if one.measure else reported,
                    measure=one.measure,
                )
                for position, one in enumerate(text.annex)
            )
            audit.record(actor, "create", plan, after=audit.state(plan))
    except IntegrityError as error:
        raise Conflict(mark("{organisation} follows this document already."), organisation=organisation.name) from error
    for one in plan.indicators.filter(source=measured).select_related("plan__scope", "plan__organisation"):
        figures.refresh(one)
    return plan


def set_source(user: User, indicator: Indicator, source: str, measure: str = "") -> None:
    """Say where the figure comes from; what other sources gave stays in the history of reports.

    Raises :class:`Forbidden`, :class:`Invalid`.
    """
    _may_change(user, indicator)
    if source not in Indicator.Source.values:
        raise Invalid(mark("There is no source {source}."), source=repr(source[:20]))
    if source == Indicator.Source.MEASURED:
        measuring.measure(measure)
    else:
        measure = ""
    with transaction.atomic():
        locked = Indicator.objects.select_for_update().get(pk=indicator.pk)
        before = audit.state(locked)
        locked.source, locked.measure = source, measure
        locked.save()
        audit.record(user, "change", locked, before=before, after=audit.state(locked))
        figures.refresh(indicator_for(user, indicator.pk))


def changed(measure: str) -> None:
    """What ``measure`` counts has changed: take the figures anew that rest on it, without waiting for the clock."""
    found = Indicator.objects.filter(source=Indicator.Source.MEASURED, measure=measure)
    for one in found.select_related("plan__scope", "plan__organisation", "organisation"):
        figures.refresh(one)


def assign(
    actor: User | str,
    indicator: Indicator,
    organisation: Organisation,
    *,
    every: str = Assignment.Rhythm.MONTH,
    days: int = 10,
    contact: str = "",
    since: dt.date | None = None,
) -> Assignment:
    """Make ``organisation`` report the figure, or change when. Raises :class:`Forbidden`, :class:`Invalid`.

    A rate is reported by one organisation only: rates of several cannot be added.
    """
    if isinstance(actor, User):
        _may_change(actor, indicator)
        if not Organisation.objects.visible_to(actor).filter(pk=organisation.pk).exists():
            raise NotFound(mark("There is no organisation {id}."), id=organisation.pk)
    if every not in Assignment.Rhythm.values or not 0 <= days <= 90 or len(contact) > 80:
        raise Invalid(mark("Choose month, quarter or year, and 0 to 90 days."))
    others = indicator.assignments.exclude(organisation=organisation)
    if indicator.words.kind is Kind.LEVEL and others.exists():
        raise Invalid(
            mark("{name} is a level; one organisation reports it, since levels cannot be added."),
            name=indicator.words.name,
        )
    with transaction.atomic():
        found, created = Assignment.objects.update_or_create(
            indicator=indicator,
            organisation=organisation,
            defaults={"every": every, "days": days, "contact": contact.strip()},
            create_defaults={
                "every": every,
                "days": days,
                "contact": contact.strip(),
                "since": since or today(),
                "created_by": actor if isinstance(actor, User) else None,
            },
        )
        audit.record(actor, "create" if created else "change", found, after=audit.state(found))
    return found


def _may_change(user: User, thing: Indicator | Plan) -> None:
    if not can_edit.test(user, thing):
        raise Forbidden(
            mark("You may not change plans of {organisation}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            organisation=thing.organisation.name,
        )


def goals(plan: Plan, target: Target) -> list[Goal]:
    """The goals of ``target`` in the years of ``plan``."""
    return [Goal(one.year + plan.years_later, one.least, one.most) for one in target.by]


def next_goal(every: Sequence[Goal], day: dt.date) -> Goal:
    """The first whose year is not over, or the last; on 31 December its year is not over."""
    return next((one for one in every if rules.deadline_of(one.year) >= day), every[-1])


def outlooks(plan: Plan, day: dt.date | None = None) -> list[Outlook]:
    """Every indicator of ``plan`` as it stood on ``day`` (default: today), in the document's order. Two queries."""
    found = list(plan.indicators.select_related("organisation").order_by("position"))
    for one in found:
        one.plan = plan
    return _outlooks(found, day or today())


def outlook(indicator: Indicator, day: dt.date | None = None) -> Outlook:
    """One indicator as it stood on ``day``."""
    return _outlooks([indicator], day or today())[0]


def _outlooks(found: Iterable[Indicator], day: dt.date) -> list[Outlook]:
    found = list(found)
    points: dict[int, list[tuple[Point, dt.date]]] = {}
    rows = Figure.objects.filter(indicator__in=found, month__lte=day).order_by("indicator", "month")
    for indicator, month, value, taken in rows.values_list("indicator", "month", "value", "taken_on"):
        points.setdefault(indicator, []).append((Point(month, float(value)), taken))
    return [_judged(one, points.get(one.pk, []), day) for one in found]


def _judged(indicator: Indicator, told: list[tuple[Point, dt.date]], day: dt.date) -> Outlook:
    target = indicator.words
    goal = next_goal(goals(indicator.plan, target), day)
    deadline = rules.deadline_of(goal.year)
    begins = indicator.plan.begins
    if target.kind is Kind.YEARLY:  # each year begins at nothing
        begins = dt.date(goal.year, 1, 1)
        told = [one for one in told if one[0].month.year == goal.year]
    points = tuple(one for one, _taken in told)
    taken = told[-1][1] if told else None
    at_most = target.bound is Bound.AT_MOST
    ahead = forecast(points, deadline, float(goal.least), at_most)
    judged = rules.judge(
        value=points[-1].value if points else None,
        taken=taken,
        goal=float(goal.least),
        at_most=at_most,
        begins=begins,
        deadline=deadline,
        today=day,
        chance=ahead.chance if ahead else None,
    )
    return Outlook(indicator, target, points, taken, goal, deadline, ahead, judged, begins)
