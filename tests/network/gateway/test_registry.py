"""Manifests and the options they allow."""

from __future__ import annotations

import msgspec
import pytest

from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.gateway.config import DeviceConfig

MANIFEST = b"""
name = "modbus"
protocol = "Modbus TCP"
library = "pymodbus"
capabilities = ["read"]
quality = "bronze"
[options.host]
type = "text"
required = true
help = "Address of the device"
[options.port]
type = "integer"
default = 502
minimum = 1
maximum = 65535
help = "TCP port"
[options.timeout]
type = "number"
default = 3
help = "Seconds"
[options.order]
type = "text"
default = "big"
choices = ["big", "little"]
help = "Order of words"
[options.fast]
type = "boolean"
help = "Whether to hurry"
[options.password]
type = "text"
secret = true
help = "Password"
"""


@pytest.fixture(autouse=True)
def _one_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = registry.read_manifest(MANIFEST)

    def manifest(name: str) -> registry.Manifest:
        assert name == "modbus"
        return parsed

    monkeypatch.setattr(registry, "manifest", manifest)


def device(**options: str | float | bool) -> DeviceConfig:
    return DeviceConfig(device=1, org=7, org_code="acme", name="m", driver="modbus", options=options)


def test_defaults_are_filled_in_and_whole_numbers_are_numbers() -> None:
    options = registry.complete(device(host="a", timeout=2)).options
    assert options == {"host": "a", "port": 502, "timeout": 2.0, "order": "big"}
    assert isinstance(options["timeout"], float)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "needs the option host. Fill it in: Address of the device"),
        ({"hots": "a"}, "no option hots. Did you mean host?"),
        ({"host": "a", "zzz": 1}, "no option zzz. Leave it out."),
        ({"host": 5}, "host of the driver modbus cannot be 5. Allowed: text."),
        ({"host": "a", "port": "502"}, "cannot be '502'. Allowed: integer 1…65535."),
        ({"host": "a", "port": True}, "cannot be True"),
        ({"host": "a", "port": 0}, "cannot be 0. Allowed: integer 1…65535."),
        ({"host": "a", "port": 1.5}, "cannot be 1.5"),
        ({"host": "a", "timeout": float("nan")}, "cannot be nan"),
        ({"host": "a", "order": "middle"}, "Allowed: big, little."),
        ({"host": "a", "fast": 1}, "cannot be 1. Allowed: boolean."),
        ({"host": "a", "password": 1234}, "password of the driver modbus cannot be ***. Allowed: text."),
    ],
)
def test_wrong_options_are_named_with_what_is_allowed(options: dict[str, str | float | bool], problem: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        registry.complete(device(**options))
    assert problem in str(caught.value)


def test_an_unknown_driver_is_named_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(BadConfiguration, match=r"no driver telepathy\. Use one of: .*modbus, .*sparkplug"):
        registry.manifest("telepathy")


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_built_in_has_a_manifest_and_the_module_it_promises(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.undo()
    manifest = registry.manifest(name)
    assert manifest.name == name
    if manifest.kind is registry.Kind.FED:
        assert callable(registry.fed(name).open_feed)
    else:
        assert callable(registry.polled(name).run)


@pytest.mark.parametrize(
    "broken",
    [
        MANIFEST.replace(b'quality = "bronze"', b'quality = "platinum"'),
        MANIFEST.replace(b'["read"]', b'["fly"]'),
        MANIFEST.replace(b"default = 502", b"default = 0"),
        MANIFEST + b"colour = 3\n",
        MANIFEST.replace(b'help = "TCP port"', b""),
    ],
)
def test_a_wrong_manifest_is_found(broken: bytes) -> None:
    with pytest.raises((msgspec.ValidationError, BadConfiguration)):
        registry.read_manifest(broken)


def test_a_driver_from_outside_comes_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    point = registry.importlib.metadata.EntryPoint("extra", "extra_package", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda group: [point])
    registry._packages.cache_clear()
    try:
        assert registry.names() == sorted([*registry.BUILT_IN, "extra"])
    finally:
        registry._packages.cache_clear()


def test_an_option_may_be_needed_for_one_way_and_not_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    def modbus(options: dict[str, str]) -> DeviceConfig:
        return DeviceConfig(device=1, org=1, org_code="acme", name="x", driver="modbus", options=options)

    for options, missing in (
        ({}, "host"),
        ({"host": ""}, "host"),
        ({"transport": "rtu-over-tcp"}, "host"),
        ({"transport": "rtu"}, "line"),
        ({"transport": "ascii", "host": "10.0.0.1"}, "line"),
    ):
        with pytest.raises(BadConfiguration, match=f"needs the option {missing}"):
            registry.complete(modbus(options))
    assert registry.complete(modbus({"host": "10.0.0.1"})).options["port"] == 502
    assert registry.complete(modbus({"transport": "rtu", "line": "/dev/ttyS0"})).options["baud"] == 9600


def test_an_option_cannot_depend_on_one_that_does_not_exist() -> None:
    with pytest.raises(msgspec.ValidationError, match="pigeon"):
        registry.read_manifest(MANIFEST.replace(b"required = true", b"required_when = { pigeon = ['x'] }"))
