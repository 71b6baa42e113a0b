"""Nothing to read: the device is there, and its tags come from ``gongfu streams``."""

from __future__ import annotations

import asyncio

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, Sink
from gongfu.network.gateway.config import DeviceConfig


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Be online until cancelled; raises :class:`BadConfiguration` for a tag that would have to be read."""
    for tag in device.tags:
        if not tag.address.startswith("derived:"):
            raise BadConfiguration(
                mark("Tag {tag} has an address, but a virtual device has nothing to read."),
                remedy=mark("Make it a computed tag, or choose the protocol of the machine."),
                tag=tag.name,
            )
    sink.online()
    await asyncio.Event().wait()
