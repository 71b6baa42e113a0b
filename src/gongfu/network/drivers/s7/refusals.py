"""What the return codes of a controller mean to who has asked. Pure.

Codes of items as in the S7 communication's own documentation (*Data item error codes*), the same that Wireshark's
dissector and python-snap7 name.
"""

from __future__ import annotations

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Refusal
from gongfu.network.drivers.s7.client import PROTECTED, Refused

_MEANINGS = {
    0x01: mark("The controller reports a hardware fault at {address}."),
    0x03: mark("The controller does not allow access to {address}."),
    0x05: mark("{address} is beyond the end of its area."),
    0x06: mark("The controller does not support the type of {address}."),
    0x07: mark("The type of {address} is not the one the controller expects."),
    0x0A: mark("The controller has no {address}, or its block is optimised."),
    PROTECTED: mark("The controller does not allow access from outside."),
}
_REMEDIES = {
    0x03: mark("Check the protection level and whether the block is write protected."),
    0x05: mark("Check the address against the project of the controller."),
    0x0A: mark("Check the address, and switch off optimised block access."),
    PROTECTED: mark("Allow PUT/GET communication in the CPU's protection settings."),
}


def refusal(address: str, error: Refused) -> Refusal:
    """``error`` as one that says what happened to ``address``."""
    message = _MEANINGS.get(error.code, mark("The controller declines {address}: {reason}."))
    return Refusal(message, remedy=_REMEDIES.get(error.code, ""), address=address, reason=error)
