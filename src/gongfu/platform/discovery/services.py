"""The only door to discovery: start a scan, look how far it is, stop it, set up what it found.

A scan needs three yeses: the organisation's permit, which the platform's administrator gives; the role of an engineer;
and the gateway's own setting ``discovery_ranges``, which whoever runs its machine gives.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from django.db import transaction

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, packed
from gongfu.kernel.i18n import mark
from gongfu.network.discovery import probes, ranges
from gongfu.network.discovery.shapes import MOST_PORTS, Order, Wish
from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import Identity
from gongfu.network.gateway.asking import Failed, Halt, Question, Scanned
from gongfu.network.gateway.asking import Scan as Begin
from gongfu.platform.devices import desk, gateways
from gongfu.platform.devices.models import Device
from gongfu.platform.devices.prefilling import Prefill
from gongfu.platform.discovery import collecting, proposals
from gongfu.platform.discovery.models import Finding, Scan, ScanPermit

__all__ = [
    "collect",
    "configured",
    "finding_for",
    "gone",
    "permit_of",
    "prefill",
    "scan_for",
    "start",
    "stop",
    "wishes",
]

collect = collecting.collect
gone = collecting.gone
_PORT_DIGITS = 5


def permit_of(organisation: Organisation) -> ScanPermit | None:
    """The organisation's permit, if it is in force."""
    return ScanPermit.objects.filter(organisation=organisation, enabled=True).first()


def scan_for(user: User, pk: int) -> Scan:
    """The scan; raises :class:`NotFound` also when it is another organisation's."""
    found = Scan.objects.visible_to(user).select_related("organisation", "created_by").filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no scan {pk}."), pk=pk)
    return found


def finding_for(user: User, pk: int) -> Finding:
    """The finding; raises :class:`NotFound` also when it is another organisation's."""
    found = Finding.objects.visible_to(user).select_related("organisation", "scan").filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no finding {pk}."), pk=pk)
    return found


def wishes(names: Iterable[str], ports: str) -> list[Wish]:
    """The protocols ``names``; ``ports`` names other ports than the usual ones: ``modbus 1502, s7 1102``.

    Raises :class:`Invalid`.
    """
    wanted = {probes.probe(name).name: list[int]() for name in names}
    for part in ports.replace("，", ",").replace("\n", ",").split(","):
        words = part.replace(":", " ").split()
        if not words:
            continue
        name, numbers = words[0], words[1:]
        if name not in wanted or not numbers or not all(_is_port(number) for number in numbers):
            raise Invalid(
                mark("{text} names no protocol that is looked for with its ports."),
                remedy=mark("Write for example: modbus 1502, s7 1102."),
                text=part.strip()[:80],
            )
        wanted[name] += [int(number) for number in numbers]
        if len(wanted[name]) > MOST_PORTS:
            raise Invalid(mark("At most {most} ports of one protocol are tried."), most=MOST_PORTS)
    if not wanted:
        raise Invalid(mark("Nothing is looked for."), remedy=mark("Choose at least one protocol."))
    return [Wish(probe=name, ports=numbers) for name, numbers in wanted.items()]


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _PORT_DIGITS and 0 < int(text) < 2**16


