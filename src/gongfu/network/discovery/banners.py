"""Answers that a probe reads itself: IEC 104, MQTT, HTTP, MTConnect. Pure; whatever cannot be read is None."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import cast

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Identity

TESTFR_ACT = bytes((0x68, 4, 0x43, 0, 0, 0))
"""U frame TESTFR act (IEC 60870-5-104 §5.1, §5.2): asks whether the link lives, and starts no transfer."""
TESTFR_CON = bytes((0x68, 4, 0x83, 0, 0, 0))
MQTT_CONNECT = bytes.fromhex("101300044d515454040200140007676f6e676675") + b"-"
"""MQTT 3.1.1 CONNECT (§3.1): clean session, no user, keep alive 20 s, client identifier ``gongfu-``."""
CONNACK = 4
"""Bytes of its answer (§3.2)."""
_PASSWORD = mark("asks for a password")
_REFUSALS = {0: "", 2: mark("identifier rejected"), 3: mark("not available"), 4: _PASSWORD, 5: _PASSWORD}
"""Return codes (§3.2.2.3), in marked texts."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]")
_SERVER = re.compile(rb"^Server:[ \t]*([^\r\n]{1,200})", re.IGNORECASE | re.MULTILINE)
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{1,200})", re.IGNORECASE)


def request(path: str, host: str) -> bytes:
    """A GET of ``path`` that is answered once."""
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: gongfu-discovery\r\nAccept: */*\r\n"
    return f"{head}Connection: close\r\n\r\n".encode()


def mqtt(answer: bytes) -> Identity | None:
    """A broker, from its CONNACK."""
    if len(answer) != CONNACK or answer[:2] != b"\x20\x02" or answer[3] not in (0, 1, 2, 3, 4, 5):
        return None
    return Identity(product=mark("MQTT broker"), detail=_REFUSALS.get(answer[3], mark("speaks another version")))


def http(answer: bytes) -> Identity | None:
    """A web server: its Server header, and the title of the page."""
    if not _STATUS.match(answer):
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    server, title = _SERVER.search(head), _TITLE.search(body)
    said = [found[1].decode("utf-8", "replace").strip() for found in (title, server) if found]
    return Identity(product=said[0] if said else "", detail=said[1] if len(said) > 1 else "")


def mtconnect(answer: bytes) -> Identity | None:
    """An agent with its first device, from what it answers to ``/probe`` (MTConnect Part 1, MTConnectDevices)."""
    status = _STATUS.match(answer)
    start = answer.find(b"<")
    if not status or status[1] != b"200" or start < 0 or b"<!" in answer.replace(b"<!--", b""):
        return None  # a document type may hold entities that grow
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start",))
    found: Identity | None = None
    name = ""
    try:
        parser.feed(answer[start:])
        elements = [cast("tuple[str, object]", event)[1] for event in parser.read_events()]
    except ET.ParseError:
        return None
    for element in elements:
        if not isinstance(element, ET.Element):
            continue
        tag = element.tag.rpartition("}")[2]
        if tag == "MTConnectDevices":
            found = Identity(product="MTConnect")
        elif found is None:
            return None  # the root comes first
        elif tag == "Device" and not name:
            name = element.get("name") or element.get("uuid") or "MTConnect"
            found = Identity(product=name)
        elif tag == "Description" and name:
            return Identity(
                vendor=element.get("manufacturer") or "",
                product=element.get("model") or name,
                serial_number=element.get("serialNumber") or "",
                detail=name,
            )
    return found
