"""Writing a variable in the type of its node, and calling a method."""

from __future__ import annotations

import json
from collections.abc import Sequence

from asyncua import ua

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Refusal
from gongfu.network.drivers.opcua.connection import Connection
from gongfu.network.drivers.opcua.data_types import DataTypes, Json, Unfit, plain, variant
from gongfu.network.drivers.opcua.failures import broken, talking
from gongfu.network.drivers.opcua.references import arguments, below, content

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


async def write_variable(
    connection: Connection, types: DataTypes, address: str, node: ua.NodeId, value: float | bool | str
) -> None:
    """Write ``value`` and return when the server has confirmed; raises :class:`Refusal`."""
    kind = content((await connection.read([node], ua.AttributeIds.DataType))[0])
    rank = content((await connection.read([node], ua.AttributeIds.ValueRank))[0])
    array = isinstance(rank, int) and rank >= 0
    if not isinstance(kind, ua.NodeId):
        raise _refusal(address, value, _Codes.BadNodeIdUnknown)
    await types.learn([kind])
    given: Json = _json(address, value) if array and isinstance(value, str) else value
    try:
        data = variant(given, types.builtin(kind), array=array)
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
    wanted = arguments((await below(connection, [method]))[0])
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
            variant(one, types.builtin(argument.type), array=argument.array)
            for one, argument in zip(given, wanted, strict=True)
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


def _arguments(address: str, value: float | bool | str, wanted: int) -> list[Json]:
    if isinstance(value, str) and value.strip().startswith("["):
        read = _json(address, value)
        return read if isinstance(read, list) else [read]
    if not wanted and (value is True or (isinstance(value, str) and not value.strip())):
        return []
    return [value]


def _json(address: str, text: str) -> Json:
    try:
        read: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            mark("{value} for {address} is no JSON: {reason}."),
            value=text[:100],
            address=address[:100],
            reason=str(error)[:100],
        ) from error
    return read


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
