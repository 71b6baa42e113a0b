"""Local rules: what may be asked of an edge node, and what of it is in force there."""

from __future__ import annotations

import math

import msgspec
from django.db import transaction
from django.db.models import QuerySet

from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, packed
from gongfu.kernel.i18n import mark
from gongfu.network.edge import contract
from gongfu.network.edge.contract import Comparison, Condition, EdgeRules, EventAction, Rule, WriteAction
from gongfu.platform.commands import planning
from gongfu.platform.commands.models import Setpoint
from gongfu.platform.commands.planning import Plan
from gongfu.platform.commands.rules import Interlock
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.edges.assigning import ticket_key
from gongfu.platform.edges.models import Edge, EdgeRule

MOST_RULES = 200
_MOST_CONDITIONS = 8
_ON, _OFF = {"true", "on", "yes", "是", "开"}, {"false", "off", "no", "否", "关"}
_encoder = msgspec.json.Encoder()
Action = WriteAction | EventAction


def visible(user: User) -> QuerySet[EdgeRule]:
    """Rules that ``user`` may know of, with all that they name."""
    return EdgeRule.objects.visible_to(user).select_related(
        "edge", "organisation", "tag__device", "setpoint__tag__device", "setpoint__device", "proposed_by", "agreed_by"
    )


