"""Resolvers as processes of their own, each with its home."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gongfu.identity.handle import site
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import FOLDER, IdentifierStore

PROGRAM = """
import os
from gongfu.identity.resolver.process import main
from gongfu.kernel.settings import load
if __name__ == "__main__":
    main(load(os.environ))
"""


def free_port() -> int:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return int(tcp.getsockname()[1])


@dataclass
class Node:
    """One resolver process; started, killed and started again on the same ports."""

    home: Path
    roles: str
    roots: str = ""
    port: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)
    recursive: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        program = self.home / "program.py"
        program.write_text(PROGRAM)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GONGFU_")} | {
            "GONGFU_HOME": str(self.home),
            "GONGFU_ROLES": self.roles,
            "GONGFU_ROOTS": self.roots,
            "GONGFU_HANDLE_PORT": str(self.port),
            "GONGFU_RESOLVER_PORT": str(self.health),
            "GONGFU_RECURSIVE_PORT": str(self.recursive),
            "GONGFU_HANDLE_HTTP_PORT": str(self.http),
        }
        self.process = subprocess.Popen([sys.executable, program], env=environment)

    def ready(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with (
                contextlib.suppress(OSError, urllib.error.HTTPError),
                urllib.request.urlopen(f"http://127.0.0.1:{self.health}/readyz", timeout=2),
            ):
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.roles} did not get ready")

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/metrics", timeout=2) as answer:
            text: str = answer.read().decode()
            return text

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def write(self, *records: Record, home: Iterable[str] = ()) -> None:
        store = IdentifierStore(self.home / FOLDER)
        for prefix in home:
            store.home(prefix)
        if records:
            store.put_many(records)
        store.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def delegation(prefix: str, port: int, ttl: int = 86_400) -> Record:
    """``0.NA/prefix``: served on this machine."""
    value = Value(1, site.HS_SITE, site.encode(site.single("127.0.0.1", port)), ttl)
    return Record(Handle("0.NA", prefix), (value,), 1, 1)
