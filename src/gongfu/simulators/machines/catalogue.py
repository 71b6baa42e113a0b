"""Which class simulates which device type."""

from __future__ import annotations

from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.simulators.machines.cnc import MachiningCentre
from gongfu.simulators.machines.compressor import Compressor
from gongfu.simulators.machines.excavator import Excavator
from gongfu.simulators.machines.machine import Machine
from gongfu.simulators.machines.meter import Meter
from gongfu.simulators.machines.moulding import MouldingMachine
from gongfu.simulators.machines.pump import Pump
from gongfu.simulators.machines.robot import Robot

MACHINES: tuple[type[Machine], ...] = (MachiningCentre, Robot, Compressor, MouldingMachine, Pump, Meter, Excavator)
_BY_TYPE = {kind.TYPE: kind for kind in MACHINES}


def machine_class(type_id: str) -> type[Machine]:
    """The simulation of a device type; raises :class:`NotFound`."""
    kind = _BY_TYPE.get(type_id)
    if kind is None:
        raise NotFound(mark("No machine of type {type} can be simulated."), type=type_id)
    return kind
