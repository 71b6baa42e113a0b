"""Whether a device keeps what its model promises: findings with a remedy each, and a percentage. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.models import units
from gongfu.network.models.types import DeviceType, Kind, TagType

Severity = Literal["error", "warning", "info"]
_COST: dict[Severity, float] = {"error": 1.0, "warning": 0.5, "info": 0.0}
STALE_AFTER = 3600.0
"""Seconds without a reading after which a tag counts as silent, unless it is asked less often."""


class BoundTag(msgspec.Struct, frozen=True, kw_only=True):
    """A device's tag that stands for a tag of the model, and what came of it lately."""

    key: str
    name: str = ""
    kind: Kind = "number"
    unit: str = ""
    age: float | None = None
    """Seconds since the newest reading; None: never."""
    lowest: float | None = None
    highest: float | None = None
    codes: Collection[float] = ()
    """Different values, of a tag that is a state."""
    writable: bool | None = None
    """None when the driver does not say."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be; texts are marked templates, filled from ``values``."""

    tag: str
    """Key in the model."""
    code: str
    severity: Severity
    message: str
    remedy: str
    values: dict[str, str]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How far a device keeps its model."""

    percent: float
    findings: Sequence[Finding]
    checked: int
    """Tags of the model that were looked at."""

    @property
    def conforms(self) -> bool:
        """No finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """Findings of one severity."""
        return sum(finding.severity == severity for finding in self.findings)


def report(model: DeviceType, bound: Mapping[str, BoundTag], *, stale_after: float = STALE_AFTER) -> Report:
    """Check what is bound, model tag key → tag of the device.

    Every tag of the model weighs 1, required ones 3; an error takes all of a tag's weight, a warning half. Optional
    tags that are not bound neither help nor harm.
    """
    findings: list[Finding] = []
    weight = kept = 0.0
    checked = 0
    for of_type in model.tags:
        tag = bound.get(of_type.key)
        if tag is None and not of_type.required:
            continue
        own = list(_missing(of_type) if tag is None else _findings(model, of_type, tag, stale_after))
        importance = 3.0 if of_type.required else 1.0
        weight += importance
        kept += importance * max(0.0, 1.0 - max((_COST[finding.severity] for finding in own), default=0.0))
        checked += 1
        findings += own
    order = ("error", "warning", "info")
    findings.sort(key=lambda finding: order.index(finding.severity))
    percent = round(100 * kept / weight, 1) if weight else 0.0
    return Report(percent=percent, findings=findings, checked=checked)


def _missing(of_type: TagType) -> Iterator[Finding]:
    yield _finding(
        of_type,
        "missing",
        "error",
        mark("The required tag {tag} is missing."),
        mark("Add a tag for it to the device, or bind one that measures the same."),
    )


def _findings(model: DeviceType, of_type: TagType, tag: BoundTag, stale_after: float) -> Iterator[Finding]:
    if tag.kind != of_type.kind:
        yield _finding(
            of_type,
            "kind",
            "error",
            mark("{tag} is {wanted} in the model, and {found} on the device."),
            mark("Correct the kind of the device's tag, or bind another one."),
            wanted=of_type.kind,
            found=tag.kind,
        )
        return
    yield from _unit_findings(of_type, tag)
    yield from _delivery_findings(of_type, tag, stale_after)
    yield from _value_findings(model, of_type, tag)
    if of_type.writable and tag.writable is False:
        yield _finding(
            of_type,
            "read_only",
            "warning",
            mark("{tag} can be set in the model; the device's tag cannot be written."),
            mark("Use an address and a driver that can be written, or leave it to the operators at the machine."),
        )
    if tag.key != of_type.key:
        yield _finding(
            of_type,
            "naming",
            "info",
            mark("The device calls it {found}, the model {wanted}."),
            mark("Nothing has to be done; the binding knows both."),
            found=tag.key,
            wanted=of_type.key,
        )


def _unit_findings(of_type: TagType, tag: BoundTag) -> Iterator[Finding]:
    here, there = units.canonical(tag.unit), of_type.unit
    if here == there:
        return
    if not here:
        yield _finding(
            of_type,
            "unit_missing",
            "warning",
            mark("{tag} has no unit on the device; the model says {wanted}."),
            mark("Enter the unit that the device delivers."),
            wanted=there,
        )
        return
    conversion = units.conversion(here, there) if there else None
    if conversion is None:
        yield _finding(
            of_type,
            "unit",
            "error",
            mark("{tag} is in {found}, which cannot be converted into {wanted}."),
            mark("Bind a tag that measures the same quantity, or correct its unit."),
            found=here,
            wanted=there or "1",
        )
        return
    scale, offset = conversion
    yield _finding(
        of_type,
        "unit_converts",
        "warning",
        mark("{tag} is in {found} instead of {wanted}."),
        mark(
            "Multiply the tag's scale and offset by {scale}, add {offset} to the offset, and set the unit to {wanted}."
        ),
        found=here,
        wanted=there,
        scale=f"{scale:g}",
        offset=f"{offset:g}",
    )


def _delivery_findings(of_type: TagType, tag: BoundTag, stale_after: float) -> Iterator[Finding]:
    if tag.age is None:
        yield _finding(
            of_type,
            "never",
            "error",
            mark("{tag} never delivered a value."),
            mark("Check its address, and whether the device is connected."),
        )
    elif tag.age > stale_after:
        yield _finding(
            of_type,
            "stale",
            "warning",
            mark("{tag} is silent since {hours} hours."),
            mark("Check the connection and the address."),
            hours=f"{tag.age / 3600:.1f}",
        )


def _value_findings(model: DeviceType, of_type: TagType, tag: BoundTag) -> Iterator[Finding]:
    if of_type.role == "state":
        unknown = sorted({code for code in tag.codes if model.state(code) is None})
        if unknown:
            yield _finding(
                of_type,
                "state_unknown",
                "error",
                mark("{tag} delivered codes that the model does not know: {codes}."),
                mark("Map the device's codes to {known} by scale and offset or in the PLC, or extend the model."),
                codes=", ".join(f"{code:g}" for code in unknown[:10]),
                known=", ".join(f"{state.code} {state.key}" for state in model.states),
            )
        return
    if of_type.kind != "number" or tag.lowest is None or tag.highest is None:
        return
    scale, offset = (units.conversion(tag.unit, of_type.unit) or (1.0, 0.0)) if tag.unit else (1.0, 0.0)
    low, high = sorted((tag.lowest * scale + offset, tag.highest * scale + offset))
    below, above = of_type.low is not None and low < of_type.low, of_type.high is not None and high > of_type.high
    if below or above:
        yield _finding(
            of_type,
            "range",
            "warning",
            mark("{tag} was {found}; the model expects {wanted}."),
            mark("Check scale, offset and address; a wrong word order shows like this too."),
            found=f"{low:g} – {high:g} {of_type.unit}".strip(),
            wanted=f"{_shown(of_type.low)} – {_shown(of_type.high)} {of_type.unit}".strip(),
        )


def _shown(limit: float | None) -> str:
    return "…" if limit is None else f"{limit:g}"


def _finding(of_type: TagType, code: str, severity: Severity, message: str, remedy: str, **values: str) -> Finding:
    filled = {"tag": of_type.key, **values}
    return Finding(tag=of_type.key, code=code, severity=severity, message=message, remedy=remedy, values=filled)
