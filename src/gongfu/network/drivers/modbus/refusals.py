"""What the exception codes of a device mean to who has asked (MODBUS Application Protocol V1.1b3 §7). Pure."""

from __future__ import annotations

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Refusal

_MEANINGS = {
    0x01: mark("The device does not know the function that {address} needs (exception 01)."),
    0x02: mark("The device has no {address} (exception 02)."),
    0x03: mark("The device does not accept this value for {address} (exception 03)."),
    0x04: mark("The device failed while it worked on {address} (exception 04)."),
    0x05: mark("The device needs more time for {address} (exception 05)."),
    0x06: mark("The device is busy and did not take {address} (exception 06)."),
    0x07: mark("The device declines {address} (exception 07)."),
    0x08: mark("The device found its memory damaged at {address} (exception 08)."),
}
_REMEDIES = {
    0x01: mark("It may be read only; see the device's manual."),
    0x02: mark("Check the address; manuals count from 1, the line from 0."),
    0x03: mark("Check the range that the device's manual gives."),
    0x05: mark("Read the value later to see whether it was taken."),
    0x06: mark("Try again later."),
}


def refusal(address: str, code: int) -> Refusal:
    """Exception ``code`` as an error that says what happened to ``address``."""
    message = _MEANINGS.get(code, mark("The device declines {address} (exception {code})."))
    return Refusal(message, remedy=_REMEDIES.get(code, ""), address=address, code=f"{code:02X}")
