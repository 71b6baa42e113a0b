"""A site as JSON, with the field names of Handle.Net's ``siteinfo.json`` and HTTP interface."""

from __future__ import annotations

import base64
import binascii

import msgspec

from gongfu.identity.handle import site
from gongfu.identity.handle.errors import Malformed
from gongfu.kernel.i18n import mark


class _Interface(msgspec.Struct, kw_only=True):
    query: bool = False
    admin: bool = False
    protocol: str | int
    port: int


class _Data(msgspec.Struct, kw_only=True):
    format: str
    value: str | dict[str, str]


class _Server(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    server_id: int = msgspec.field(default=-1)
    address: str
    public_key: _Data | None = None
    interfaces: list[_Interface]


class _Attribute(msgspec.Struct):
    name: str
    value: str


class SiteJson(msgspec.Struct, kw_only=True, rename="camel"):
    """What the JSON form holds; see :func:`to_json`."""

    version: int = 1
    protocol_version: str = "2.11"
    serial_number: int = 1
    primary_site: bool = False
    multi_primary: bool = False
    hash_option: int = site.HashOption.HANDLE
    hash_filter: str = ""
    attributes: list[_Attribute] = []
    servers: list[_Server]


def to_json(found: site.Site) -> bytes:
    """The JSON form; keys as base64 of their HS_PUBKEY octets."""
    return msgspec.json.encode(struct(found))


def struct(found: site.Site) -> SiteJson:
    """The JSON form, to be put into a larger one."""
    return SiteJson(
        version=found.version,
        protocol_version="{}.{}".format(*found.protocol),
        serial_number=found.serial,
        primary_site=found.primary,
        multi_primary=found.multi_primary,
        hash_option=found.hash_option,
        hash_filter=found.hash_filter,
        attributes=[_Attribute(*pair) for pair in found.attributes],
        servers=[_written(server) for server in found.servers],
    )


def from_json(text: bytes) -> site.Site:
    """The site; raises :class:`Malformed`."""
    try:
        read = msgspec.json.decode(text, type=SiteJson)
        major, _, minor = read.protocol_version.partition(".")
        made = site.Site(
            tuple(_read(server) for server in read.servers),
            read.serial_number,
            read.primary_site,
            read.multi_primary,
            site.HashOption(read.hash_option),
            read.hash_filter,
            tuple((item.name, item.value) for item in read.attributes),
            (int(major), int(minor)),
            read.version,
        )
        return site.decode(site.encode(made))  # every bound of the binary form holds here, too
    except Malformed:
        raise
    except Exception as error:  # struct.error, ValueError, msgspec's: whatever the text made of it
        raise Malformed(mark("That is no site in JSON: {reason}."), reason=error) from error


def _written(server: site.Server) -> _Server:
    key = base64.b64encode(server.public_key).decode()
    return _Server(
        server_id=server.number,
        address=str(server.address),
        public_key=_Data(format="base64", value=key) if server.public_key else None,
        interfaces=[
            _Interface(
                query=bool(item.service & site.Service.RESOLUTION),
                admin=bool(item.service & site.Service.ADMINISTRATION),
                protocol=_transmission(item.transmission),
                port=item.port,
            )
            for item in server.interfaces
        ],
    )


def _transmission(number: int) -> str | int:
    return site.Transmission(number).name if number in tuple(site.Transmission) else number


def _read(server: _Server) -> site.Server:
    interfaces = tuple(
        site.Interface(
            (site.Service.RESOLUTION if item.query else site.Service(0))
            | (site.Service.ADMINISTRATION if item.admin else site.Service(0)),
            item.protocol if isinstance(item.protocol, int) else site.Transmission[item.protocol.upper()],
            item.port,
        )
        for item in server.interfaces
    )
    key = _key(server.public_key) if server.public_key else b""
    return site.Server(max(0, server.server_id), site.read_address(server.address), interfaces, key)


def _key(data: _Data) -> bytes:
    if isinstance(data.value, str):
        try:
            if data.format == "base64":
                return base64.b64decode(data.value, validate=True)
            if data.format == "hex":
                return bytes.fromhex(data.value)
        except (binascii.Error, ValueError) as error:
            raise Malformed(mark("The public key of a server cannot be read.")) from error
    raise Malformed(
        mark("A public key in the form {format} is not read here."),
        remedy=mark("Write it as base64 or hex of its HS_PUBKEY octets."),
        format=data.format,
    )
