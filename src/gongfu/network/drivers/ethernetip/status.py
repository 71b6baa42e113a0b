"""What a CIP status means. Pure.

Volume 1, appendix B-1; extended codes of Logix: 1756-PM020, "Common extended status codes".
"""

from __future__ import annotations

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.ethernetip.cip import Reply

PARTIAL, TOO_LARGE, NOT_SUPPORTED, EMBEDDED = 0x06, 0x11, 0x08, 0x1E
_MEANINGS = {
    0x01: mark("{address}: no connection to the controller this way (status {code})."),
    0x02: mark("{address}: the controller has no resources left for this (status {code})."),
    0x03: mark("{address}: a value in the request is wrong (status {code})."),
    0x04: mark("{address}: there is no such tag or member (status {code})."),
    0x05: mark("{address}: there is no such tag, member or object (status {code})."),
    0x06: mark("{address}: the value does not fit one message (status {code})."),
    0x08: mark("{address}: the device does not know this service (status {code})."),
    0x09: mark("{address}: an attribute has a wrong value (status {code})."),
    0x0A: mark("{address}: an attribute in the list cannot be read (status {code})."),
    0x0C: mark("{address}: not in the present state or mode of the controller (status {code})."),
    0x0E: mark("{address}: this attribute cannot be written (status {code})."),
    0x0F: mark("{address}: the controller does not allow it from outside (status {code})."),
    0x10: mark("{address}: not in the present state or mode of the controller (status {code})."),
    0x11: mark("{address}: the value does not fit one message (status {code})."),
    0x13: mark("{address}: the request holds too little data (status {code})."),
    0x14: mark("{address}: the object has no such attribute (status {code})."),
    0x15: mark("{address}: the request holds too much data (status {code})."),
    0x16: mark("{address}: there is no such object (status {code})."),
    0x1C: mark("{address}: the list of attributes is too long (status {code})."),
    0x26: mark("{address}: the path in the request is wrong (status {code})."),
}
_EXTENDED = {
    0x2101: mark("{address}: the controller's key switch does not allow it (status {code})."),
    0x2104: mark("{address}: the place is beyond the end of the tag (status {code})."),
    0x2105: mark("{address}: the index is beyond the end of the array (status {code})."),
    0x2107: mark("{address}: the tag has another type (status {code})."),
}
_OTHER = mark("{address}: the device answers with status {code}.")


class Refused(Exception):
    """The device answered with a status other than success."""

    def __init__(self, reply: Reply) -> None:
        self.code = "/".join([f"{reply.status:02X}", *(f"{part:04X}" for part in reply.extended)])
        super().__init__(f"status {self.code}")
        self.status = reply.status
        self.extended = reply.extended

    @property
    def template(self) -> str:
        """Marked template of what it means, with places for ``address`` and ``code``."""
        for part in self.extended:
            if part in _EXTENDED:
                return _EXTENDED[part]
        return _MEANINGS.get(self.status, _OTHER)
