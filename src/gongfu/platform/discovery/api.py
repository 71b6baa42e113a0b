"""Discovery for programs: start a scan, see how far it is and what it found, stop it."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Body, Router
from pydantic import BaseModel, Field

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.schemas import Wire
from gongfu.network.discovery.shapes import FASTEST, Order
from gongfu.platform.discovery import services
from gongfu.platform.discovery.models import Scan

router = Router()
Pk = Annotated[int, Field(ge=1, lt=2**63)]


class NewScan(Wire):
    """What to look for. ``ports``: other ports than the usual ones, as ``modbus 1502, s7 1102``."""

    organisation: Pk
    targets: Annotated[str, Field(max_length=2000)]
    protocols: Annotated[list[Annotated[str, Field(max_length=40)]], Field(min_length=1, max_length=20)]
    ports: Annotated[str, Field(max_length=500)] = ""
    rate: Annotated[float, Field(gt=0, le=FASTEST)] = 20.0
    browse: bool = True


class ModelOut(BaseModel):
    """An information model that may fit."""

    type: str
    score: float


class FoundOut(BaseModel):
    """Something that answered. ``device``: the one that is configured there already."""

    id: int
    address: str
    port: int
    protocol: str
    driver: str
    vendor: str
    product: str
    version: str
    serial_number: str
    detail: str
    news: str
    device: int | None
    models: list[ModelOut]
    points: int


class GoneOut(BaseModel):
    """What the last scan of these addresses found and this one did not."""

    address: str
    port: int
    protocol: str
    product: str


class ScanOut(BaseModel):
    """A scan."""

    id: int
    organisation: int
    gateway: str
    targets: str
    state: str
    tried: int
    total: int
    problem: str
    findings: list[FoundOut]
    gone: list[GoneOut]


@router.post("/discovery-scans", response={200: ScanOut} | FAILURES, operation_id="discovery_start")
def start(request: HttpRequest, data: Body[NewScan]) -> ScanOut:
    """Begin a scan of networks that are permitted for discovery."""
    user = accounts.user_of(request)
    owner = Organisation.objects.visible_to(user).filter(pk=data.organisation).first()
    if owner is None:
        raise NotFound(mark("There is no organisation {pk}."), pk=data.organisation)
    order = Order(
        targets=data.targets.replace("\0", ""),
        wishes=services.wishes(data.protocols, data.ports),
        rate=data.rate,
        browse=data.browse,
    )
    return _out(services.start(user, owner, order))


@router.get("/discovery-scans/{pk}", response={200: ScanOut} | FAILURES, operation_id="discovery_scan")
def scan(request: HttpRequest, pk: Pk) -> ScanOut:
    """How far a scan is, and what it has found."""
    return _out(services.collect(services.scan_for(accounts.user_of(request), pk)))


@router.post("/discovery-scans/{pk}/stop", response={200: ScanOut} | FAILURES, operation_id="discovery_stop")
def stop(request: HttpRequest, pk: Pk) -> ScanOut:
    """End a scan; what it found stays."""
    user = accounts.user_of(request)
    return _out(services.stop(user, services.scan_for(user, pk)))


def _out(made: Scan) -> ScanOut:
    findings = list(made.findings.all())
    devices = services.configured(made.organisation, findings)
    return ScanOut(
        id=made.pk,
        organisation=made.organisation_id,
        gateway=made.gateway,
        targets=made.targets,
        state=made.state,
        tried=made.tried,
        total=made.total,
        problem=made.get_problem_display(),
        findings=[
            FoundOut(
                id=one.pk,
                address=one.address,
                port=one.port,
                protocol=one.protocol,
                driver=one.driver,
                vendor=one.vendor,
                product=one.product,
                version=one.version,
                serial_number=one.serial_number,
                detail=one.detail,
                news=one.news,
                device=devices[one.pk].pk if one.pk in devices else None,
                models=[ModelOut(type=kind, score=score) for kind, score in one.proposals],
                points=len(one.points_json),
            )
            for one in findings
        ],
        gone=[
            GoneOut(address=one.address, port=one.port, protocol=one.protocol, product=one.product)
            for one in services.gone(made)
        ],
    )
