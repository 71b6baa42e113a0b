"""The simulator's own HTTP interface: which machines there are, how they are, and faults to inject.

| request | answer |
|---|---|
| ``GET /machines`` | JSON list: key, type, state, faults on, faults possible |
| ``POST /machines/<enterprise>/<key>/faults/<fault>`` | 204, the fault is on |
| ``DELETE`` of the same | 204, the fault is off |

The last two need ``Authorization: Bearer <secret "simulator">``.
"""

from __future__ import annotations

import hmac

import msgspec

from gongfu.kernel.errors import Forbidden, GongfuError, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.ops import App, Receive, Scope, Send, respond
from gongfu.network.models.library import type_by_id
from gongfu.simulators.hall import Hall, Place
from gongfu.simulators.machines.machine import INSTRUMENT_FAULTS


class MachineState(msgspec.Struct, frozen=True):
    """One line of the list."""

    key: str
    type: str
    state: str
    """Key of the state; empty for machines without states."""
    faults: list[str]
    possible: list[str]


def control(hall: Hall, token: str) -> App:
    """ASGI application of the table above, to stand behind :func:`gongfu.kernel.ops.app`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, body = _dispatch(hall, token, scope)
        except GongfuError as error:
            status, body = error.http_status, msgspec.json.encode({"error": error.code, "message": error.text("en")})
        await respond(send, status, body, "application/json")

    return answer


def machines(hall: Hall) -> list[MachineState]:
    """Every machine as it is now."""
    return [_state(path, place) for path, place in hall.places.items()]


def _state(path: str, place: Place) -> MachineState:
    code = place.machine.values().get("state")
    state = type_by_id(place.device.type).state(float(code)) if isinstance(code, int | float) else None
    return MachineState(
        key=path,
        type=place.device.type,
        state=state.key if state else "",
        faults=sorted(place.machine.faults),
        possible=[*place.machine.FAULTS, *INSTRUMENT_FAULTS],
    )


def _dispatch(hall: Hall, token: str, scope: Scope) -> tuple[int, bytes]:
    method = scope["method"]
    match scope["path"].strip("/").split("/"):
        case ["machines"] if method == "GET":
            return 200, msgspec.json.encode(machines(hall))
        case ["machines", enterprise, key, "faults", fault] if method in ("POST", "DELETE"):
            _authorize(scope, token)
            place = hall.places.get(f"{enterprise}/{key}")
            if place is None:
                raise NotFound(
                    mark("There is no machine {machine}."),
                    remedy=mark("See GET /machines."),
                    machine=f"{enterprise}/{key}"[:100],
                )
            if method == "POST":
                place.machine.inject(fault)
            else:
                place.machine.clear(fault)
            return 204, b""
        case _:
            raise NotFound(mark("There is no such address."), remedy=mark("See GET /machines."))


def _authorize(scope: Scope, token: str) -> None:
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    if not hmac.compare_digest(given, f"Bearer {token}".encode()):
        raise Forbidden(
            mark("Faults may be injected by the node only."),
            remedy=mark("Send Authorization: Bearer with the secret “simulator” of GONGFU_HOME."),
        )
