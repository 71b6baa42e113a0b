"""Options of an S7 controller, as in manifest.toml."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gongfu.network.drivers.options import check_encoding, read_options
from gongfu.network.gateway.config import DeviceConfig


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 102
    rack: Annotated[int, Meta(ge=0, le=7)] = 0
    slot: Annotated[int, Meta(ge=0, le=31)] = 1
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    gap: Annotated[int, Meta(ge=0, le=200)] = 16
    encoding: str = "latin-1"


def options_of(device: DeviceConfig) -> Options:
    """The options of ``device``; raises ``BadConfiguration``."""
    options = read_options(device, Options)
    check_encoding(options.encoding)
    return options
