"""``gongfu devices``: configurations out as files and in again."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from gongfu.cli import database
from gongfu.kernel.errors import Invalid, NotFound, unpacked
from gongfu.kernel.i18n import current, mark, translate

ACTOR = "command line"


def take_out(target: Path | None, organisation: str, *, json: bool) -> None:
    """Write every device, or those of an organisation, to ``target`` or to the standard output."""
    database.connect()
    from gongfu.kernel.accounts.models import Organisation
    from gongfu.platform.devices import exchange
    from gongfu.platform.devices.models import Device

    found = Device.objects.all()
    if organisation:
        owner = Organisation.objects.filter(code=organisation).first()
        if owner is None:
            raise NotFound(mark("There is no organisation {code}."), code=organisation)
        found = found.filter(organisation__path__startswith=owner.path)
    text = exchange.text(found, json=json or (target is not None and target.suffix == ".json"))
    if target is None:
        sys.stdout.write(text)
    else:
        target.write_text(text, encoding="utf-8")


def bring_in(source: Path, why: str, *, dry_run: bool) -> None:
    """Apply a file, or with ``dry_run`` show what would change; raises :class:`Invalid` when a line is wrong."""
    database.connect()
    from gongfu.platform.devices import exchange

    try:
        data = source.read_bytes()
    except OSError as error:
        raise Invalid(mark("{file} cannot be read: {reason}."), file=source, reason=error) from error
    report = exchange.look(ACTOR, data, source.name)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for device in report.devices:
        console.print(f"{device.organisation}/{device.key}: {device.what}")
        for change in device.changes:
            tag = f"{change.tag}." if change.tag else ""
            console.print(f"  {tag}{change.field}: {change.before or '—'} → {change.after or '—'}")
        if device.more:
            console.print(f"  … {device.more}")
    for fault in report.faults:
        where = f"{fault.where.sheet} {fault.where.row} {fault.column}".strip()
        console.print(f"{where}: {unpacked(fault.problem, current())}", style="red")
    if report.faults:
        raise Invalid(mark("{file} was not applied: something in it is wrong."), file=source.name)
    if not dry_run:
        report = exchange.apply(ACTOR, data, source.name, why)
        for fault in report.faults:
            console.print(f"{fault.column}: {unpacked(fault.problem, current())}", style="red")
    said = translate(mark("{created} new, {changed} changed, {unchanged} as they are"))
    console.print(said.format(created=report.created, changed=report.changed, unchanged=report.unchanged))
    if report.faults:
        raise Invalid(mark("Not every device of {file} could be changed."), file=source.name)
