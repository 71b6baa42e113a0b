"""``gongfu edge``: which processes make an edge node, and how a machine becomes one."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from gongfu.cli import node_settings
from gongfu.cli.node import command, daemon_plan
from gongfu.kernel import nats_server
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.settings import Settings
from gongfu.kernel.supervisor import main as supervisor
from gongfu.kernel.supervisor.plan import BUS, Plan
from gongfu.kernel.supervisor.ports import Port
from gongfu.kernel.supervisor.status import ProcessStatus, State, fetch
from gongfu.network.edge import credentials, local, server, versions
from gongfu.network.edge import join as joining
from gongfu.network.edge.contract import JoinAnswer, Upgrade

TRIAL_SECONDS = 60.0
"""How long a new version may take to become healthy."""
_STOP_SECONDS = 15.0
_LOOK = 0.5


def up() -> int:
    """Run the edge node until Ctrl-C; returns the exit code. Raises :class:`Conflict` when it has joined no node.

    Of several versions that of the last successful upgrade runs; one that waits to be tried is tried.
    """
    settings = edge_settings()
    current = versions.chosen(settings.home).current
    if current:
        environment = _environment(settings, current)
        os.execve(sys.executable, command("edge", "run"), environment)  # noqa: S606 its arguments are ours
    return run()


def run() -> int:
    """As :func:`up`, of this very version."""
    settings = edge_settings()
    code = supervise(settings)
    while versions.chosen(settings.home).trial:
        ended = try_out(settings)
        code = supervise(settings) if ended is None else ended
    return code


def supervise(settings: Settings) -> int:
    """The processes of this version, until they are told to stop."""
    joined = credentials.load(settings.home).answer
    os.environ["GONGFU_NODE"] = joined.edge  # in every process the gateway bears the edge's code
    node = supervisor.Node(
        plans=plans(settings, joined),
        preparation=command("edge", "prepare"),
        announce=lambda _, statuses: announce(settings, joined, statuses),
        ports=ports(settings),
    )
    return supervisor.run(settings, node)


def try_out(settings: Settings) -> int | None:
    """Run the version that waits to be tried, and keep it when it is healthy within a minute.

    Returns its exit code once it ends, or None when it was not healthy: then what ran before shall run again.
    """
    home = settings.home
    before = versions.chosen(home)
    name, version = before.trial, before.detail
    versions.choose(home, versions.Chosen(before.current, "", Upgrade.TRYING, version))
    child = subprocess.Popen(command("edge", "run"), env=_environment(settings, name))
    handlers = {
        number: signal.signal(number, lambda *_: child.terminate()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        until = time.monotonic() + TRIAL_SECONDS
        while child.poll() is None and time.monotonic() < until:
            time.sleep(_LOOK)
            if _healthy(settings):
                versions.choose(home, versions.Chosen(name, "", Upgrade.DONE, version))
                return child.wait()
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    versions.choose(home, versions.Chosen(before.current, "", Upgrade.ROLLED_BACK, version))
    return None


def _healthy(settings: Settings) -> bool:
    try:
        found = fetch(settings, timeout=_LOOK)
    except GongfuError:
        return False
    return all(one.state is State.READY for one in found)


def _environment(settings: Settings, name: str) -> dict[str, str]:
    """Python finds the version in the folder ``name`` before the one that is installed."""
    found = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**found, "PYTHONPATH": str(versions.folder(settings.home, name))} if name else found


def edge_settings() -> Settings:
    """This machine's settings, under the name that the node gave it."""
    settings = node_settings()
    return msgspec.structs.replace(settings, node=credentials.load(settings.home).answer.edge)


def plans(settings: Settings, joined: JoinAnswer) -> list[Plan]:
    """The processes in the order of starting."""
    program = nats_server.find(settings)
    loopback = "127.0.0.1"
    return [
        Plan(
            name=BUS,
            command=(str(program), "-c", server.prepare(settings, joined)),
            health=f"http://127.0.0.1:{settings.bus_monitor_port}/healthz",
            port=settings.bus_port,
        ),
        daemon_plan("gateway", loopback, settings.gateway_port, after_preparation=True),
        daemon_plan("edge-forward", loopback, settings.edge_forward_port, after_preparation=True),
        daemon_plan("edge-control", settings.edge_host, settings.edge_port, after_preparation=True),
    ]


def ports(settings: Settings) -> list[Port]:
    """What an edge node listens on."""
    loopback = "127.0.0.1"
    found = [
        Port("bus_port", loopback, settings.bus_port),
        Port("bus_monitor_port", loopback, settings.bus_monitor_port),
        Port("mqtt_port", settings.host, settings.mqtt_port),
        Port("supervisor_port", loopback, settings.supervisor_port),
        Port("gateway_port", loopback, settings.gateway_port),
        Port("edge_forward_port", loopback, settings.edge_forward_port),
        Port("edge_port", settings.edge_host, settings.edge_port),
    ]
    if settings.http_ingest_port:
        found.append(Port("http_ingest_port", settings.host, settings.http_ingest_port))
    return found


def prepare() -> None:
    """Streams and buckets of the edge's bus exist afterwards."""
    asyncio.run(local.prepare(edge_settings()))


def announce(settings: Settings, joined: JoinAnswer, statuses: list[ProcessStatus]) -> None:
    """Say where the status page is."""
    text = translate(mark("Edge node {edge} of {node} runs. Its status page: {url}"))
    host = settings.edge_host
    url = f"http://{host}:{settings.edge_port}"
    sys.stderr.write(text.format(edge=joined.edge, node=joined.node, url=url) + "\n")


def join(url: str, token: str, ca: Path | None) -> None:
    """Join the node at ``url``; a token of ``-`` is read without being shown."""
    if token == "-":  # noqa: S105 not a password
        ask = translate(mark("Token: "))
        token = getpass.getpass(ask) if sys.stdin.isatty() else sys.stdin.readline()
    membership = joining.join(node_settings().home, url, token.strip(), ca=ca)
    text = translate(mark("This machine is edge node {edge} of {node} now. Start it with: gongfu edge"))
    sys.stdout.write(text.format(edge=membership.answer.edge, node=membership.answer.node) + "\n")


def leave() -> None:
    """Forget the node."""
    home = node_settings().home
    credentials.load(home)
    credentials.forget(home)
