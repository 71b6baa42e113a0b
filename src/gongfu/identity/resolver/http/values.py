"""Handle values as the JSON of Handle.Net 9, and back (Handle.Net technical manual, chapter 14). Pure, fuzzed."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from gongfu.identity.handle import admin_record, site, site_json, wire
from gongfu.identity.handle.admin_record import ADMIN, PUBKEY, SECKEY, VLIST, AdminPermission, AdminRecord
from gongfu.identity.handle.codes import Permission, TtlType
from gongfu.identity.handle.errors import BadKey, Malformed
from gongfu.identity.handle.wire import Value
from gongfu.identity.resolver.errors import BadValue
from gongfu.identity.resolver.http import key_json
from gongfu.kernel.i18n import mark

USUAL = Permission.ADMIN_READ | Permission.ADMIN_WRITE | Permission.PUBLIC_READ
"""Written as ``1110`` and left out."""
_ADMIN_BITS = 12  # as Handle.Net writes them; a 13th when it is needed


class Place(msgspec.Struct, frozen=True):
    """A reference to a value of another handle."""

    handle: str
    index: int


class AdminJson(msgspec.Struct, frozen=True):
    """An administrator; ``permissions`` are bits, the highest first."""

    handle: str
    index: int
    permissions: str = "0" * _ADMIN_BITS


class Data(msgspec.Struct, frozen=True):
    """``value`` is text, or an object when ``format`` is admin, vlist, site or key."""

    format: str
    value: msgspec.Raw


class ValueJson(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value as it is sent."""

    index: int
    type: str
    data: Data
    ttl: int | str
    timestamp: str
    permissions: str = "1110"
    references: list[Place] = []


class ValueSent(msgspec.Struct, frozen=True):
    """One value as it comes; the time is the server's, other members are ignored."""

    index: int
    type: str
    data: Data | str
    ttl: int | str = 86_400
    permissions: str = "1110"
    references: list[Place] = []


class _Body(msgspec.Struct, frozen=True):
    values: list[ValueSent]


