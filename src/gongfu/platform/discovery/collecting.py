"""Taking over from the gateway what a scan found, whenever somebody looks; the scan itself waits for nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
from django.db import transaction
from django.utils import timezone

from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Unavailable, packed
from gongfu.network.discovery.shapes import Finding as Told
from gongfu.network.discovery.shapes import Progress
from gongfu.network.gateway.asking import Failed, Look, Scanned
from gongfu.platform.devices import desk
from gongfu.platform.discovery import proposals
from gongfu.platform.discovery.models import Finding, Scan

LOST_AFTER = dt.timedelta(minutes=5)
"""A gateway that has been silent for so long has forgotten its scans."""
_MOST_ANSWERS = 60
_NAMED = 40


def collect(scan: Scan) -> Scan:
    """The scan as it is now; what the gateway has found since is stored."""
    for _ in range(_MOST_ANSWERS):
        if scan.state != Scan.State.RUNNING:
            break
        try:
            answer = desk.ask(scan.gateway, Look(scan=scan.token, since=scan.found, within=3.0))
        except Unavailable as error:
            if timezone.now() - (scan.heard_at or scan.created_at) > LOST_AFTER:
                scan = fail(scan, packed(error, 1000))
            break
        if isinstance(answer, Failed):
            return fail(scan, answer.problem[:1000])
        if not isinstance(answer, Scanned):
            break
        scan = take(scan, answer.progress)
        if not answer.progress.more:
            break
    return scan


def take(scan: Scan, progress: Progress) -> Scan:
    """Store ``progress``, whose findings follow those that ``scan`` has."""
    fresh = [_finding(scan, number, told) for number, told in enumerate(progress.findings, scan.found)]
    with transaction.atomic():
        locked = (
            Scan.objects.select_for_update(of=("self",)).select_related("organisation", "created_by").get(pk=scan.pk)
        )
        if locked.state != Scan.State.RUNNING or locked.found != scan.found:
            return locked  # somebody else looked at the same time
        Finding.objects.bulk_create(fresh)
        locked.found += len(fresh)
        locked.tried, locked.total, locked.current = progress.tried, progress.total, progress.current[:60]
        locked.heard_at = timezone.now()
        if progress.state != Scan.State.RUNNING.value and not progress.more:
            locked.problem = progress.problem[:1000]
            _finish(locked, Scan.State(progress.state))
        locked.save()
    return locked


def fail(scan: Scan, problem: str) -> Scan:
    """It is over, for a reason."""
    with transaction.atomic():
        locked = (
            Scan.objects.select_for_update(of=("self",)).select_related("organisation", "created_by").get(pk=scan.pk)
        )
        if locked.state == Scan.State.RUNNING:
            locked.problem = problem
            _finish(locked, Scan.State.FAILED)
            locked.save()
    return locked


def _finish(scan: Scan, state: Scan.State) -> None:
    scan.state = state
    scan.finished_at = timezone.now()
    scan.current = ""
    found = [str(finding) for finding in scan.findings.all()[:_NAMED]]
    after: audit.State = {"state": state.value, "tried": scan.tried, "found": scan.found, "findings": "; ".join(found)}
    audit.record("gateway", "scan_ended", scan, after=after)


def _finding(scan: Scan, number: int, told: Told) -> Finding:
    made = Finding(
        organisation=scan.organisation,
        created_by=scan.created_by,
        scan=scan,
        number=number,
        address=told.address[:45],
        port=told.port,
        probe=told.probe[:40],
        protocol=told.protocol[:80],
        driver=told.driver[:40],
        vendor=told.identity.vendor[:200],
        product=told.identity.product[:200],
        version=told.identity.version[:200],
        serial_number=told.identity.serial_number[:200],
        detail=told.identity.detail[:200],
        options=told.options,
        points_json=msgspec.to_builtins(told.points),
        proposals=[[one.type, one.score] for one in proposals.propose(told.identity, told.points)],
    )
    made.news = _news(made)
    return made


def _news(made: Finding) -> Finding.News:
    before = (
        Finding.objects.filter(
            organisation=made.organisation, address=made.address, port=made.port, probe=made.probe, scan__lt=made.scan
        )
        .order_by("-scan")
        .first()
    )
    if before is None:
        return Finding.News.NEW
    same = all(_equal(getattr(before, name), getattr(made, name)) for name in ("vendor", "product", "serial_number"))
    return Finding.News.KNOWN if same else Finding.News.CHANGED


def _equal(before: str, now: str) -> bool:
    """What one of the two did not say is no difference."""
    return not before or not now or before == now


def gone(scan: Scan) -> Sequence[Finding]:
    """What the last scan of these addresses found and this one did not; known only once it has tried everything."""
    if scan.state != Scan.State.DONE:
        return ()
    last = Scan.objects.filter(
        organisation=scan.organisation, targets=scan.targets, state=Scan.State.DONE, pk__lt=scan.pk
    ).first()
    if last is None:
        return ()
    now = {finding.key for finding in scan.findings.all()}
    probes = {wish.probe: wish.ports for wish in scan.order.wishes}
    return [
        finding
        for finding in last.findings.all()
        if finding.key not in now
        and finding.probe in probes
        and (not probes[finding.probe] or finding.port in probes[finding.probe])
    ]
