"""``gongfu handle`` against a running server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gongfu.cli.handle import credential, parse_value
from gongfu.identity.handle import keys
from gongfu.identity.handle.codes import Permission
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.errors import Invalid
from tests.identity.resolver.node import KEYS, PREFIX, SECRET, Node, running


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    store = IdentifierStore(tmp_path / "identity")
    async with running(store) as found:
        yield found
    store.close()


async def gongfu(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command as people type it."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gongfu.cli", "handle", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"GONGFU_HOME": str(home), "GONGFU_LANGUAGE": "en", "PATH": "/usr/bin:/bin", "HOME": str(home)},
    )


async def test_an_identifier_is_registered_changed_listed_and_removed(node: Node, tmp_path: Path) -> None:
    key, secret = tmp_path / "admin.pem", tmp_path / "secret"
    keys.save(key, KEYS[keys.Algorithm.SM2])
    secret.write_bytes(SECRET + b"\n")
    index = 300 + list(KEYS).index(keys.Algorithm.SM2)
    private = ("--port", node.port, "--admin", f"{index}:0.NA/{PREFIX}", "--key", key)
    shared = ("--port", node.port, "--admin", f"310:0.NA/{PREFIX}", "--secret-file", secret)
    name = f"{PREFIX}/CLI-01"
    for command in (
        ("create", name, "1:URL=https://example.com/", "2:NOTE!=hidden", *private),
        ("add", name, "3:NAME=机床", *shared),
        ("modify", name, "3:NAME=车床", *private),
        ("remove", name, "2", *shared),
    ):
        done = await gongfu(tmp_path, *command)
        assert (done.returncode, done.stderr) == (0, "")
    listed = await gongfu(tmp_path, "list", PREFIX, *private)
    assert listed.stdout.split() == [name, f"{PREFIX}/CNC-01"]
    again = await gongfu(tmp_path, "create", name, "1:URL=x", *private)
    assert again.returncode == 73
    assert "already registered" in again.stderr
    nobody = await gongfu(tmp_path, "delete", name, "--port", node.port)
    assert nobody.returncode == 77
    assert (await gongfu(tmp_path, "delete", name, *shared)).returncode == 0


async def test_a_key_pair_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    for kind in ("ed25519", "ec", "sm2"):
        path = tmp_path / kind
        done = await gongfu(tmp_path, "key", path, "--type", kind)
        assert done.returncode == 0
        assert path.stat().st_mode & 0o077 == 0
        assert bytes.fromhex(done.stdout) == keys.load(path).public.encode()
        assert (await gongfu(tmp_path, "key", path, "--type", kind)).returncode == 2
    assert "DSA" in (await gongfu(tmp_path, "key", tmp_path / "dsa", "--type", "dsa")).stderr


def test_values_are_written_as_index_type_and_data(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("00ff\n")
    assert parse_value("1:URL=https://a/?b=c@d").data == b"https://a/?b=c@d"
    assert parse_value("2:HS_PUBKEY@" + str(file)).data == b"\x00\xff"
    assert parse_value("3:NOTE!=x").permissions == Permission.ADMIN_READ | Permission.ADMIN_WRITE
    file.write_bytes(b"beef\n")
    secret = parse_value(f"4:HS_SECKEY@{file}")
    assert secret.data == b"beef"
    assert not secret.public
    for bad in ("URL=x", "0:URL=x", "1:=x", "1:URL", "99999999999:URL=x", "1:HS_SECKEY=geheim", f"1:A@{tmp_path}/none"):
        with pytest.raises(Invalid):
            parse_value(bad)


def test_a_name_without_a_key_is_refused(tmp_path: Path) -> None:
    assert credential("", None, None) is None
    for admin, key, secret in (("300:0.NA/1", None, None), ("", tmp_path, None), ("300:0.NA/1", tmp_path, tmp_path)):
        with pytest.raises(Invalid):
            credential(admin, key, secret)
