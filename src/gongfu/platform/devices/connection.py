"""The fields of a driver's options, made from its manifest, and reading them back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark, translate
from gongfu.network.drivers import registry as drivers
from gongfu.network.drivers.registry import Option, OptionType
from gongfu.platform.devices.document import Option as Value
from gongfu.platform.devices.document import check_options, written

PREFIX = "opt-"
"""Of the names of the fields in a form."""
_ON, _OFF = "true", "false"
LABELS: Mapping[str, str] = {
    "host": mark("Host"),
    "port": mark("Port"),
    "unit": mark("Unit id"),
    "timeout": mark("Time-out (s)"),
    "gap": mark("Gap"),
    "encoding": mark("Character set"),
    "time_address": mark("Address of the time"),
    "rack": mark("Rack"),
    "slot": mark("Slot"),
    "endpoint": mark("Endpoint"),
    "username": mark("User name"),
    "password": mark("Password"),
    "policy": mark("Security policy"),
    "mode": mark("Mode"),
    "trust": mark("Trust"),
    "fingerprint": mark("Fingerprint"),
    "user_certificate": mark("User's certificate"),
    "user_key": mark("User's private key"),
    "heartbeat": mark("Heartbeat (s)"),
    "topic": mark("Topic"),
    "time": mark("Time"),
    "time_unit": mark("Unit of the time"),
    "silence": mark("Silence (s)"),
    "edge_node": mark("Edge node"),
    "device": mark("Device"),
    "group": mark("Group"),
    "transport": mark("Transport"),
    "line": mark("Serial port"),
    "baud": mark("Baud rate"),
    "parity": mark("Parity"),
    "stop_bits": mark("Stop bits"),
    "data_bits": mark("Data bits"),
    "terminator": mark("End of line"),
    "checksum": mark("Check sum"),
    "pattern": mark("Pattern"),
    "request": mark("Request"),
    "retries": mark("Retries"),
    "instance": mark("Device instance"),
    "route": mark("Route"),
    "series": mark("Series"),
    "frame": mark("Frame"),
    "network": mark("Network"),
    "station": mark("Station"),
    "common_address": mark("Common address"),
    "clock": mark("Clock"),
    "priority": mark("Priority"),
    "url": mark("URL"),
    "path": mark("Path"),
    "folder": mark("Folder"),
    "database": mark("Database"),
    "query": mark("Query"),
    "method": mark("HTTP method"),
    "headers": mark("Headers"),
    "body": mark("Body"),
    "token": mark("Token"),
    "verify": mark("Check certificates"),
    "ca": mark("Authority's certificate"),
    "redirects": mark("Follow redirects"),
    "format": mark("Format"),
    "rows": mark("Rows"),
    "zone": mark("Time zone"),
    "delimiter": mark("Delimiter"),
    "key": mark("Key of the device"),
    "tls": mark("TLS"),
    "table": mark("Table or view"),
    "after": mark("Growing column"),
    "start": mark("Start"),
    "overlap": mark("Overlap (s)"),
    "batch": mark("Batch"),
    "refresh": mark("Refresh (s)"),
    "columns": mark("Columns"),
    "decimal": mark("Decimal mark"),
    "skip": mark("Lines to skip"),
    "header": mark("Header line"),
    "ready": mark("Complete when"),
    "steady": mark("Steady for (s)"),
    "marker": mark("Marker file"),
    "move_to": mark("Move to"),
    "time_format": mark("Format of the time"),
    "items": mark("Array of readings"),
    "only": mark("Only messages with"),
    "command_topic": mark("Topic of commands"),
    "command_payload": mark("Body of commands"),
    "write_url": mark("URL for writing"),
    "write_method": mark("Method for writing"),
    "write_body": mark("Body for writing"),
    "max_bytes": mark("Largest answer (bytes)"),
    "queue": mark("Queue"),
    "history": mark("Fill gaps from history"),
    "idle_gap": mark("Silence that ends a line (s)"),
    "longest": mark("Longest line"),
    "standby_host": mark("Standby host"),
    "standby_port": mark("Standby port"),
    "bbmd": mark("BBMD"),
    "local_address": mark("Own address"),
    "local_port": mark("Own port"),
    "code": mark("Data code"),
    "select": mark("Select before operate"),
    "cov": mark("Change of value"),
    "counters": mark("Counters (s)"),
    "cyclic": mark("Interrogation (s)"),
    "originator": mark("Originator address"),
    "connected": mark("Connected messaging"),
}
"""What options are called; any other goes by its own name."""
_FIRST = frozenset(
    (
        *("transport", "host", "port", "line", "baud", "unit", "endpoint", "url", "topic", "edge_node", "device"),
        *("rack", "slot", "username", "instance", "route", "frame", "common_address", "folder", "query"),
        *("mode", "table", "after", "pattern", "time"),
    )
)
"""Shown without being asked for, beside what is required and what is secret."""


_LONG = frozenset(("headers", "body", "write_body", "command_payload", "ca", "user_certificate", "user_key", "query"))
"""Of several lines."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One option as a form shows it, in the reader's language."""

    name: str
    label: str
    help: str
    input: str
    """text, password, number, select, area (several lines; a secret one is shown empty)."""
    value: str
    placeholder: str = ""
    required: bool = False
    choices: list[tuple[str, str]] = []
    minimum: str = ""
    maximum: str = ""
    step: str = ""
    error: str = ""
    first: bool = False
    """Among the fields that everybody fills in."""


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a form said: options, passwords, and what was wrong with which."""

    options: dict[str, Value]
    secrets: dict[str, Value]
    errors: dict[str, GongfuError]


def read(driver: str, sent: Mapping[str, str], held: Collection[str] = ()) -> Read:
    """The options in a form's fields. What equals the default is left out; a password left empty stays as it is."""
    options: dict[str, Value] = {}
    secrets: dict[str, Value] = {}
    errors: dict[str, GongfuError] = {}
    for name, option in drivers.manifest(driver).options.items():
        text = sent.get(f"{PREFIX}{name}", "").strip()
        if option.secret:
            if sent.get(f"{PREFIX}{name}-forget"):
                secrets[name] = ""
            elif text:
                secrets[name] = text
            continue
        if not text:
            continue
        try:
            value = _typed(option, text)
        except ValueError:
            errors[name] = Invalid(mark("{value} is no number."), value=text[:80])
            continue
        if value != option.default:
            options[name] = value
    if not errors:
        still = [name for name in held if secrets.get(name, "x") != ""]
        try:
            check_options(driver, options, [*still, *(name for name, value in secrets.items() if value)])
        except GongfuError as error:
            errors[str(error.values.get("option", ""))] = error
    return Read(options=options, secrets=secrets, errors=errors)


