"""Options of the driver, checked."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.options import read_options
from gongfu.network.drivers.rows import zone
from gongfu.network.drivers.sql.guard import select_only
from gongfu.network.gateway.config import DeviceConfig

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "sqlite": "sqlite",
}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    url: Annotated[str, Meta(min_length=1, max_length=1000)]
    password: str = ""
    tls: Literal["prefer", "require", "off"] = "prefer"
    table: str = ""
    query: Annotated[str, Meta(max_length=20_000)] = ""
    time: str = ""
    zone: str = "Asia/Shanghai"
    after: str = ""
    start: Literal["oldest", "newest"] = "oldest"
    overlap: Annotated[float, Meta(ge=0, le=10_000_000)] = 0.0
    batch: Annotated[int, Meta(ge=1, le=100_000)] = 5000
    timeout: Annotated[float, Meta(ge=0.1, le=600)] = 15.0


def read(device: DeviceConfig) -> Options:
    """The options of ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    address(options)
    zone(options.zone)
    if bool(options.table) == bool(options.query.strip()):
        raise BadConfiguration(mark("Name either a table or a query."), remedy=mark("Fill in one of these options."))
    if options.query:
        select_only(options.query)
    return options


def address(options: Options) -> URL:
    """Where the database is; raises :class:`BadConfiguration`.

    Only what the options say counts: nothing of a URL that would read files or sockets of this machine.
    """
    try:
        url = make_url(options.url)
    except (ArgumentError, ValueError) as error:
        raise _no_address() from error
    if url.password:
        raise BadConfiguration(
            mark("The address of the database holds a password."), remedy=mark("Move it to the option password.")
        )
    if url.drivername not in _DRIVERS or url.query:
        raise _no_address()
    driver = _DRIVERS[url.drivername]
    if driver == "sqlite":
        if not url.database or url.host or url.database.startswith((":", "file:")):
            raise _no_address()
        return url
    if not url.host or "/" in url.host or "," in url.host or url.host.startswith("@") or not url.database:
        raise _no_address()
    return url.set(drivername=driver, password=options.password or None)


def _no_address() -> BadConfiguration:
    return BadConfiguration(
        mark("The option url is no address of a database."),
        remedy=mark(
            "Write postgresql://user@host:5432/name, mysql://user@host:3306/name, or sqlite:///file.db, without more."
        ),
    )
