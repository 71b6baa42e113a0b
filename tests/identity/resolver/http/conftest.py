"""A running resolver with two enterprises, each with a secret and a private key; HTTP and HTTPS on one port."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gongfu.identity.handle import keys
from gongfu.identity.handle.admin_record import ADMIN, ALL, PUBKEY, SECKEY, AdminRecord, encode_admin
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import parse, prefix_handle
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import FOLDER, IdentifierStore

PROGRAM = """
import os
from gongfu.identity.resolver.process import main
from gongfu.kernel.settings import load
if __name__ == "__main__":
    main(load(os.environ))
"""
PREFIX = "88.118.1"
OWNER = "300:0.NA/88.118.1"
SECRET = "one"
HIDDEN = Permission.ADMIN_READ | Permission.ADMIN_WRITE


@dataclass
class Node:
    """A resolver that runs."""

    home: Path
    process: subprocess.Popen[bytes]
    http: int
    handle: int
    health: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def secure_url(self) -> str:
        return f"https://127.0.0.1:{self.http}"

    @property
    def authority(self) -> str:
        """File with the node's own certificate."""
        return str(self.home / "tls" / "certificate.pem")

    def connection(self, *, secure: bool = False) -> http.client.HTTPConnection:
        if secure:
            context = ssl.create_default_context(cafile=self.authority)
            return http.client.HTTPSConnection("127.0.0.1", self.http, timeout=10, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.http, timeout=10)

    def raw(self, octets: bytes, wait: float = 10) -> bytes:
        """What comes back for ``octets`` until the connection is closed or nothing comes any more."""
        with socket.create_connection(("127.0.0.1", self.http), timeout=wait) as sock:
            with contextlib.suppress(OSError):
                sock.sendall(octets)
            said = b""
            with contextlib.suppress(OSError):
                while part := sock.recv(65536):
                    said += part
        return said


def free_port() -> int:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return int(tcp.getsockname()[1])


def seed(home: Path, public: keys.PublicKey) -> None:
    """What stands in the store before the resolver starts."""
    store = IdentifierStore(home / FOLDER)
    for prefix, secret in (("88.118", b"node"), (PREFIX, b"one"), ("88.118.2", b"two")):
        handle = prefix_handle(prefix)
        values = [
            Value(100, ADMIN, encode_admin(AdminRecord(Reference(str(handle), 0), ALL))),
            Value(300, SECKEY, secret, permissions=HIDDEN),
            Value(301, PUBKEY, public.encode()),
        ]
        store.home(prefix)
        store.put(Record(handle, tuple(values[:3] if prefix == PREFIX else values[:2]), 1, 1))
    store.put(Record(parse(f"{PREFIX}/a"), (Value(1, "URL", b"https://example.com/a", timestamp=1_700_000_000),), 1, 1))
    store.close()


@contextlib.contextmanager
def running(home: Path, **settings: str) -> Iterator[Node]:
    program = home / "program.py"
    program.write_text(PROGRAM)
    ports = [free_port() for _ in range(3)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GONGFU_")} | {
        "GONGFU_HOME": str(home),
        "GONGFU_HANDLE_HTTP_PORT": str(ports[0]),
        "GONGFU_HANDLE_PORT": str(ports[1]),
        "GONGFU_RESOLVER_PORT": str(ports[2]),
        "GONGFU_TLS_CERTIFICATE": "self-signed",
        **settings,
    }
    process = subprocess.Popen([sys.executable, program], env=environment, stdout=subprocess.DEVNULL)
    try:
        node = Node(home, process, *ports)
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{node.health}/readyz", timeout=2).close()
                break
            assert time.monotonic() < until
            time.sleep(0.05)
        yield node
    finally:
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def owner_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of the owner of 88.118.1, made with OpenSSL as EUDAT's documentation has it."""
    folder = tmp_path_factory.mktemp("owner")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = "/CN=301:0.NA\\/88.118.1"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 30 -keyout {key} -out {certificate}"
    subprocess.run([*command.split(), "-subj", subject], check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="session")
def owner_public(owner_key: tuple[Path, Path]) -> keys.PublicKey:
    private = load_pem_private_key(owner_key[1].read_bytes(), None)
    return keys.PublicKey(private.public_key())


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, owner_public: keys.PublicKey) -> Iterator[Node]:
    home = tmp_path_factory.mktemp("node")
    seed(home, owner_public)
    with running(home) as found:
        yield found
