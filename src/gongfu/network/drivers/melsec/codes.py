"""What a controller means by an end code. Pure.

QnUCPU User's Manual, Communication via Built-in Ethernet Port (SH-080811), §5.1.4; FX5 SLMP (JY997D56001).
"""

from __future__ import annotations

from gongfu.kernel.i18n import mark

_MEANINGS = {
    0x0055: mark("{address}: the controller runs and does not allow writing while it does (end code {code})."),
    0x4030: mark("{address}: the controller has no such device (end code {code})."),
    0x4031: mark("{address}: the controller has no device of this number (end code {code})."),
    0xC050: mark("{address}: the controller cannot read the ASCII codes sent to it (end code {code})."),
    0xC051: mark("{address}: too many or too few points in a request (end code {code})."),
    0xC052: mark("{address}: too many or too few points in a request (end code {code})."),
    0xC053: mark("{address}: too many or too few points in a request (end code {code})."),
    0xC054: mark("{address}: too many or too few points in a request (end code {code})."),
    0xC056: mark("{address}: the request goes beyond the highest number (end code {code})."),
    0xC058: mark("{address}: the request's length is not what its head announces (end code {code})."),
    0xC059: mark("{address}: the controller does not know this command (end code {code})."),
    0xC05B: mark("{address}: the controller cannot read or write this device (end code {code})."),
    0xC05C: mark("{address}: the request does not suit this device, such as bits of a word device (end code {code})."),
    0xC05F: mark("{address}: the request cannot be executed by the controller it names (end code {code})."),
    0xC060: mark("{address}: the values do not suit this device (end code {code})."),
    0xC061: mark("{address}: the request's length does not match its content (end code {code})."),
    0xC070: mark("{address}: the device extension cannot be used here (end code {code})."),
    0xC0B5: mark("{address}: the controller cannot handle the data sent to it (end code {code})."),
    0xC201: mark("{address}: the port is locked by a remote password (end code {code})."),
}
_OTHER = mark("{address}: the controller answers with end code {code}.")
RUNNING = 0x0055
"""Declined because of the controller's mode, which may change."""
UNREACHABLE = (0xC035, 0xC05F, 0xC201, 0xC204)
"""Not about an address: the controller meant does not answer behind this port, or the port is locked."""


def message(end: int) -> str:
    """Marked template of what ``end`` means, with places for ``address`` and ``code``."""
    return _MEANINGS.get(end, _OTHER)
