"""Writing a variable in the type of its node, and calling a method."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
from asyncua import ua

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Refusal
from gongfu.network.drivers.opcua.connection import Connection
from gongfu.network.drivers.opcua.data_types import DataTypes, Json, Unfit, plain, variant
from gongfu.network.drivers.opcua.failures import broken, talking

_Codes = ua.StatusCodes
_MEANINGS = {
    _Codes.BadNotWritable: mark("{address} is read only."),
    _Codes.BadUserAccessDenied: mark("This user may not change {address}."),
    _Codes.BadNodeIdUnknown: mark("The server does not know {address}."),
    _Codes.BadNodeIdInvalid: mark("The server does not know {address}."),
    _Codes.BadMethodInvalid: mark("The server does not know {address}."),
    _Codes.BadTypeMismatch: mark("{address} does not take {value}: it is of another type."),
    _Codes.BadOutOfRange: mark("{address} does not take {value}: it is out of range."),
    _Codes.BadInvalidState: mark("{address} cannot be changed in the state the device is in."),
    _Codes.BadNotExecutable: mark("{address} cannot be called now."),
}
_SERVICE = {_Codes.BadUserAccessDenied, _Codes.BadServiceUnsupported, _Codes.BadNotImplemented}
"""Codes with which a server declines a whole request, not a connection."""


class Argument(msgspec.Struct, frozen=True):
    """An input of a method."""

    name: str
    type: ua.NodeId
    array: bool


async def write_variable(
    connection: Connection, types: DataTypes, address: str, node: ua.NodeId, value: float | bool | str
) -> None:
    """Write ``value`` and return when the server has confirmed; raises :class:`Refusal`."""
    kind, rank = await _attributes(connection, node)
    if not isinstance(kind, ua.NodeId):
        raise _refusal(address, value, _Codes.BadNodeIdUnknown)
    await types.learn([kind])
    content: Json = value
    if isinstance(rank, int) and rank >= 0 and isinstance(value, str):
        content = _json(address, value)
    try:
        data = variant(content, types.builtin(kind), array=isinstance(rank, int) and rank >= 0)
    except Unfit as error:
        raise _unfit(address, value, error) from error

    async def ask(part: Sequence[ua.NodeId]) -> Sequence[ua.StatusCode]:
        # Value alone: many servers refuse to be told status and time, too (Part 4 §5.11.4.2).
        try:
            return list(await connection.client.uaclient.write_attributes(list(part), [ua.DataValue(data)]))
        except ua.UaStatusCodeError as error:
            if error.code in _SERVICE:
                raise _refusal(address, value, error.code) from error
            raise

    status = (await connection.in_parts("write", [node], ask))[0]
    if status.is_bad():
        raise _refusal(address, value, status.value)


async def arguments_of(connection: Connection, method: ua.NodeId) -> list[Argument]:
    """What ``method`` wants to be told, from its property InputArguments (Part 3 §5.7)."""
    path = ua.BrowsePath(
        StartingNode=method,
        RelativePath=ua.RelativePath(
            Elements=[
                ua.RelativePathElement(
                    ReferenceTypeId=ua.NodeId(ua.ObjectIds.HasProperty),
                    IsInverse=False,
                    IncludeSubtypes=True,
                    TargetName=ua.QualifiedName("InputArguments", 0),
                )
            ]
        ),
    )
    with talking(connection.options.endpoint):
        found = await connection.client.uaclient.session.translate_browsepaths_to_nodeids([path])
    if not found or found[0].StatusCode.is_bad() or not found[0].Targets:
        return []
    answer = (await connection.read([found[0].Targets[0].TargetId]))[0]
    return read_arguments(answer)


def read_arguments(answer: ua.DataValue) -> list[Argument]:
    """The value of a property InputArguments."""
    content = answer.Value.Value if answer.Value is not None else None
    listed = content if isinstance(content, list) else []
    return [
        Argument(str(item.Name or ""), item.DataType, int(item.ValueRank) >= 0)
        for item in listed
        if isinstance(item, ua.Argument)
    ]


async def call_method(
    connection: Connection,
    types: DataTypes,
    address: str,
    object_: ua.NodeId,
    method: ua.NodeId,
    value: float | bool | str,
) -> str:
    """Call ``method`` of ``object_``; returns its results as a JSON list. Raises :class:`Refusal`.

    ``value`` holds the arguments: a JSON list, one value alone, or true or nothing where there are none.
    """
    wanted = await arguments_of(connection, method)
    await types.learn([argument.type for argument in wanted])
    given = _arguments(address, value, len(wanted))
    if len(given) != len(wanted):
        raise Refusal(
            mark("{address} takes {count} arguments: {names}."),
            remedy=mark("Write them as a JSON list."),
            address=address[:100],
            count=len(wanted),
            names=", ".join(f"{argument.name} ({types.name(argument.type)})" for argument in wanted)[:200],
        )
    try:
        inputs = [
            variant(content, types.builtin(argument.type), array=argument.array)
            for content, argument in zip(given, wanted, strict=True)
        ]
    except Unfit as error:
        raise _unfit(address, value, error) from error
    request = ua.CallMethodRequest(ObjectId=object_, MethodId=method, InputArguments=inputs)
    with talking(connection.options.endpoint):
        try:
            answers = await connection.client.uaclient.call([request])
        except ua.UaStatusCodeError as error:
            if error.code in _SERVICE:
                raise _refusal(address, value, error.code) from error
            raise
    if len(answers) != 1:
        raise broken(connection.options.endpoint, "an answer for another number of methods")
    answer = answers[0]
    if answer.StatusCode.is_bad():
        bad = [
            argument.name
            for argument, code in zip(wanted, answer.InputArgumentResults or (), strict=False)
            if code.is_bad()
        ]
        raise _refusal(address, ", ".join(bad) or value, answer.StatusCode.value)
    outputs = [plain(output.Value) for output in answer.OutputArguments or ()]
    return json.dumps(outputs, ensure_ascii=False)


async def _attributes(connection: Connection, node: ua.NodeId) -> tuple[object, object]:
    kind = (await connection.read([node], ua.AttributeIds.DataType))[0]
    rank = (await connection.read([node], ua.AttributeIds.ValueRank))[0]
    return tuple(answer.Value.Value if answer.Value is not None else None for answer in (kind, rank))  # type: ignore[return-value]


def _arguments(address: str, value: float | bool | str, wanted: int) -> list[Json]:
    if isinstance(value, str) and value.strip().startswith("["):
        content = _json(address, value)
        return content if isinstance(content, list) else [content]
    if not wanted and (value is True or (isinstance(value, str) and not value.strip())):
        return []
    return [value]


def _json(address: str, text: str) -> Json:
    try:
        content: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            mark("{value} for {address} is no JSON: {reason}."),
            value=text[:100],
            address=address[:100],
            reason=str(error)[:100],
        ) from error
    return content


def _unfit(address: str, value: object, reason: Exception) -> Refusal:
    return Refusal(
        mark("{address} does not take {value}: {reason}."), address=address[:100], value=str(value)[:100], reason=reason
    )


def _refusal(address: str, value: object, code: int) -> Refusal:
    name = ua.StatusCode(code).name
    return Refusal(
        _MEANINGS.get(code, mark("The server refuses {address}: {reason}.")),
        address=address[:100],
        value=str(value)[:100],
        reason=name,
    )
