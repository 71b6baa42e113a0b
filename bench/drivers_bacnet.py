"""bacpypes3 by itself, and the device that it and our driver read: a case for ``drivers.py``."""

from __future__ import annotations

import socket
from collections.abc import Callable

from bacpypes3.app import Application
from bacpypes3.ipv4.link import NormalLinkLayer
from bacpypes3.local.device import DeviceObject
from bacpypes3.pdu import IPv4Address

from gongfu.network.drivers.bacnet.simulator import BacnetSimulator, Point

_TOGETHER = 15
"""Objects in a request: as many as the driver asks for, which wants two properties of each."""


def bacnet_server(tags: int) -> BacnetSimulator:
    """``tags`` analog inputs."""
    return BacnetSimulator("127.0.0.1", 0, [Point(f"t{i}", f"analog-input,{i}", float(i)) for i in range(tags)])


async def bare_bacnet(port: int, tags: int, going: Callable[[], bool]) -> int:
    """How many present values bacpypes3 reads, with their status as the driver does."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.setblocking(False)
    end.bind(("127.0.0.1", 0))
    application = Application.from_object_list([DeviceObject(objectIdentifier=("device", 1), objectName="bench")])
    address = IPv4Address("{}:{}".format(*end.getsockname()))
    link = NormalLinkLayer(address, bind_socket=end)
    application.nsap.bind(link, address=address)
    parts = [range(tags)[at : at + _TOGETHER] for at in range(0, tags, _TOGETHER)]
    count = 0
    while going():
        for part in parts:
            wanted = [each for i in part for each in (f"analog-input,{i}", ["present-value", "status-flags"])]
            found = await application.read_property_multiple(f"127.0.0.1:{port}", wanted)
            count += sum(isinstance(value, float) for _, _, _, value in found)
    link.close()
    return count