_encode = msgspec.json.Encoder().encode
_decode_admin = msgspec.json.Decoder(AdminJson).decode
_decode_places = msgspec.json.Decoder(list[Place]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_list = msgspec.json.Decoder(list[ValueSent]).decode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_one = msgspec.json.Decoder(ValueSent).decode


def to_json(values: Iterable[Value]) -> bytes:
    """A JSON array."""
    return _encode([shown(value) for value in values])


def raw(values: Iterable[Value]) -> msgspec.Raw:
    """A JSON array to be put into another document as it is."""
    return msgspec.Raw(to_json(values))


def shown(value: Value) -> ValueJson:
    """One value as it is sent."""
    return ValueJson(
        value.index,
        value.type,
        data_of(value),
        value.ttl if value.ttl_type is TtlType.RELATIVE else moment(value.ttl),
        moment(value.timestamp),
        "1110" if value.permissions == USUAL else f"{value.permissions:04b}",
        [Place(item.handle, item.index) for item in value.references],
    )


def data_of(value: Value) -> Data:
    """What the octets mean; base64 when they are neither text nor what the type promises."""
    try:
        structured = _STRUCTURED[value.type]
    except KeyError:
        pass
    else:
        try:
            return structured(value.data)
        except (Malformed, BadKey):
            return _octets(value.data)
    try:
        text = value.data.decode()
    except UnicodeDecodeError:
        return _octets(value.data)
    return Data("string", msgspec.Raw(_encode(text)))


def from_json(body: bytes) -> tuple[Value, ...]:
    """Values of an array, an object with ``values``, or a single one; raises :class:`Malformed`, :class:`BadValue`."""
    try:
        start = body.lstrip()[:1]
        if start == b"[":
            sent = _decode_list(body)
        else:
            try:
                sent = _decode_body(body).values
            except msgspec.ValidationError as error:
                if "missing required field `values`" not in str(error):
                    raise
                sent = [_decode_one(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(
            mark("The body is not what it should be: {reason}."),
            remedy=mark("Send a JSON array of values with index, type and data."),
            reason=str(error)[:200],
        ) from error
    return tuple(map(received, sent))


def received(sent: ValueSent) -> Value:
    """One value, without its time; raises :class:`BadValue`."""
    index = sent.index
    if not 0 <= index < 2**32:
        raise BadValue(mark("There is no index {index}."), remedy=mark("Use 1 to 2147483647."), index=index)
    if len(sent.permissions) != 4 or not set(sent.permissions) <= {"0", "1"}:
        raise BadValue(
            mark("Value {index}: {permissions} are no permissions."),
            remedy=mark("Write four digits 0 or 1: admin read, admin write, public read, public write."),
            index=index,
            permissions=sent.permissions[:40],
        )
    kind, ttl = (TtlType.RELATIVE, sent.ttl) if isinstance(sent.ttl, int) else (TtlType.ABSOLUTE, _seconds(sent.ttl))
    if not 0 <= ttl < 2**32 or any(not 0 <= place.index < 2**32 for place in sent.references):
        raise BadValue(mark("A number of value {index} does not fit 32 bits."), index=index)
    data = sent.data.encode(errors="replace") if isinstance(sent.data, str) else octets_of(sent.data, index)
    return Value(
        index,
        sent.type,
        data,
        ttl,
        kind,
        0,
        Permission(int(sent.permissions, 2)),
        tuple(wire.Reference(place.handle, place.index) for place in sent.references),
    )


def octets_of(data: Data, index: int) -> bytes:
    """The octets that ``data`` describes; raises :class:`BadValue`."""
    try:
        match data.format:
            case "string":
                return _decode_text(data.value).encode()
            case "base64":
                return base64.b64decode(_decode_text(data.value), validate=True)
            case "hex":
                return bytes.fromhex(_decode_text(data.value))
            case "admin":
                return _admin_octets(_decode_admin(data.value))
            case "site":
                return site.encode(site_json.from_json(bytes(data.value)))
            case "key":
                return key_json.from_json(data.value)
            case "vlist":
                places = _decode_places(data.value)
                return admin_record.encode_references([_reference(place) for place in places])
    except (msgspec.DecodeError, binascii.Error, ValueError, Malformed, BadKey) as error:
        raise BadValue(
            mark("Value {index} is no {format}: {reason}."), index=index, format=data.format, reason=str(error)[:200]
        ) from error
    raise BadValue(
        mark("Value {index}: there is no format {format}."),
        remedy=mark("Use string, base64, hex, admin, vlist, site or key."),
        index=index,
        format=data.format[:40],
    )


@lru_cache(maxsize=4096)
def moment(seconds: int) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> int:
    try:
        read = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise BadValue(
            mark("{text} is no time."), remedy=mark("Write it as 2030-01-31T00:00:00Z."), text=text[:40]
        ) from error
    return int((read if read.tzinfo else read.replace(tzinfo=dt.UTC)).timestamp())


def _octets(data: bytes) -> Data:
    return Data("base64", msgspec.Raw(_encode(base64.b64encode(data).decode())))


def _admin(data: bytes) -> Data:
    record = admin_record.decode_admin(data)
    bits = f"{record.permissions:0{_ADMIN_BITS}b}"
    return Data("admin", msgspec.Raw(_encode(AdminJson(record.reference.handle, record.reference.index, bits))))


def _vlist(data: bytes) -> Data:
    members = admin_record.decode_references(data)
    return Data("vlist", msgspec.Raw(_encode([Place(member.handle, member.index) for member in members])))


def _site(data: bytes) -> Data:
    return Data("site", msgspec.Raw(site_json.to_json(site.decode(data))))


def _key(data: bytes) -> Data:
    return Data("key", msgspec.Raw(key_json.to_json(data)))


_STRUCTURED = {
    ADMIN: _admin,
    VLIST: _vlist,
    SECKEY: _octets,
    PUBKEY: _key,
    "HS_SITE": _site,
    "HS_SITE.PREFIX": _site,
}


def _admin_octets(admin: AdminJson) -> bytes:
    bits = admin.permissions
    if not bits or len(bits) > 16 or not set(bits) <= {"0", "1"}:
        raise ValueError(f"{bits[:40]} are no permissions")
    return admin_record.encode_admin(
        AdminRecord(_reference(Place(admin.handle, admin.index)), AdminPermission(int(bits, 2) & admin_record.ALL))
    )


def _reference(place: Place) -> wire.Reference:
    if not 0 <= place.index < 2**32 or not place.handle:
        raise ValueError("a reference needs a handle and an index")
    return wire.Reference(place.handle, place.index)