def fields(
    driver: str,
    options: Mapping[str, Value],
    held: Collection[str] = (),
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, GongfuError] | None = None,
) -> list[Field]:
    """The fields of ``driver``, filled with ``options``, or with what was ``sent`` when something was wrong."""
    made = []
    for name, option in drivers.manifest(driver).options.items():
        value = written(options.get(name, ""))
        if sent is not None and not option.secret:
            value = sent.get(f"{PREFIX}{name}", "")
        made.append(_field(name, option, value, name in held, (errors or {}).get(name)))
    return made


def _field(name: str, option: Option, value: str, held: bool, error: GongfuError | None) -> Field:
    choices: list[tuple[str, str]] = []
    default = written(option.default)
    if option.type is OptionType.BOOLEAN:
        choices = [(_ON, translate(mark("Yes"))), (_OFF, translate(mark("No")))]
    elif option.choices:
        choices = [(choice, choice) for choice in option.choices]
    if choices and not value:
        value = default
    number = option.type in (OptionType.INTEGER, OptionType.NUMBER)
    return Field(
        name=name,
        label=translate(LABELS[name]) if name in LABELS else name,
        help=translate(option.help),
        input=_input(name, option, bool(choices)),
        value="" if option.secret else value,
        placeholder=translate(mark("set; leave empty to keep it")) if held and option.secret else default,
        required=option.required and not held,
        choices=choices,
        minimum=written(option.minimum),
        maximum=written(option.maximum),
        step="1" if option.type is OptionType.INTEGER else "any" if number else "",
        error=error.text() if error else "",
        first=option.required or bool(option.required_when) or option.secret or name in _FIRST or error is not None,
    )


def _input(name: str, option: Option, chosen: bool) -> str:
    if chosen:
        return "select"
    if name in _LONG:
        return "area"
    if option.secret:
        return "password"
    return "number" if option.type in (OptionType.INTEGER, OptionType.NUMBER) else "text"


def _typed(option: Option, text: str) -> Value:
    match option.type:
        case OptionType.INTEGER:
            return int(text)
        case OptionType.NUMBER:
            return float(text)
        case OptionType.BOOLEAN:
            return text == _ON
        case OptionType.TEXT:
            return text