def start(user: User, organisation: Organisation, order: Order) -> Scan:
    """Begin a scan; one that the gateway refuses is kept as failed, with the reason.

    Raises :class:`Forbidden`, :class:`Invalid`, and :class:`Conflict` while another one of the organisation runs.
    """
    if not can_edit.test(user, organisation):
        raise Forbidden(
            mark("You may not look for devices here."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
        )
    permit = permit_of(organisation)
    if permit is None:
        raise Forbidden(
            mark("{organisation} may not look for devices."),
            remedy=mark("Ask the administrator of the platform to permit its networks for discovery."),
            organisation=organisation,
        )
    gateways.check(organisation, permit.gateway)
    ranges.check(ranges.parse(order.targets), ranges.permitted([permit.networks]))
    for wish in order.wishes:
        probes.probe(wish.probe)
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        if Scan.objects.filter(organisation=organisation, state=Scan.State.RUNNING).exists():
            raise Conflict(
                mark("{organisation} is scanning already."),
                remedy=mark("Wait until that scan is over, or stop it."),
                organisation=organisation,
            )
        made = Scan.objects.create(
            organisation=organisation,
            created_by=user,
            token=secrets.token_hex(16),
            gateway=permit.gateway,
            targets=" ".join(order.targets.split()),
            content=msgspec.to_builtins(order),
        )
        said = ", ".join(" ".join([wish.probe, *map(str, wish.ports)]) for wish in order.wishes)
        after: audit.State = {"targets": made.targets, "protocols": said, "gateway": made.gateway, "rate": order.rate}
        audit.record(user, "scan", made, after=after)
    return _told(made, Begin(scan=made.token, order=order))


def stop(user: User, scan: Scan) -> Scan:
    """End it; what it found stays. Raises :class:`Forbidden`."""
    if not can_edit.test(user, scan):
        raise Forbidden(mark("You may not stop this scan."), remedy=mark("Ask an engineer."))
    current = collect(scan)
    if current.state != Scan.State.RUNNING:
        return current
    audit.record(user, "scan_stopped", current)
    return _told(current, Halt(scan=current.token, since=current.found))


def _told(scan: Scan, question: Question) -> Scan:
    try:
        answer = desk.ask(scan.gateway, question)
    except GongfuError as error:
        return collecting.fail(scan, packed(error, 1000))
    if isinstance(answer, Failed):
        return collecting.fail(scan, answer.problem[:1000])
    if isinstance(answer, Scanned):
        scan = collecting.take(scan, answer.progress)
        return collect(scan) if answer.progress.more else scan
    return scan


def configured(organisation: Organisation, findings: Sequence[Finding]) -> Mapping[int, Device]:
    """The device that is configured already where each of ``findings`` stands, by the finding's key."""
    known = {
        (device.driver, *_place(device.driver, device.options)): device
        for device in Device.objects.filter(organisation=organisation)
    }
    places = {
        finding.pk: (finding.driver, *_place(finding.driver, finding.options)) for finding in findings if finding.driver
    }
    return {pk: known[place] for pk, place in places.items() if place in known}


def _place(driver: str, options: Mapping[str, object]) -> tuple[str, str]:
    """What tells one device of a driver from another: its address, and its port when that is an option."""
    if driver not in registry.names():
        return "", ""
    defaults = registry.manifest(driver).options
    for name in ("endpoint", "url", "host"):
        if name in defaults:
            port = options.get("port", defaults["port"].default if "port" in defaults else "")
            return str(options.get(name, "")).rstrip("/").casefold(), str(port)
    return "", ""


def prefill(user: User, pk: int) -> Prefill:
    """What the page that sets a device up is filled with; raises :class:`NotFound`, :class:`Conflict`."""
    finding = finding_for(user, pk)
    if not finding.driver:
        raise Conflict(
            mark("{finding} cannot be set up as a device."),
            remedy=mark("No driver asks it for values; devices behind a broker send theirs to this node."),
            finding=finding,
        )
    best = str(finding.proposals[0][0]) if finding.proposals else ""
    said = Identity(vendor=finding.vendor, product=finding.product, detail=finding.detail)
    texts = {
        "name": finding.product[:80],
        "manufacturer": finding.vendor[:80],
        "product": finding.product[:80],
        "serial_number": finding.serial_number[:64],
        "gateway": finding.scan.gateway,
        "type": best,
    }
    return Prefill(
        driver=finding.driver,
        organisation=finding.organisation,
        options=finding.options,
        texts=texts,
        points=proposals.fitting(best, said, finding.points) if best and finding.points else [],
    )
