"""Which drivers there are, what they can do and which options they take.

Built-ins stand in :data:`BUILT_IN`; outsiders register an entry point in the group ``gongfu.drivers`` whose
name is the driver's and whose value is a package with the same three files.

    name = "modbus"
    protocol = "Modbus TCP"
    library = "pymodbus"
    kind = "polled"                    # or "fed": messages come through the node's MQTT listener
    capabilities = ["read", "write"]   # browse read subscribe write serve simulate
    quality = "silver"                 # bronze: runs; silver: + faults tested; gold: + measured, interoperable
    [options.host]
    type = "text"                      # text integer number boolean
    required = true
    help = "Address of the device"
    [options.line]
    type = "text"
    required_when = { transport = ["rtu", "ascii"] }   # needed when another option has one of these values
    help = "Serial port"
    [options.port]
    type = "integer"
    default = 502
    minimum = 1
    maximum = 65535
    help = "TCP port"
    [discovery]                        # optional: how a scan finds such devices
    ports = [502]
    tries = [{unit = 1}, {unit = 255}] # options to try one after the other, until a device answers
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal, cast

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, Driver, FeedDriver
from gongfu.network.gateway.config import DeviceConfig

BUILT_IN = (
    *(
        "bacnet",
        "ethernetip",
        "files",
        "http",
        "iec104",
        "lines",
        "melsec",
        "modbus",
        "mqtt",
        "mtconnect",
        "opcua",
        "s7",
    ),
    *("sparkplug", "sql", "virtual"),
)
ENTRY_POINTS = "gongfu.drivers"

_TYPES = {"text": str, "integer": int, "number": float, "boolean": bool}
Value = str | int | float | bool


class Kind(StrEnum):
    """Who speaks first: the gateway (polled) or the device (fed)."""

    POLLED = "polled"
    FED = "fed"


class Capability(StrEnum):
    """What a driver can do beside connecting."""

    BROWSE = "browse"
    READ = "read"
    SUBSCRIBE = "subscribe"
    WRITE = "write"
    SERVE = "serve"
    SIMULATE = "simulate"


class QualityLevel(StrEnum):
    """bronze: runs. silver: its faults have tests. gold: measured, and tried against foreign programs."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


class OptionType(StrEnum):
    """Types an option can have; ``integer`` values are accepted where ``number`` is asked for."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One option of a driver. ``choices``, ``minimum`` and ``maximum`` are optional limits."""

    type: OptionType
    help: str
    default: Value | None = None
    required: bool = False
    required_when: dict[str, list[Value]] = {}
    """Needed as well when another option has one of these values."""
    secret: bool = False
    """Shown as dots in forms, never written to a log."""
    choices: list[str] = []
    minimum: float | None = None
    maximum: float | None = None


class Discovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a scan finds such devices: by questions that read only, at ``ports``."""

    ports: list[int]
    transport: Literal["tcp", "udp"] = "tcp"
    probe: str = "session"
    """``session``: the driver's own session says who the device is; else a probe of gongfu.network.discovery."""
    tries: list[dict[str, Value]] = msgspec.field(default_factory=lambda: [{}])
    """Options beside the address, tried one after the other until a device answers."""
    gentle: dict[str, Value] = {}
    """Options for the scan only: shorter time-outs, no repetitions."""
    endpoint: str = ""
    """``option=template`` with {host} and {port} when the driver has no options host and port."""
    browse: bool = False
    """Whether what a device holds tells what it is."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``manifest.toml`` of a driver."""

    name: str
    protocol: str
    library: str
    capabilities: list[Capability]
    quality: QualityLevel
    kind: Kind = Kind.POLLED
    arrays: bool = False
    """Whether it reads arrays for tags of that kind."""
    options: dict[str, Option] = {}
    discovery: Discovery | None = None


def names() -> list[str]:
    """Every driver there is, sorted."""
    return sorted(_packages())


