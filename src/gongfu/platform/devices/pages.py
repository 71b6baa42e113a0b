"""Devices, tags and places in the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.pages.resource import Column, Filter, Resource, Section, Tab
from gongfu.network.drivers import registry as drivers
from gongfu.network.models import library
from gongfu.platform.devices import changes, file_pages, rules, services, setup_pages, version_pages
from gongfu.platform.devices.models import Device, Place, Tag


def type_name(device: Device) -> str:
    """Name of the device's type in the reader's language."""
    return dict(_types(None)).get(device.type, device.type)


def _types(_user: User | None) -> list[tuple[str, str]]:
    return [(model.id, model.name.in_language(get_language() or "")) for model in library.types()]


def _of_type(found: models.QuerySet[models.Model], chosen: list[str]) -> models.QuerySet[models.Model]:
    return found.filter(type__in=chosen)


@contextmanager
def _beside_the_field() -> Iterator[None]:
    """A rule's refusal becomes the field's message."""
    try:
        yield
    except GongfuError as error:
        raise ValidationError(error.text(get_language())) from error


class DeviceForm(forms.ModelForm[Device]):
    """Checks what the model alone cannot: key, type and the driver's options."""

    type = forms.ChoiceField(label=_("Type"))
    driver = forms.ChoiceField(label=_("Driver"))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["type"].choices = _types(None)  # type: ignore[attr-defined]
        self.fields["driver"].choices = [  # type: ignore[attr-defined]
            (name, drivers.manifest(name).protocol) for name in drivers.names()
        ]
        self.fields["options"].help_text = "; ".join(_options(name) for name in drivers.names())

    def clean_key(self) -> str:
        """The key, fit for topics and identifiers."""
        with _beside_the_field():
            return rules.check_key(self.cleaned_data["key"])

    def clean_options(self) -> dict[str, object]:
        """Options against the driver's manifest."""
        options = self.cleaned_data["options"] or {}
        if "driver" in self.cleaned_data:
            with _beside_the_field():
                changes.check_options(self.cleaned_data["driver"], options)
        return options


def _options(driver: str) -> str:
    """``modbus: host*, port, unit``: what a driver can be told, needed ones starred."""
    options = drivers.manifest(driver).options
    return f"{driver}: " + ", ".join(f"{name}{'*' if option.required else ''}" for name, option in options.items())


def _lead(request: HttpRequest) -> str:
    overview = services.overview(accounts.user_of(request))
    return ngettext(
        "%(online)d of %(total)d device online", "%(online)d of %(total)d devices online", overview.total
    ) % {"online": overview.online, "total": overview.total}


def _devices(user: User) -> models.QuerySet[Device]:
    return Device.objects.visible_to(user).select_related("organisation", "place")


def _nameplate(_request: HttpRequest, device: Device) -> dict[str, object]:
    model = library.type_by_id(device.type)
    language = get_language() or ""
    lines = [
        (field.name.in_language(language), device.nameplate[field.key], field.unit)
        for field in model.nameplate
        if field.key in device.nameplate
    ]
    return {"model": model, "model_name": model.name.in_language(language), "lines": lines}


def _tags(_request: HttpRequest, device: Device) -> dict[str, object]:
    return {"tags": list(device.tags.all()), "options": device.options.items()}


PLACES: Resource[Place] = Resource(
    model=Place,
    room="platform",
    slug="places",
    icon="map-pin",
    columns=[Column("path", _("Place"), render=str), Column("kind"), Column("organisation")],
    search=["path", "name_en"],
    filters=["kind", "organisation"],
    form=[Section(_("Place"), ["organisation", "name", "name_en", "kind", "parent"])],
    save=changes.save_place,
    ordering="path",
    empty=_("Places say where devices stand: site, workshop, line. Create the site first."),
)

TAGS: Resource[Tag] = Resource(
    model=Tag,
    room="platform",
    slug="tags",
    icon="activity",
    columns=[
        Column("name", render=str),
        Column("device"),
        Column("key"),
        Column("unit"),
        Column("address"),
        Column("organisation", shown=False),
    ],
    search=["name", "name_en", "key", "device__name", "device__key"],
    filters=["device", "kind", "organisation"],
    queryset=lambda user: Tag.objects.visible_to(user).select_related("device", "organisation"),
    form=[
        Section(_("Meaning"), ["device", "key", "name", "name_en", "kind", "unit", "decimals", "primary", "position"]),
        Section(
            _("Where it is read"),
            ["address", "scale", "offset", "low", "high", "deadband", "percent", "silence", "interval"],
            _("The address is in the driver's notation. Value = raw × scale + offset."),
        ),
    ],
    save=changes.save_tag,
    remove=changes.remove_tag,
    ordering="name",
    empty=_("Tags are the quantities of a device. They come with its type; add others here."),
)

DEVICES: Resource[Device] = Resource(
    model=Device,
    room="platform",
    slug="devices",
    icon="cpu",
    columns=[
        Column("name", template="devices/cells/name.html"),
        Column("connection", template="devices/cells/connection.html"),
        Column("type", _("Type"), render=type_name),
        Column("place"),
        Column("organisation"),
        Column("last_reading_at", template="devices/cells/last_reading.html"),
        Column("identifier", template="devices/cells/identifier.html"),
        Column("driver", shown=False),
        Column("gateway", shown=False),
        Column("serial_number", shown=False),
        Column("life", shown=False),
    ],
    search=["name", "name_en", "key", "identifier", "serial_number"],
    filters=["connection", Filter("type", _("Type"), _of_type, _types), "organisation", "driver", "gateway", "life"],
    ordering="name",
    queryset=_devices,
    form=[
        Section(_("Basics"), ["organisation", "key", "name", "name_en", "type", "place"]),
        Section(_("Nameplate"), ["manufacturer", "product", "serial_number", "made_on"]),
        Section(
            _("How it is reached"),
            ["gateway", "driver", "options", "interval"],
            _("Options are names with values; those with a star are needed. Each driver's README explains its own."),
        ),
    ],
    form_class=DeviceForm,
    save=changes.save_device,
    remove=changes.remove_device,
    summary="devices/summary.html",
    detail=[
        "name",
        "name_en",
        "key",
        "organisation",
        "type",
        "place",
        "identifier",
        "life",
        "manufacturer",
        "product",
        "serial_number",
        "made_on",
        "gateway",
        "driver",
        "options",
        "interval",
        "connection",
        "connection_since",
        "last_reading_at",
        "problem",
    ],
    lead=_lead,
    live=5,
    tabs=[
        Tab("tags", _("Tags and connection"), "devices/tags.html", _tags),
        Tab("nameplate", _("Nameplate"), "devices/nameplate.html", _nameplate),
        Tab("configuration", _("Versions"), "devices/versions.html", version_pages.of_device),
    ],
    empty=_("Devices report their values here. Add the first one, or start the demonstration plant."),
)

RESOURCES = (DEVICES, TAGS, PLACES, version_pages.VERSIONS, version_pages.APPROVALS)
urlpatterns = [*setup_pages.urlpatterns, *file_pages.urlpatterns]
