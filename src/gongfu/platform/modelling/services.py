"""The door to information models in use: find, propose, bind, check, draft, export.

Every function that takes a user sees only the library and what that user's organisations own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec
from django.db import transaction
from django.utils import timezone

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models import conformance, library, proposing, versions
from gongfu.network.models.conformance import BoundTag, Report
from gongfu.network.models.exporting import aas, json_schema, opcua
from gongfu.network.models.proposing import DeviceFacts, Proposal, TagFacts
from gongfu.network.models.types import DeviceType, Kind
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.modelling import observing
from gongfu.platform.modelling.models import Binding as Binding  # for the modules above
from gongfu.platform.modelling.models import InformationModel as InformationModel

EXPORTS = {
    "nodeset2": ("NodeSet2.xml", "application/xml"),
    "json-schema": ("schema.json", "application/schema+json"),
    "aas": ("aas.json", "application/json"),
    "json": ("model.json", "application/json"),
}
"""Kinds of export: end of the file's name and its media type."""


def model_for(user: User, pk: int) -> InformationModel:
    """The version, or :class:`NotFound` also when it is another organisation's."""
    try:
        return InformationModel.objects.visible_to(user).select_related("organisation").get(pk=pk)
    except InformationModel.DoesNotExist:
        raise NotFound(mark("There is no information model {pk}."), pk=pk) from None


def usable(user: User, organisation: Organisation) -> list[InformationModel]:
    """Published versions that devices of ``organisation`` may be bound to."""
    published = InformationModel.objects.visible_to(user).filter(state=InformationModel.State.PUBLISHED)
    return [model for model in published if model.organisation_id in (None, organisation.pk)]


def facts(device: Device) -> DeviceFacts:
    """What is known of a device, its recent values included where telemetry answers."""
    tags = list(device.tags.all())
    seen = _observed(device, tags)
    return DeviceFacts(
        name=f"{device.name} {device.name_en}",
        manufacturer=device.manufacturer,
        product=device.product,
        type=device.type,
        tags=[
            TagFacts(
                key=tag.key,
                name=tag.name,
                name_en=tag.name_en,
                kind=_kind(tag),
                unit=tag.unit,
                lowest=seen[tag.pk].lowest if tag.pk in seen else None,
                highest=seen[tag.pk].highest if tag.pk in seen else None,
                falls=seen[tag.pk].falls if tag.pk in seen else None,
                distinct=len(seen[tag.pk].values) or None if tag.pk in seen else None,
            )
            for tag in tags
        ],
    )


def propose(user: User, device: Device) -> list[tuple[InformationModel, Proposal]]:
    """Models that may fit the device, best first."""
    by_spec = {(model.code, model.version, model.organisation_id): model for model in usable(user, device.organisation)}
    specs = {key: model.spec for key, model in by_spec.items()}
    owners = {id(spec): by_spec[key] for key, spec in specs.items()}
    found = proposing.propose(facts(device), specs.values())
    return [(owners[id(proposal.model)], proposal) for proposal in found]


def fit(device: Device, model: InformationModel) -> Proposal:
    """How one model fits the device."""
    return proposing.fit(facts(device), model.spec)


def bind(user: User, device: Device, model: InformationModel, pairs: Mapping[str, str]) -> Binding:
    """Confirm that ``device`` follows ``model`` by ``pairs``, model tag key → device tag key, and check it.

    Raises :class:`Forbidden`, :class:`Invalid` for pairs that do not exist or use a tag twice, :class:`Conflict` for
    a model that is not published.
    """
    if not can_edit.test(user, device):
        raise Forbidden(mark("You may not bind {device}."), remedy=mark("Ask an engineer."), device=device.key)
    if model.state != InformationModel.State.PUBLISHED or model.organisation_id not in (None, device.organisation_id):
        raise Conflict(mark("{model} cannot be bound."), remedy=mark("Choose a published model."), model=str(model))
    known, spec = {tag.key for tag in device.tags.all()}, model.spec
    for of_type, key in pairs.items():
        if spec.tag(of_type) is None or key not in known:
            raise Invalid(
                mark("{tag} and {other} cannot be bound: one of them does not exist."),
                remedy=mark("Load the page again."),
                tag=of_type[:63],
                other=key[:64],
            )
    if len(set(pairs.values())) < len(pairs):
        raise Invalid(
            mark("One tag of the device is bound twice."), remedy=mark("Choose another one, or none, for one of them.")
        )
    with transaction.atomic():
        before = Binding.objects.filter(device=device).first()
        binding = before or Binding(device=device, created_by=user)
        earlier = audit.state(before) if before else None
        binding.organisation, binding.model, binding.pairs = device.organisation, model, dict(pairs)
        binding.confirmed_by, binding.confirmed_at = user.get_username(), timezone.now()
        _check(binding)
        binding.save()
        audit.record(user, "bind", binding, before=earlier, after={"model": str(model), "tags": len(pairs)})
    return binding


def unbind(user: User, binding: Binding) -> None:
    """The device follows no model any more."""
    audit.record(user, "unbind", binding, before={"model": str(binding.model)})
    binding.delete()


def check(binding: Binding) -> Report:
    """Check again and keep the result."""
    found = _check(binding)
    binding.save()
    return found


def binding_of(user: User, device: Device) -> Binding | None:
    """How the device is bound, None when it is not."""
    return Binding.objects.visible_to(user).select_related("model", "device").filter(device=device).first()


