"""What a set-point permits to be written without a person: by the rules of an edge node, agreed to beforehand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.platform.commands import rules
from gongfu.platform.commands.models import Setpoint
from gongfu.platform.commands.rules import Interlock, Value


@dataclass(frozen=True)
class Plan:
    """A write that lies within the limits, in the tag's unit, and what must hold in that moment."""

    device: int
    tag: str
    address: str
    """Where to write, when that is not where the tag is read."""
    value: Value
    largest_step: float
    """How far it may lie from the value of that moment; 0: anywhere."""
    interlocks: Sequence[Interlock]


def plan(setpoint: Setpoint, text: str) -> Plan:
    """How ``text`` would be written; raises :class:`Invalid` for a value outside the limits."""
    tag = setpoint.tag
    value = rules.parse_value(tag.kind, text)
    rules.check(value, dataclasses.replace(setpoint.bounds, largest_step=None), None)
    return Plan(
        device=setpoint.device_id,
        tag=tag.key,
        address=setpoint.address if setpoint.address != tag.address else "",
        value=value,
        largest_step=setpoint.largest_step or 0.0,
        interlocks=rules.parse_interlocks(setpoint.interlocks),
    )
