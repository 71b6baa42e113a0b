"""``gongfu up``: which processes make a node, and what is shown when they run."""

from __future__ import annotations

import sys

import msgspec
from rich.box import HEAVY
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gongfu.cli import node_settings
from gongfu.cli.show import state_text
from gongfu.kernel import nats_server
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.settings import Settings
from gongfu.kernel.supervisor import main as supervisor
from gongfu.kernel.supervisor.plan import BUS, Plan
from gongfu.kernel.supervisor.status import ProcessStatus, State


class Prepared(msgspec.Struct, frozen=True):
    """What ``gongfu migrate --for-supervisor`` prints: the administrator of a node that was empty."""

    username: str
    password: str


def up() -> int:
    """Run the whole node until Ctrl-C; returns the exit code."""
    settings = node_settings()
    node = supervisor.Node(
        plans=plans(settings),
        preparation=_command("migrate", "--for-supervisor"),
        announce=lambda printed, statuses: announce(settings, printed, statuses),
    )
    return supervisor.run(settings, node)


def plans(settings: Settings) -> list[Plan]:
    """The processes in the order of starting; they are stopped in the reverse order."""
    found = []
    if not settings.bus_url:
        program = nats_server.find(settings)
        found.append(
            Plan(
                name=BUS,
                command=(str(program), "-c", str(nats_server.prepare(settings))),
                health=f"http://127.0.0.1:{settings.bus_monitor_port}/healthz",
                port=settings.bus_port,
                reload_on=nats_server.users_file(settings.home),
            )
        )
    loopback = "127.0.0.1"
    found += [
        _daemon("recorder", loopback, settings.store_port),
        _daemon("resolver", loopback, settings.resolver_port),
        _daemon("worker", loopback, settings.worker_port, after_preparation=True),
        _daemon("gateway", loopback, settings.gateway_port),
        _daemon("northbound", loopback, settings.northbound_port),
        _daemon("streams", loopback, settings.streams_port),
        _daemon("web", settings.host, settings.web_port, after_preparation=True),
    ]
    if settings.demonstration:
        found.append(_daemon("simulate", loopback, settings.simulator_port))
    return found


def _daemon(name: str, host: str, port: int, *, after_preparation: bool = False) -> Plan:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return Plan(
        name=name,
        command=_command(name),
        health=f"http://{reachable}:{port}/readyz",
        port=port,
        after_preparation=after_preparation,
    )


def _command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "gongfu.cli", *arguments)


def announce(settings: Settings, printed: bytes, statuses: list[ProcessStatus]) -> None:
    """Show where everything is; and, once in a node's life, the administrator's password.

    Without ``statuses`` the node is stopping already, and only the password matters.
    """
    console = Console()
    if statuses:
        table = Table(title=translate(mark("Gongfu node {node} runs")).format(node=settings.node), title_justify="left")
        table.add_column(translate(mark("What")))
        table.add_column(translate(mark("Address")), overflow="fold")
        for what, address in addresses(settings):
            table.add_row(what, address)
        console.print(table)
    for status in statuses:
        if status.state is not State.READY:
            console.print(f"{status.name}: {state_text(status.state)}", style="yellow", markup=False)
    if printed:
        admin = msgspec.json.decode(printed, type=Prepared)
        text = translate(
            mark("User name: {username}\nPassword:  {password}\n\nThis password is shown only this once.")
        ).format(username=admin.username, password=admin.password)
        title = translate(mark("Sign in at {url}")).format(url=settings.url)
        console.print(Panel(Text(text), title=title, box=HEAVY, expand=False))


def addresses(settings: Settings) -> list[tuple[str, str]]:
    """Everything an outsider can call, named in the current language."""
    found = [
        (translate(mark("Console")), settings.url),
        (translate(mark("API")), f"{settings.url}/api/v1/docs"),
        (translate(mark("Handle resolver")), f"hdl://{settings.host}:{settings.handle_port} (UDP, TCP)"),
    ]
    web = "https" if settings.tls_certificate else "http"
    found.append(
        (translate(mark("Handle HTTP API")), f"{web}://{settings.host}:{settings.handle_http_port}/api/handles")
    )
    if "recursive" in settings.roles:
        address = f"hdl://{settings.host}:{settings.recursive_port} (UDP, TCP)"
        found.append((translate(mark("Recursive resolver")), address))
    if not settings.bus_url:
        found.append((translate(mark("MQTT devices")), f"mqtt://{settings.host}:{settings.mqtt_port}"))
    found += [
        (
            translate(mark("Telemetry store")),
            settings.store_url.rpartition("@")[2] or f"http://127.0.0.1:{settings.store_port}",
        ),
        (translate(mark("Processes and metrics")), f"http://127.0.0.1:{settings.supervisor_port}/processes"),
        (translate(mark("State of the node")), str(settings.home)),
    ]
    return found