def model_of(device: Device) -> DeviceType | None:
    """The model that the device follows: as bound, else the library's of its type; None for neither."""
    binding = Binding.objects.select_related("model").filter(device=device).first()
    if binding is not None:
        return binding.model.spec
    try:
        return library.type_by_id(device.type)
    except NotFound:
        return None


def report_of(binding: Binding) -> Report:
    """What was found when it was last checked."""
    return msgspec.convert(binding.report or {"percent": 0.0, "findings": [], "checked": 0}, Report)


def bound_for(user: User, device: int) -> tuple[Device, Binding | None]:
    """A device and its binding; raises :class:`NotFound`."""
    found = devices.device_for(user, device)
    return found, binding_of(user, found)


def _check(binding: Binding) -> Report:
    device = binding.device
    tags = {tag.key: tag for tag in device.tags.all()}
    seen = _observed(device, list(tags.values()))
    bound = {of_type: _bound(tags[key], seen) for of_type, key in binding.pairs.items() if key in tags}
    stale_after = max(conformance.STALE_AFTER, 10 * device.interval)
    found = conformance.report(binding.model.spec, bound, stale_after=stale_after)
    binding.percent, binding.report = found.percent, msgspec.to_builtins(found)
    binding.errors, binding.warnings = found.count("error"), found.count("warning")
    binding.checked_at = timezone.now()
    return found


def _bound(tag: Tag, seen: Mapping[int, observing.Observed]) -> BoundTag:
    lately = seen.get(tag.pk, observing.Observed())
    return BoundTag(
        key=tag.key,
        name=tag.name,
        kind=_kind(tag),
        unit=tag.unit,
        age=lately.age,
        lowest=lately.lowest,
        highest=lately.highest,
        codes=list(lately.values),
    )


def _observed(device: Device, tags: Sequence[Tag]) -> Mapping[int, observing.Observed]:
    try:
        return observing.observe(device.organisation_id, [tag.pk for tag in tags])
    except GongfuError:
        return {}  # a proposal without behaviour is better than none


def _kind(tag: Tag) -> Kind:
    kind: Kind = msgspec.convert(tag.kind, Kind)
    return kind


def owners_for(user: User) -> list[Organisation]:
    """Organisations that the user may draft models for."""
    own = (membership.organisation for membership in user.memberships_cached)
    return list(dict.fromkeys(organisation for organisation in own if can_edit.test(user, organisation)))


def draft_from(user: User, organisation: Organisation, spec: DeviceType, origin: str = "own") -> InformationModel:
    """A draft of ``organisation`` with what ``spec`` says, under a version that is free."""
    if not can_edit.test(user, organisation):
        raise Forbidden(
            mark("You may not draft models for {organisation}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            organisation=organisation.name,
        )
    taken = InformationModel.objects.filter(organisation=organisation, code=spec.id)
    newest = taken.order_by("-number").first()
    version = versions.next_version(newest.version, "additive") if newest else spec.version
    model = InformationModel(organisation=organisation, origin=origin, created_by=user)
    model.take(msgspec.structs.replace(spec, version=version))
    model.derive()
    model.save()
    audit.record(user, "create", model, after={"code": model.code, "version": model.version})
    return model


def store(model: InformationModel, user: User, is_new: bool) -> None:
    """Store a draft from a form or the API; raises :class:`Conflict` for anything but a draft."""
    if model.state != InformationModel.State.DRAFT:
        raise Conflict(
            mark("{model} is no draft; it cannot be changed."), remedy=mark("Make a new version."), model=str(model)
        )
    if is_new:
        model.created_by = user
    model.derive()
    model.save()


def write_content(user: User, model: InformationModel, text: str) -> None:
    """Replace what a draft says by the JSON in ``text``; raises :class:`Invalid` with every reason."""
    try:
        spec = msgspec.json.decode(text, type=DeviceType)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise library.unusable(model.code, [str(error)]) from error
    before = audit.state(model)
    model.take(library.checked(model.code, msgspec.structs.replace(spec, id=model.code)))
    store(model, user, False)
    audit.record(user, "change", model, before=before, after=audit.state(model))


def versions_of(user: User, model: InformationModel) -> list[InformationModel]:
    """Every version of the same model, newest first."""
    found = InformationModel.objects.visible_to(user).filter(organisation=model.organisation, code=model.code)
    return list(found.order_by("-number"))


def export(model: InformationModel, kind: str) -> tuple[str, str, bytes]:
    """File name, media type and content; raises :class:`NotFound` for a kind nobody knows."""
    if kind not in EXPORTS:
        raise NotFound(
            mark("There is no export {kind}."),
            remedy=mark("Use one of: {known}."),
            kind=kind[:40],
            known=", ".join(EXPORTS),
        )
    ending, media = EXPORTS[kind]
    spec = model.spec
    published = model.created_at.astimezone(dt.UTC).strftime("%Y-%m-%dT00:00:00Z")
    match kind:
        case "nodeset2":
            content = opcua.write(spec, published)
        case "json-schema":
            content = json_schema.write(spec)
        case "aas":
            content = aas.write(spec)
        case _:
            content = msgspec.json.format(msgspec.json.encode(spec), indent=2)
    return f"{spec.id}-{spec.version}.{ending}", media, content
