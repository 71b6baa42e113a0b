"""What a set-point permits to be written without a person: by the rules of an edge node, agreed to beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.platform.commands import rules
from gongfu.platform.commands.models import Setpoint
from gongfu.platform.commands.rules import Interlock, Value


@dataclass(frozen=True)
class Plan:
    """A write that lies within the limits: the raw value, and what must hold in that moment."""

    device: int
    tag: str
    address: str
    """Where to write, when that is not where the tag is read."""
    value: Value
    interlocks: Sequence[Interlock]


def plan(setpoint: Setpoint, text: str) -> Plan:
    """How ``text`` would be written; raises :class:`Invalid` for a value outside the limits, :class:`Conflict`."""
    tag = setpoint.tag
    bounds = setpoint.bounds
    if bounds.largest_step is not None:
        raise Conflict(
            mark("{setpoint} may be changed in steps only, which a rule cannot see to."),
            remedy=mark("Choose another set-point, or one without a largest step."),
            setpoint=setpoint,
        )
    value = rules.parse_value(tag.kind, text)
    rules.check(value, bounds, None)
    return Plan(
        device=setpoint.device_id,
        tag=tag.key,
        address=setpoint.address if setpoint.address != tag.address else "",
        value=rules.raw(value, tag.scale, tag.offset),
        interlocks=rules.parse_interlocks(setpoint.interlocks),
    )
