"""Options of the driver, checked."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.drivers.webclient import check_url
from gongfu.network.gateway.config import DeviceConfig

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110 §5.6.2
_KEY = re.compile(r"[A-Za-z0-9._~-]{1,100}", re.ASCII)
_TOKEN = 16
"""Characters that a token must have at least: nobody should guess it."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    mode: Literal["poll", "push"] = "poll"
    url: str = ""
    method: Literal["GET", "POST", "PUT"] = "GET"
    headers: str = ""
    body: str = ""
    username: str = ""
    password: str = ""
    token: str = ""
    timeout: Annotated[float, Meta(ge=0.1, le=120)] = 10.0
    verify: bool = True
    ca: str = ""
    redirects: Literal["same", "any", "none"] = "same"
    max_bytes: Annotated[int, Meta(ge=100, le=50_000_000)] = 5_000_000
    format: Literal["auto", "json", "csv", "xml", "text"] = "auto"
    rows: str = ""
    time: str = ""
    time_unit: Literal["auto", "iso", "s", "ms", "us"] = "auto"
    zone: str = "UTC"
    delimiter: str = ","
    encoding: str = "utf-8"
    write_url: str = ""
    write_method: Literal["POST", "PUT", "PATCH"] = "POST"
    write_body: str = '{"{name}": {value}}'
    key: str = ""
    silence: Annotated[float, Meta(ge=0)] = 60.0


def read(device: DeviceConfig) -> Options:
    """The options of ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    if options.mode == "poll":
        check_url(options.url, "url")
    elif len(options.token) < _TOKEN:
        raise BadConfiguration(
            mark("A device that pushes needs a token of at least {count} characters."),
            remedy=mark("Fill in the option token; the device sends it as Authorization: Bearer."),
            count=_TOKEN,
        )
    if options.write_url:
        check_url(_filled_anyhow(options.write_url), "write_url")
    if len(options.delimiter) != 1:
        raise BadConfiguration(mark("The delimiter must be one character, not {text}."), text=repr(options.delimiter))
    check_encoding(options.encoding)
    return options


def request_headers(options: Options) -> dict[str, str]:
    """Header fields of a request, with the credentials; raises :class:`BadConfiguration`."""
    found: dict[str, str] = {}
    for line in options.headers.splitlines():
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not (colon and _HEADER.fullmatch(name.strip()) and value.isprintable()):
            raise BadConfiguration(
                mark("A line of the option headers is no header field."),
                remedy=mark("Write each on a line of its own, as X-Key: value."),
            )
        found[name.strip().lower()] = value.strip()
    if options.body:
        found.setdefault("content-type", "application/json")
    if options.token and options.mode == "poll":
        found["authorization"] = f"Bearer {options.token}"
    if not all(value.isascii() for value in found.values()):
        raise BadConfiguration(mark("A header field may hold letters, digits and signs of ASCII only."))
    return found


def device_key(device: DeviceConfig, options: Options) -> str:
    """Under which name ``device`` posts; raises :class:`BadConfiguration`."""
    key = options.key or re.sub(r"[^A-Za-z0-9._~-]+", "-", device.name).strip("-") or str(device.device)
    if not _KEY.fullmatch(key):
        raise BadConfiguration(
            mark("The key {key} cannot stand in an address."),
            remedy=mark("Use letters, digits, dots and dashes."),
            key=repr(key[:60]),
        )
    return key


def _filled_anyhow(template: str) -> str:
    return re.sub(r"\{\w+\}", "x", template)
