"""Alarm rules of the demonstration plant: those of the models, and a few that fire within minutes."""

from __future__ import annotations

from gongfu.data.alarms import making, services
from gongfu.data.alarms.models import AlarmRule, Urgency
from gongfu.data.alarms.rules import Kind
from gongfu.kernel.accounts.models import Organisation

ACTOR = "demonstration"
_MODELS = ("cnc-machining-centre", "six-axis-robot", "screw-air-compressor", "centrifugal-pump")


def seed(organisation: Organisation) -> None:
    """Enter them for ``organisation``, unless it has rules."""
    if AlarmRule.objects.filter(organisation=organisation).exists():
        return
    for model in _MODELS:
        making.from_model(ACTOR, organisation, model)
    for rule in _rules():
        rule.organisation = organisation
        services.prepare(rule)


def _rules() -> list[AlarmRule]:
    cnc = "cnc-machining-centre"
    return [
        AlarmRule(
            name="机床故障停机",
            name_en="Machine stopped by a fault",
            type=cnc,
            tag="state",
            kind=Kind.EQUALS.value,
            limit=5.0,
            priority=Urgency.URGENT,
            latching=True,
            remedy="查看数控系统报警号，排除后在此复位。",
            remedy_en="Read the alarm number on the control, remove the cause, then reset here.",
        ),
        AlarmRule(
            name="主轴负载偏高",
            name_en="Spindle load above usual",
            type=cnc,
            tag="spindle_load",
            kind=Kind.HIGH.value,
            limit=40.0,
            deadband=10.0,
            on_delay=2.0,
            priority=Urgency.LOW,
            gate_tag="state",
            gate_value=3.0,
            remedy="检查刀具磨损与切削参数。",
            remedy_en="Look at tool wear and cutting data.",
        ),
        AlarmRule(
            name="机床待机过久",
            name_en="Machine idle for long",
            type=cnc,
            tag="state",
            kind=Kind.EQUALS.value,
            limit=1.0,
            on_delay=120.0,
            priority=Urgency.LOW,
        ),
        AlarmRule(
            name="机床无数据",
            name_en="No data from the machine",
            type=cnc,
            tag="power",
            kind=Kind.NO_DATA.value,
            window=60.0,
            priority=Urgency.MEDIUM,
        ),
    ]
