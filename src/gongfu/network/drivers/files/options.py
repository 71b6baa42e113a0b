"""Options of the driver, checked."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.gateway.config import DeviceConfig

_PLACE = re.compile(r"\s*(?P<name>[^,:]+?)\s*:\s*(?P<first>\d{1,5})\s*-\s*(?P<last>\d{1,5})\s*")
_NAME = re.compile(r"[^/\x00]{1,100}")


class Place(msgspec.Struct, frozen=True):
    """A column of fixed text: bytes ``start`` to ``stop`` of a line, from 0, without ``stop``."""

    name: str
    start: int
    stop: int


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    folder: Annotated[str, Meta(min_length=1)]
    pattern: Annotated[str, Meta(min_length=1, max_length=200)] = "*.csv"
    format: Literal["csv", "jsonl", "fixed", "parquet"] = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    skip: Annotated[int, Meta(ge=0, le=1000)] = 0
    header: bool = True
    columns: str = ""
    time: str = ""
    time_format: str = ""
    zone: str = "Asia/Shanghai"
    ready: Literal["steady", "marker", "tail"] = "steady"
    steady: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    marker: Annotated[str, Meta(min_length=1, max_length=50)] = ".done"
    after: Literal["keep", "move", "delete"] = "keep"
    move_to: Annotated[str, Meta(min_length=1, max_length=100)] = "done"
    timeout: Annotated[float, Meta(ge=0.1, le=600)] = 30.0


def read(device: DeviceConfig) -> Options:
    """The options of ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    check_encoding(options.encoding)
    if "\n".encode(options.encoding) != b"\n":
        raise BadConfiguration(
            mark("Lines cannot be found in files in {encoding}."),
            remedy=mark("Let the other program write utf-8 or gbk."),
            encoding=options.encoding,
        )
    if options.delimiter.replace("\\t", "\t") not in {c for c in map(chr, range(9, 127)) if c not in '"\r\n'}:
        raise BadConfiguration(
            mark("The delimiter must be one character, not {text}."), text=repr(options.delimiter[:20])
        )
    for name in (options.pattern, options.move_to, options.marker):
        if not _NAME.fullmatch(name) or name in (".", ".."):
            raise BadConfiguration(mark("{name} is no name of a file in the folder."), name=repr(name))
    if (options.format == "fixed" or (options.format == "csv" and not options.header)) and not names(options):
        raise BadConfiguration(
            mark("Without a header the columns need names."),
            remedy=mark("Write the option columns as time, speed; for fixed text as time:1-19, speed:21-28."),
        )
    if options.ready == "tail" and (options.after != "keep" or options.format == "parquet"):
        raise BadConfiguration(
            mark("A file that is read while it grows is kept, and is not Parquet."),
            remedy=mark("Use steady or marker, or leave after at keep."),
        )
    return options


def delimiter(options: Options) -> str:
    """One character."""
    return options.delimiter.replace("\\t", "\t")


def names(options: Options) -> list[str]:
    """The columns that the options name; raises :class:`BadConfiguration`."""
    if options.format == "fixed":
        return [place.name for place in places(options)]
    return [name.strip() for name in options.columns.split(",") if name.strip()]


def places(options: Options) -> list[Place]:
    """The columns of fixed text; raises :class:`BadConfiguration`."""
    found = []
    for part in options.columns.split(",") if options.columns.strip() else ():
        match = _PLACE.fullmatch(part)
        if match is None or not 0 < int(match["first"]) <= int(match["last"]):
            raise BadConfiguration(
                mark("{part} is no column of fixed text."),
                remedy=mark("Write name:first-last, counted in bytes from 1, such as speed:21-28."),
                part=repr(part[:60]),
            )
        found.append(Place(match["name"], int(match["first"]) - 1, int(match["last"])))
    return found