@cache
def manifest(name: str) -> Manifest:
    """The manifest of driver ``name``; raises :class:`BadConfiguration` when there is no such driver."""
    return read_manifest((files(_package(name)) / "manifest.toml").read_bytes())


def read_manifest(data: bytes) -> Manifest:
    """Parse and check one manifest; a wrong one is a fault of its author and raises ``msgspec.ValidationError``."""
    parsed = msgspec.toml.decode(data, type=Manifest)
    for name, option in parsed.options.items():
        if option.default is not None:
            _checked(parsed.name, name, option, option.default)
        unknown = set(option.required_when) - set(parsed.options)
        if unknown:
            raise msgspec.ValidationError(f"{name} is required when {', '.join(unknown)}, which is no option")
    return parsed


def polled(name: str) -> Driver:
    """The module of a polled driver."""
    return cast("Driver", importlib.import_module(f"{_package(name)}.driver"))


def fed(name: str) -> FeedDriver:
    """The module of a fed driver."""
    return cast("FeedDriver", importlib.import_module(f"{_package(name)}.driver"))


def complete(device: DeviceConfig) -> DeviceConfig:
    """``device`` with every option checked and the defaults filled in.

    Raises :class:`BadConfiguration` for a driver nobody knows and for an unknown, missing or wrong option.
    """
    known = manifest(device.driver)
    for name in device.options:
        if name not in known.options:
            near = difflib.get_close_matches(name, known.options, 1)
            raise BadConfiguration(
                mark("The driver {driver} has no option {option}."),
                remedy=mark("Did you mean {near}?") if near else mark("Leave it out."),
                driver=device.driver,
                option=name,
                near=near[0] if near else "",
            )
    options: dict[str, Value] = {}
    for name, option in known.options.items():
        if name in device.options:
            options[name] = _checked(device.driver, name, option, device.options[name])
        elif option.required:
            raise _missing(device.driver, name, option)
        elif option.default is not None:
            options[name] = option.default
    for name, option in known.options.items():
        wanted = any(options.get(other) in values for other, values in option.required_when.items())
        if wanted and options.get(name, "") == "":
            raise _missing(device.driver, name, option)
    return msgspec.structs.replace(device, options=options)


def _missing(driver: str, name: str, option: Option) -> BadConfiguration:
    return BadConfiguration(
        mark("The driver {driver} needs the option {option}."),
        remedy=mark("Fill it in: {help}"),
        driver=driver,
        option=name,
        help=option.help,
    )


def _checked(driver: str, name: str, option: Option, value: Value) -> Value:
    wanted = _TYPES[option.type]
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    fits = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    if fits and option.choices:
        fits = value in option.choices
    if fits and not isinstance(value, str | bool):
        low = option.minimum if option.minimum is not None else value
        high = option.maximum if option.maximum is not None else value
        fits = low <= value <= high  # false for NaN
    if fits:
        return value
    allowed: str = option.type
    if option.choices:
        allowed = ", ".join(option.choices)
    elif option.minimum is not None or option.maximum is not None:
        lowest = "" if option.minimum is None else f"{option.minimum:.15g}"
        highest = "" if option.maximum is None else f"{option.maximum:.15g}"
        allowed = f"{option.type} {lowest}…{highest}"
    raise BadConfiguration(
        mark("The option {option} of the driver {driver} cannot be {value}."),
        remedy=mark("Allowed: {allowed}."),
        driver=driver,
        option=name,
        value="***" if option.secret else repr(value)[:100],
        allowed=allowed,
    )


def _package(name: str) -> str:
    package = _packages().get(name)
    if package is None:
        raise BadConfiguration(
            mark("There is no driver {driver}."),
            remedy=mark("Use one of: {drivers}."),
            driver=name[:100],
            drivers=", ".join(names()),
        )
    return package


@cache
def _packages() -> Mapping[str, str]:
    found = {point.name: point.value for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    return found | {name: f"gongfu.network.drivers.{name}" for name in BUILT_IN}
