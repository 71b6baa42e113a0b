"""The demonstration plant as records: enterprises, prefixes, places, devices. Entered once, on an empty node."""

from __future__ import annotations

from gongfu.data.alarms import demonstration as alarms
from gongfu.data.dashboards import demonstration as dashboards
from gongfu.data.performance import demonstration as performance
from gongfu.data.retrofit import demonstration as retrofit
from gongfu.governance.applications import demonstration as applications
from gongfu.governance.assessments import demonstration as assessments
from gongfu.governance.indicators import demonstration as indicators
from gongfu.governance.review import demonstration as review
from gongfu.governance.support import demonstration as support
from gongfu.identity.business import demonstration as business_demonstration
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.settings import SIMULATOR_PORTS, Settings
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.services import DeviceDraft, TagDraft
from gongfu.platform.map import demonstration as network_map
from gongfu.platform.northbound import services as northbound
from gongfu.simulators.plants.demonstration import demonstration
from gongfu.simulators.plants.plant import Enterprise, Plant, PlantDevice

ACTOR = "demonstration"


def seed(settings: Settings) -> None:
    """Enter the plant; an enterprise that is there already, from an earlier run, is left as people made it."""
    plant = demonstration(settings)
    operator = Organisation.objects.filter(parent=None).first()
    for enterprise in plant.enterprises:
        if not Organisation.objects.filter(code=enterprise.code).exists():
            _enter(settings, plant, enterprise, operator)
    first = Organisation.objects.filter(code=plant.enterprises[0].code).first()
    if first is not None:
        port = settings.simulator_base_port + SIMULATOR_PORTS
        northbound.offer_all(first, port, port + 1)
    if operator is not None:
        business_demonstration.seed(ACTOR, operator)
        if first is not None:
            support.seed(operator, first)
        indicators.seed(operator)
        if first is not None:
            assessments.seed(first)
        district = Organisation.objects.filter(code="district").first()
        if district is not None:
            applications.seed(district)
        office = Organisation.objects.filter(code=indicators.OFFICE).first()
        if office is not None and first is not None:
            review.seed(office, first)


def _enter(settings: Settings, plant: Plant, enterprise: Enterprise, operator: Organisation | None) -> None:
    organisation = accounts.create_organisation(
        enterprise.code, enterprise.name.zh, name_en=enterprise.name.en, parent=operator
    )
    registry.allot_prefix(ACTOR, organisation, f"{settings.identifier_prefix}.{enterprise.number}")
    for device in plant.of(enterprise.code):
        devices.create_device(ACTOR, organisation, _draft(settings, enterprise, device))
    network_map.seed(organisation, settings.node)
    performance.seed(organisation)
    if enterprise is plant.enterprises[0]:
        retrofit.seed(organisation)
        alarms.seed(organisation)
        dashboards.seed(organisation)


def _draft(settings: Settings, enterprise: Enterprise, device: PlantDevice) -> DeviceDraft:
    return DeviceDraft(
        key=device.key,
        name=device.name.zh,
        name_en=device.name.en,
        type=device.type,
        place=_place(enterprise, device.place),
        manufacturer=device.manufacturer,
        product=device.model,
        serial_number=device.serial,
        made_on=device.made_on,
        nameplate=device.nameplate,
        gateway=settings.node,
        driver=device.driver,
        options=device.options,
        interval=device.interval,
        tags=[TagDraft(key=tag.key, address=tag.address, scale=tag.scale) for tag in device.tags],
    )


def _place(enterprise: Enterprise, place_id: str) -> list[tuple[str, str]]:
    places = {place.id: place for place in enterprise.places}
    names: list[tuple[str, str]] = []
    while place_id:
        place = places[place_id]
        names.insert(0, (place.name.zh, place.name.en))
        place_id = place.parent
    return names