def save(rule: EdgeRule, user: User, new: bool) -> None:
    """Store what somebody entered as the next version; one that writes to a machine waits for a second person.

    Raises :class:`Invalid`, :class:`Conflict`, :class:`Forbidden`, and :class:`NotFound` for what is another's.
    """
    edge = rule.edge
    _require_visible(rule, user)
    if not can_edit.test(user, edge):
        raise Forbidden(
            mark("You may not write rules for {edge}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            edge=edge,
        )
    rule.organisation = edge.organisation
    with transaction.atomic():
        before = None if new else EdgeRule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
        if before is not None and before.edge_id != edge.pk:
            raise Invalid(mark("A rule stays with its edge node."), remedy=mark("Stop it and write another one."))
        if before is None and edge.rules.count() >= MOST_RULES:
            raise Conflict(mark("{edge} has {most} rules already."), edge=edge, most=MOST_RULES)
        wire(rule, number=1)
        if before is not None and before.content == rule.content:
            rule.save()
            return
        rule.number = 1 if before is None else before.number + 1
        rule.proposed(user)
        rule.state = EdgeRule.State.PROPOSED
        if not rule.writes:
            rule.state = EdgeRule.State.ACTIVE
            rule.approved(user)
        rule.save()


def _require_visible(rule: EdgeRule, user: User) -> None:
    for model, key in ((Edge, rule.edge_id), (Tag, rule.tag_id), (Setpoint, rule.setpoint_id)):
        if key is not None and not model.objects.visible_to(user).filter(pk=key).exists():
            raise NotFound(mark("There is no {what} {key}."), what=model._meta.verbose_name, key=key)


def wire(rule: EdgeRule, number: int) -> Rule:
    """``rule`` as its edge node carries it out; raises :class:`Invalid`, :class:`Conflict` when it cannot."""
    edge, tag = rule.edge, rule.tag
    _require_here(edge, tag.device)
    if tag.kind == Tag.Kind.TEXT:
        raise Invalid(mark("{tag} is a text, which has no limit."), remedy=mark("Choose a number."), tag=tag)
    if tag.kind == Tag.Kind.ARRAY:
        raise Invalid(mark("{tag} is an array, which has no limit."), remedy=mark("Choose a number."), tag=tag)
    condition = Condition(
        device=tag.device_id,
        tag=tag.key,
        comparison=Comparison(rule.comparison),
        limit=rule.limit,
        deadband=rule.deadband,
        seconds=rule.seconds,
    )
    when = [condition]
    then: list[Action] = [EventAction(text=rule.text or rule.name)]
    after: list[Action] = []
    if rule.setpoint is not None:
        _require_here(edge, rule.setpoint.device)
        plan = planning.plan(rule.setpoint, rule.value)
        when += [_interlock(plan.device, one) for one in plan.interlocks]
        then.append(_write(plan))
        if rule.value_after.strip():
            back = planning.plan(rule.setpoint, rule.value_after)
            if back.interlocks:
                raise Conflict(
                    mark("{setpoint} has interlocks: whether they hold afterwards, the rule cannot see to."),
                    remedy=mark("Leave the value afterwards empty, and write another rule for the way back."),
                    setpoint=rule.setpoint,
                )
            after.append(_write(back))
    elif rule.value.strip() or rule.value_after.strip():
        raise Invalid(mark("A value needs the set-point that it is for."))
    if len(when) > _MOST_CONDITIONS:
        raise Conflict(mark("{setpoint} has too many interlocks for a rule."), setpoint=rule.setpoint)
    return Rule(number=number, name=rule.name, when=when, then=then, otherwise=after, pause=rule.pause)


def _require_here(edge: Edge, device: Device) -> None:
    if device.organisation_id != edge.organisation_id or device.gateway != edge.code:
        raise Conflict(
            mark("{edge} does not read {device}."),
            remedy=mark("Give the device to this edge node first, on its configuration page."),
            edge=edge,
            device=device,
        )


def _write(plan: Plan) -> WriteAction:
    return WriteAction(
        device=plan.device, tag=plan.tag, value=plan.value, address=plan.address, largest_step=plan.largest_step
    )


def _interlock(device: int, interlock: Interlock) -> Condition:
    """What must hold for a write, as one more condition of the rule."""
    word = interlock.wanted.lower()
    try:
        limit = float(word in _ON) if word in _ON | _OFF else float(word)
        if not math.isfinite(limit):
            raise ValueError(word)
    except ValueError:
        raise Conflict(
            mark("The interlock {condition} compares texts, which an edge node cannot see to."),
            remedy=mark("Choose another set-point, or write the interlock over a number."),
            condition=interlock,
        ) from None
    match interlock.operator:
        case "=":
            comparison = Comparison.EQUAL
        case "!=":
            comparison = Comparison.NOT_EQUAL
        case "<":
            comparison = Comparison.BELOW
        case "<=":  # below the next number that there is
            comparison, limit = Comparison.BELOW, math.nextafter(limit, math.inf)
        case ">":
            comparison = Comparison.ABOVE
        case _:
            comparison, limit = Comparison.ABOVE, math.nextafter(limit, -math.inf)
    return Condition(device=device, tag=interlock.tag, comparison=comparison, limit=limit)


def current(edge: Edge) -> list[Rule]:
    """What is in force on ``edge``. A rule that cannot be carried out any more is left out, and says why."""
    found: list[Rule] = []
    for rule in edge.rules.exclude(in_force={}).order_by("pk"):
        problem = ""
        try:
            found.append(wire(_in_force(rule), number=rule.pk))
        except GongfuError as error:
            problem = packed(error, 1000)
        if problem != rule.problem:
            EdgeRule.objects.filter(pk=rule.pk).update(problem=problem)
    return found


def _in_force(rule: EdgeRule) -> EdgeRule:
    """The version that was agreed to, whatever was proposed since."""
    made = EdgeRule(edge=rule.edge, organisation=rule.organisation)
    for name, value in rule.in_force.items():
        setattr(made, name, value)
    if not Tag.objects.filter(pk=made.tag_id).exists() or (
        made.setpoint_id is not None and not Setpoint.objects.filter(pk=made.setpoint_id).exists()
    ):
        raise Conflict(mark("The tag or set-point of {rule} was removed."), rule=rule.name)
    return made


def renew(edge: Edge) -> EdgeRules | None:
    """The newest rules of ``edge``, signed; a change makes the next version. None when it never had any."""
    rules = current(edge)
    content = _encoder.encode(rules).decode()
    if content != (edge.rules_content or "[]"):
        edge.rules_version += 1
        edge.rules_content = content
        Edge.objects.filter(pk=edge.pk).update(rules_version=edge.rules_version, rules_content=content)
    if not edge.rules_version:
        return None
    made = EdgeRules(edge=edge.code, version=edge.rules_version, rules=rules)
    return contract.signed(made, ticket_key(edge))
