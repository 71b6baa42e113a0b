"""A bus for a moment: over the files of a node that does not run, to copy its streams or to put them back."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from gongfu.kernel import nats_server
from gongfu.kernel.bus import INTERNAL_USER, MAX_PAYLOAD
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.process import end_with_parent
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings

_PATIENCE: Final = 60.0


@contextlib.contextmanager
def running(settings: Settings, home: Path) -> Iterator[Settings]:
    """A server of the streams below ``home``, for this process alone; the block gets settings that reach it."""
    program = nats_server.find(settings)
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="gongfu-bus-") as folder:
        config = Path(folder) / "server.conf"
        config.write_text(_config(settings, home, port), encoding="utf-8")
        config.chmod(0o600)
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(
                [program, "-c", config],
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - one system call, no lock
            )
        try:
            _wait(server, port, Path(folder) / "log")
            yield msgspec.structs.replace(settings, home=home, bus_url="", bus_port=port)
        finally:
            server.terminate()  # it writes its state, then ends
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _config(settings: Settings, home: Path, port: int) -> str:
    return f"""\
server_name: {json.dumps(settings.node)}
listen: "127.0.0.1:{port}"
max_payload: {MAX_PAYLOAD}
jetstream {{
  store_dir: {json.dumps(str(home / "bus"))}
  max_memory_store: 67108864
  max_file_store: {1 << 50}
}}
authorization {{
  users: [{{user: {json.dumps(INTERNAL_USER)}, password: {json.dumps(secret(home, "bus-internal"))}}}]
}}
"""


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise Unavailable(
        mark("A bus for the copy does not start: {reason}."),
        remedy=mark("Check that no other nats-server uses these files."),
        reason=log.read_text(encoding="utf-8", errors="replace")[-300:].strip(),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
