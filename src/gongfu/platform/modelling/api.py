"""Models for programs, beyond what every resource has: content, proposals, binding, conformance."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Body, Router
from pydantic import BaseModel, Field

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.schemas import Wire
from gongfu.network.models.types import DeviceType
from gongfu.platform.devices import services as devices
from gongfu.platform.modelling import model_tabs, services
from gongfu.platform.modelling.models import Binding

router = Router()
Key = Annotated[str, Field(max_length=64)]
Pk = Annotated[int, Field(ge=1, lt=2**63)]


class PairOut(BaseModel):
    """A tag of the device for a tag of the model."""

    model_tag: str
    device_tag: str
    score: float
    reasons: list[str]


class ProposalOut(BaseModel):
    """A model that may fit."""

    model: int
    code: str
    version: str
    score: float
    reasons: list[str]
    pairs: list[PairOut]
    missing: list[str]


class NewBinding(Wire):
    """A decision: which model, and which tag stands for which; without pairs the proposed ones."""

    model: Pk
    pairs: dict[Key, Key] | None = None


class FindingOut(BaseModel):
    """One thing that is not as it should be."""

    tag: str
    code: str
    severity: str
    message: str
    remedy: str


class ConformanceOut(BaseModel):
    """How well a device keeps its model."""

    device: int
    model: int
    code: str
    version: str
    percent: float
    conforms: bool
    pairs: dict[str, str]
    findings: list[FindingOut]


@router.get(
    "/device-models/{device}/proposals",
    response={200: list[ProposalOut]} | FAILURES,
    operation_id="modelling_proposals",
)
def proposals(request: HttpRequest, device: Pk) -> list[ProposalOut]:
    """Models that may fit the device, best first, with score and reason of every pair of tags."""
    user = accounts.user_of(request)
    return [
        ProposalOut(
            model=model.pk,
            code=model.code,
            version=model.version,
            score=proposal.score,
            reasons=list(proposal.reasons),
            pairs=[PairOut(**pair._asdict()) for pair in proposal.pairs],
            missing=[tag.key for tag in proposal.missing],
        )
        for model, proposal in services.propose(user, devices.device_for(user, device))
    ]


@router.put("/device-models/{device}", response={200: ConformanceOut} | FAILURES, operation_id="modelling_bind")
def bind(request: HttpRequest, device: Pk, data: Body[NewBinding]) -> ConformanceOut:
    """Bind the device; the answer is its first conformance report."""
    user = accounts.user_of(request)
    found = devices.device_for(user, device)
    model = services.model_for(user, data.model)
    pairs = data.pairs
    if pairs is None:
        pairs = {pair.model_tag: pair.device_tag for pair in services.fit(found, model).pairs}
    return _out(services.bind(user, found, model, pairs))


@router.get("/device-models/{device}", response={200: ConformanceOut} | FAILURES, operation_id="modelling_conformance")
def conformance(request: HttpRequest, device: Pk) -> ConformanceOut:
    """The device's binding and its newest report."""
    found, binding = services.bound_for(accounts.user_of(request), device)
    if binding is None:
        raise NotFound(
            mark("{device} is bound to no model."), remedy=mark("Bind it to one of its proposals."), device=found.key
        )
    return _out(binding)


@router.get("/models/{pk}/{kind}", response={200: None} | FAILURES, operation_id="modelling_export")
def export(request: HttpRequest, pk: Pk, kind: str) -> HttpResponse:
    """The model as ``nodeset2``, ``json-schema``, ``aas`` or ``json``."""
    _name, media, content = services.export(services.model_for(accounts.user_of(request), pk), kind)
    return HttpResponse(content, content_type=media)


def _out(binding: Binding) -> ConformanceOut:
    found = services.report_of(binding)
    spec: DeviceType = binding.model.spec
    names = {tag.key: tag.key for tag in spec.tags}
    said = [(finding, *model_tabs.texts(finding, names)) for finding in found.findings]
    return ConformanceOut(
        device=binding.device_id,
        model=binding.model_id,
        code=binding.model.code,
        version=binding.model.version,
        percent=found.percent,
        conforms=found.conforms,
        pairs=binding.pairs,
        findings=[
            FindingOut(tag=finding.tag, code=finding.code, severity=finding.severity, message=message, remedy=remedy)
            for finding, _name, message, remedy in said
        ],
    )
