"""Every port a node needs, and whether it is free."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from gongfu.kernel.errors import Conflict, Invalid
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.settings import SIMULATOR_PORTS, Settings


@dataclass(frozen=True)
class Port:
    """One address a process will listen on; ``setting`` moves it."""

    setting: str
    host: str
    number: int
    udp: bool = False


@dataclass(frozen=True)
class Taken:
    """A port that cannot be used, why, and who holds it if that can be seen."""

    port: Port
    reason: str
    holder: str


class PortsTaken(Conflict):
    """One or more ports are in use: all of them in one message."""

    def __init__(self, taken: list[Taken]) -> None:
        super().__init__(
            mark("Some ports cannot be used:"),
            remedy=mark("Stop the programs that hold them, or choose other ports in these settings."),
        )
        self.taken = taken

    def text(self, language: str | None = None) -> str:
        """One line a port."""
        lines = [translate(self.message, language)]
        for item in self.taken:
            template = mark("  {host}:{port} ({kind}): {reason}; held by {holder}; setting {setting}")
            if not item.holder:
                template = mark("  {host}:{port} ({kind}): {reason}; setting {setting}")
            lines.append(
                translate(template, language).format(
                    host=item.port.host,
                    port=item.port.number,
                    kind="UDP" if item.port.udp else "TCP",
                    reason=item.reason,
                    holder=item.holder,
                    setting=f"GONGFU_{item.port.setting.upper()}",
                )
            )
        return "\n".join([*lines, translate(self.remedy, language)])


def needed(settings: Settings) -> list[Port]:
    """The ports of the processes that this node starts."""
    loopback = "127.0.0.1"
    ports = [
        Port("web_port", settings.host, settings.web_port),
        Port("store_port", loopback, settings.store_port),
        Port("supervisor_port", loopback, settings.supervisor_port),
        Port("gateway_port", loopback, settings.gateway_port),
        Port("northbound_port", loopback, settings.northbound_port),
        Port("streams_port", loopback, settings.streams_port),
        *([Port("http_ingest_port", settings.host, settings.http_ingest_port)] if settings.http_ingest_port else []),
        Port("resolver_port", loopback, settings.resolver_port),
        Port("worker_port", loopback, settings.worker_port),
        Port("handle_port", settings.host, settings.handle_port),
        Port("handle_port", settings.host, settings.handle_port, udp=True),
        Port("handle_http_port", settings.host, settings.handle_http_port),
    ]
    if "recursive" in settings.roles:
        ports += [
            Port("recursive_port", settings.host, settings.recursive_port),
            Port("recursive_port", settings.host, settings.recursive_port, udp=True),
        ]
    if not settings.bus_url:
        ports += [
            Port("bus_port", loopback, settings.bus_port),
            Port("bus_monitor_port", loopback, settings.bus_monitor_port),
            Port("mqtt_port", settings.host, settings.mqtt_port),
        ]
    if settings.demonstration:
        ports.append(Port("simulator_port", loopback, settings.simulator_port))
        base = settings.simulator_base_port
        ports += [Port("simulator_base_port", settings.host, base + offset) for offset in range(SIMULATOR_PORTS)]
    return ports


def check(ports: Iterable[Port]) -> None:
    """Raise :class:`PortsTaken` naming every port in use, or :class:`Invalid` when two settings name the same one."""
    ports = list(ports)
    counts = Counter((port.number, port.udp) for port in ports)
    for (number, _), count in counts.items():
        if count > 1:
            names = sorted({f"GONGFU_{port.setting.upper()}" for port in ports if port.number == number})
            raise Invalid(
                mark("Port {port} is asked for more than once: {settings}."),
                remedy=mark("Give each its own port."),
                port=number,
                settings=", ".join(names),
            )
    taken = [(port, reason) for port in ports if (reason := _try(port))]
    if taken:
        holders = _holders()
        raise PortsTaken([Taken(port, reason, holders.get((port.number, port.udp), "")) for port, reason in taken])


def _try(port: Port) -> str:
    """Why ``port`` cannot be bound, or an empty string."""
    try:
        family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM if port.udp else socket.SOCK_STREAM) as sock:
            if not port.udp:  # connections that are only waiting to be forgotten do not matter
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((port.host, port.number))
    except OSError as error:
        return error.strerror or str(error)
    except OverflowError:
        return "0-65535"
    return ""


def _holders() -> dict[tuple[int, bool], str]:
    """Port → program and process id, as far as this user may see them."""
    try:
        connections = psutil.net_connections(kind="inet")
    except (psutil.Error, OSError):
        return {}
    holders: dict[tuple[int, bool], str] = {}
    for connection in connections:
        udp = connection.type == socket.SOCK_DGRAM
        if connection.pid is None or not connection.laddr or not (udp or connection.status == psutil.CONN_LISTEN):
            continue
        try:
            name = psutil.Process(connection.pid).name()
        except psutil.Error:
            continue
        holders[connection.laddr.port, udp] = f"{name} (pid {connection.pid})"
    return holders
