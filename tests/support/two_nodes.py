"""Two nodes that talk to each other: each a web process and a carrier, with home, database and ports of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SEED = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
from gongfu.kernel.accounts import services as accounts, tokens
from gongfu.kernel.accounts.models import User
from gongfu.kernel.settings import settings
from gongfu.identity.registry import services as registry
accounts.first_run(settings())
user = User.objects.get()
plant = accounts.create_organisation("hengrui", "恒锐机械")
registry.allot_prefix(user, plant)
print(tokens.create(user, "test", read_only=False)[1])
"""
_CARRY = """
import threading, django; django.setup()
from gongfu.identity.escrow import services as escrow
from gongfu.identity.filing import services as filing
threading.Thread(target=escrow.keep, args=(threading.Event(),), daemon=True).start()
filing.carry(threading.Event())
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Node:
    """``with Node(home, "top", "88.1"):``; the API is called as its administrator."""

    home: Path
    name: str
    prefix: str
    port: int = field(default_factory=free_port)
    token: str = ""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GONGFU_", "DJANGO_"))}
        return inherited | {
            "GONGFU_HOME": str(self.home),
            "GONGFU_NODE": self.name,
            "GONGFU_IDENTIFIER_PREFIX": self.prefix,
            "GONGFU_WEB_PORT": str(self.port),
            "GONGFU_LANGUAGE": "en",
            "DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings",
        }

    def python(self, code: str) -> str:
        """Run code with this node's Django; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def __enter__(self) -> Node:
        self.token = self.python(_SEED)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Bring web process and carrier up."""
        self._spawn("web", "-m", "gongfu.cli", "web")
        self._spawn("carrier", "-c", _CARRY)
        deadline = time.monotonic() + 60
        while True:
            assert self.running["web"].poll() is None, (self.home / "web.log").read_text("utf-8")
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=2).close()
                return
            except OSError:
                assert time.monotonic() < deadline, (self.home / "web.log").read_text("utf-8")
                time.sleep(0.2)

    def _spawn(self, name: str, *arguments: str) -> None:
        with (self.home / f"{name}.log").open("ab") as out:
            command = [sys.executable, *arguments]
            self.running[name] = subprocess.Popen(command, env=self.environment, stdout=out, stderr=out)

    def stop(self) -> None:
        """End both, at once."""
        for process in self.running.values():
            process.kill()
            process.wait()
        self.running.clear()

    def post(self, path: str, body: object = None) -> Any:
        """Call the API; a refusal raises :class:`AssertionError` with its text."""
        return self._ask("POST", path, json.dumps(body or {}).encode())

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def wait(self, state: str, **wanted: object) -> dict[str, Any]:
        """The only filing, once it is in ``state`` and has the other values."""
        values = wanted | {"state": state}
        [one] = self.wait_for(
            "/identity/filings", lambda found: bool(found) and all(found[0][name] == values[name] for name in values)
        )
        return one

    def wait_for(self, path: str, check: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """What a list of the API shows, once ``check`` holds."""
        deadline = time.monotonic() + 60
        while not check(found := list(self.get(path)["items"])):
            assert time.monotonic() < deadline, (found, (self.home / "carrier.log").read_text("utf-8")[-3000:])
            time.sleep(0.1)
        return found


BEGIN = """
import django; django.setup()
from gongfu.kernel.accounts.models import User
from gongfu.identity.peers import services
user = User.objects.get()
"""


def pair(top: Node, below: Node) -> None:
    """As the two operators would, through the services behind the pairing page."""
    code = top.python(f"{BEGIN}print(services.invite(user, 'below', '{below.url}')[1])")
    below.python(f"{BEGIN}services.join(user, '{code}')")
