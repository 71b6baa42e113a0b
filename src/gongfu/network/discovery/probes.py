"""The table of probes: what is looked for, at which ports, and how. From the drivers' manifests, and two more."""

from __future__ import annotations

from functools import cache

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry
from gongfu.network.drivers.registry import Discovery, Value


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look for. ``name`` is the driver's where there is one."""

    name: str
    protocol: str
    driver: str = ""
    how: Discovery

    def options(self, address: str, port: int, attempt: dict[str, Value]) -> dict[str, Value]:
        """Options of the driver for what stands at ``address``; without what is the default."""
        if self.how.endpoint:
            host = f"[{address}]" if ":" in address else address
            option, _, template = self.how.endpoint.partition("=")
            return {option: template.replace("{host}", host).replace("{port}", str(port)), **attempt}
        known = registry.manifest(self.driver).options
        given: dict[str, Value] = {"host": address, "port": port, **attempt}
        return {name: value for name, value in given.items() if value != known[name].default}


@cache
def probes() -> dict[str, Probe]:
    """Every probe by name."""
    found = {}
    for name in registry.names():
        manifest = registry.manifest(name)
        if manifest.discovery is not None:
            found[name] = Probe(name=name, protocol=manifest.protocol, driver=name, how=manifest.discovery)
    for probe in (
        Probe(name="mqtt-broker", protocol="MQTT", how=Discovery(ports=[1883], probe="mqtt")),
        Probe(name="web", protocol="HTTP", how=Discovery(ports=[80, 8080], probe="http")),
    ):
        found.setdefault(probe.name, probe)
    return found


def probe(name: str) -> Probe:
    """The probe called ``name``; raises :class:`Invalid`."""
    found = probes().get(name)
    if found is None:
        raise Invalid(
            mark("Discovery does not know the protocol {name}."),
            remedy=mark("Use one of: {known}."),
            name=name[:100],
            known=", ".join(sorted(probes())),
        )
    return found
