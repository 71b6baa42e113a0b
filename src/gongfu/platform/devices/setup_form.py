"""What the page that sets a device up holds: read from a request or a device, shown, turned into a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry as drivers
from gongfu.platform.devices import connection, gateways, rows, versions
from gongfu.platform.devices.document import DeviceDocument, Option, Problem, model_of, written
from gongfu.platform.devices.models import Device
from gongfu.platform.devices.prefilling import Prefill
from gongfu.platform.devices.rows import Row

TEXTS = ("key", "name", "name_en", "type", "place", "manufacturer", "product", "serial_number", "gateway", "interval")
"""Fields of the device that are one text in the form."""


@dataclass
class Setup:
    """The page's state. ``texts`` are what people typed; ``errors`` what is wrong, by field."""

    driver: str
    organisation: Organisation
    device: Device | None = None
    texts: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    options: dict[str, Option] = field(default_factory=dict)
    secrets: dict[str, Option] = field(default_factory=dict)
    sent: dict[str, str] | None = None
    errors: dict[str, str] = field(default_factory=dict)
    option_errors: dict[str, GongfuError] = field(default_factory=dict)

    @property
    def manifest(self) -> drivers.Manifest:
        """Of the driver."""
        return drivers.manifest(self.driver)

    @property
    def held(self) -> list[str]:
        """Names of the passwords that the device has."""
        return sorted(self.device.secret_options) if self.device and self.device.driver == self.driver else []

    @property
    def fields(self) -> list[connection.Field]:
        """The connection, as the page shows it."""
        return connection.fields(self.driver, self.options, self.held, self.sent, self.option_errors)

    def all_options(self) -> dict[str, Option]:
        """Options with every password that is known: for the gateway only."""
        kept = self.device.secret_options if self.device and self.held else {}
        merged = {**self.options, **kept, **self.secrets}
        return {name: value for name, value in merged.items() if name in self.options or value != ""}

    def check_connection(self) -> None:
        """Raise what is wrong with the connection, if something is: it must be tried by a gateway of its owner, too."""
        gateways.check(self.organisation, self.texts["gateway"])
        for error in self.option_errors.values():
            raise error

    def document(self) -> DeviceDocument | None:
        """What was entered; None, with :attr:`errors`, when it cannot be one."""
        tags, self.rows = rows.documents(self.rows)
        interval = rows.number_in(self.texts["interval"] or "1")
        if interval is None:
            self.errors["interval"] = Invalid(mark("{value} is no number."), value=self.texts["interval"]).text()
        if not self.texts["type"]:
            self.errors["type"] = _("Choose what it is.")
        if self.errors or self.option_errors or any(row.errors for row in self.rows):
            return None
        return DeviceDocument(
            key=self.texts["key"],
            name=self.texts["name"],
            name_en=self.texts["name_en"],
            type=self.texts["type"],
            place=self.texts["place"],
            manufacturer=self.texts["manufacturer"],
            product=self.texts["product"],
            serial_number=self.texts["serial_number"],
            gateway=self.texts["gateway"],
            driver=self.driver,
            options=self.options,
            interval=1.0 if interval is None else interval,
            made_on=self.device.made_on if self.device else None,
            nameplate=dict(self.device.nameplate) if self.device else {},
            tags=tags,
        )

    def mark(self, problems: Sequence[Problem]) -> None:
        """Put the problems of a document where they belong."""
        self.rows = rows.marked(self.rows, problems)
        for problem in problems:
            if problem.tag is None:
                self.errors[problem.field] = problem.error.text()


def owners(request: HttpRequest) -> list[Organisation]:
    """Organisations whose devices the user may edit, the active one first."""
    user = accounts.user_of(request)
    active = accounts.active_organisation(request)
    visible = Organisation.objects.visible_to(user)
    found = [organisation for organisation in visible if can_edit.test(user, organisation)]
    return sorted(found, key=lambda organisation: organisation != active)


def owner(request: HttpRequest, sent: QueryDict | None = None) -> Organisation:
    """The organisation that the form names, or the first; raises :class:`Forbidden`."""
    found = owners(request)
    wanted = sent.get("organisation", "") if sent is not None else ""
    chosen = next((organisation for organisation in found if str(organisation.pk) == wanted), None)
    if chosen is None and found and not wanted:
        chosen = found[0]
    if chosen is None:
        raise Forbidden(
            mark("You may not set up devices here."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
        )
    return chosen


def blank(request: HttpRequest, driver: str, wanted: Organisation | None = None) -> Setup:
    """A new device, with a key and a name that are free."""
    allowed = wanted is not None and can_edit.test(_user(request), wanted)
    organisation = wanted if wanted is not None and allowed else owner(request)
    protocol = drivers.manifest(driver).protocol
    stem = re.sub(r"[^A-Za-z0-9]+", "-", driver).strip("-").upper()[:40]
    taken = set(Device.objects.filter(organisation=organisation).values_list("key", flat=True))
    number = next(n for n in range(1, len(taken) + 2) if f"{stem}-{n}" not in taken)
    texts = dict.fromkeys(TEXTS, "") | {
        "key": f"{stem}-{number}",
        "name": f"{protocol} {number}"[:80],
        "gateway": gateways.own(),
        "interval": "1",
    }
    return Setup(driver, organisation, texts=texts)


def prefilled(request: HttpRequest, known: Prefill) -> Setup:
    """A new device of which something is known."""
    setup = blank(request, known.driver, known.organisation)
    setup.options = {name: value for name, value in known.options.items() if name in setup.manifest.options}
    setup.texts |= {name: text for name, text in known.texts.items() if name in TEXTS and text}
    setup.rows = list(rows.add([], rows.of_points(known.points), model_of(setup.texts["type"])))
    return setup


def of_device(device: Device) -> Setup:
    """A device as it is configured."""
    document = versions.fresh(device)
    return Setup(
        device.driver,
        device.organisation,
        device,
        texts={name: written(getattr(document, name)) for name in TEXTS},
        rows=[rows.of(tag) for tag in document.tags],
        options=dict(document.options),
    )


def sent(request: HttpRequest, device: Device | None) -> Setup:
    """What the form of ``device``, or of a new one, says."""
    data = request.POST
    if device is not None and not can_edit.test(_user(request), device):
        raise Forbidden(mark("You may not change this device."))
    organisation = device.organisation if device is not None else owner(request, data)
    driver = data.get("driver", "")
    drivers.manifest(driver)  # raises for one that nobody knows
    made = Setup(driver, organisation, device)
    made.texts = {name: _clean(data.get(name, "")) for name in TEXTS}
    if device is not None:
        made.texts["key"] = device.key
    made.texts["gateway"] = made.texts["gateway"] or gateways.own()
    made.sent = {name: _clean(data.get(name, "")) for name in data if name.startswith(connection.PREFIX)}
    read = connection.read(driver, made.sent, made.held)
    made.options, made.secrets, made.option_errors = read.options, read.secrets, read.errors
    columns = {name: [_clean(value) for value in data.getlist(name)] for name in data if name.startswith("tag-")}
    made.rows = rows.sent(columns)
    return made


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:10_000].strip()


def _user(request: HttpRequest) -> User:
    return accounts.user_of(request)
