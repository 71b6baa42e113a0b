"""What the gateway keeps of its libraries' speed, how it carries a thousand devices, and what another gateway needs.

    gongfu bench gateway --json [--quick]

``<protocol>_ratio_to_library``: values a second of 50 tags from a simulator through a real gateway process to the bus,
where JetStream has them on disk, beside the bare library reading the same from the same simulator in the same run,
turn by turn, the best turn of each (``drivers.py``). The library reads as it can best: one range for protocols that
read ranges, its bytes not even decoded. ``<protocol>_cpu_ratio``: the same by processor time of the reading process,
which a busy machine disturbs less.

``fleet_*``: a real gateway process and bus, and in one more process 1,000 simulated Modbus devices (200 with
``--quick``), each on a port of its own with 50 numbers, read once a second. A cycle is missed when the reading that
should have come within a second and a half of the one before it did not. ``fleet_missed_cycles`` is the 99th percentile
over the devices, ``fleet_missed_in_all`` their sum.

``cpu_ratio_to_thingsboard_gateway``: processor seconds of ThingsBoard's gateway over those of ours for the same devices
and the same time (``thingsboard.py``). ``THINGSBOARD_GATEWAY`` names its program, in an environment of its own:

    python -m venv DIRECTORY
    DIRECTORY/bin/pip install thingsboard-gateway pymodbus==3.9.2 pyserial pyserial-asyncio
    THINGSBOARD_GATEWAY=DIRECTORY/bin/thingsboard-gateway gongfu bench gateway

Without the variable the program is looked for on PATH; without the program the metric is *missing*.
"""

from __future__ import annotations

import time

import drivers
import fleet
import thingsboard
from harness import Result, result


def run(quick: bool) -> Result:
    """Measure; about five minutes, with ``quick`` two."""
    started = time.perf_counter()
    metrics: dict[str, float] = {}
    baselines: dict[str, float] = {}
    missing: dict[str, str] = {}
    for found in drivers.compare(*((1.5, 2) if quick else (3.0, 3)), missing):
        metrics[f"{found.protocol}_ratio_to_library"] = round(found.ratio, 3)
        metrics[f"{found.protocol}_cpu_ratio"] = round(found.cpu_ratio, 3)
        baselines[f"{found.protocol}_library_per_s"] = round(found.library.per_s)
    count, seconds = (200, 15.0) if quick else (1000, 40.0)
    metrics |= fleet.measure(count, seconds)
    baselines |= {"fleet_devices": count, "fleet_tags": count * fleet.TAGS, "fleet_seconds": seconds}
    other = thingsboard.compare(50 if quick else 200, 15.0 if quick else 40.0)
    if isinstance(other, str):
        missing["cpu_ratio_to_thingsboard_gateway"] = other
    else:
        metrics |= other.metrics
        baselines |= other.baselines
    return result("gateway", metrics, baselines, started, missing)
