"""How many identifiers a second are registered, each on disk before it is acknowledged.

    gongfu bench register [--quick]

``batch_per_s``: batches of 1,000 through the store's ``put_many``, as the import of a file does; the making of the
records is not counted. ``single_per_s``: one by one over the protocol, from 64 administrators with a session each in
another process, to a real resolver process whose group commit puts those that wait together on disk. Beside them:
commits a second of this disk (``fsync_per_s``), and batches in the layout before this one, whole values under whole
keys (``plain_batch_per_s``).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
import identifiers
import lmdb
import resolve

from gongfu.identity.handle.admin_record import ALL, AdminRecord, encode_admin
from gongfu.identity.handle.client_async import AsyncHandleClient
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import prefix_handle
from gongfu.identity.handle.proofs import SecretKey
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry import records
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import FOLDER, IdentifierStore

CLIENTS = 64
_PREFIX = "88.118.1"
_SECRET = b"a secret of the bench"


def run(quick: bool) -> harness.Result:
    """Measure; takes 40 s, or 20 s with ``quick``."""
    started = time.perf_counter()
    batches, seconds = (100, 4.0) if quick else (500, 10.0)
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
        home = Path(folder)
        baselines = {"fsync_per_s": _fsyncs(home), "plain_batch_per_s": _plain(home / "plain", 50)}
        loaded = identifiers.load(home / "batches", batches * identifiers.BATCH)
        single, at_once = _single(home / "single", seconds)
    metrics = {"batch_per_s": loaded.per_s, "single_per_s": round(single)}
    baselines |= {"single_in_one_commit": round(at_once, 1), "single_clients": CLIENTS}
    return harness.result("register", metrics, baselines, started)


def _fsyncs(folder: Path) -> float:
    with (folder / "fsync").open("wb") as file:
        began = time.perf_counter()
        for _ in range(200):
            file.write(bytes(4_096))
            file.flush()
            os.fdatasync(file.fileno())
        return round(200 / (time.perf_counter() - began))


def _plain(folder: Path, batches: int) -> float:
    """The layout before: each record with its values as on the wire, under its whole key."""
    spent = 0.0
    folder.mkdir()
    with lmdb.open(str(folder), map_size=2**34) as env:
        for number in range(batches):
            batch = identifiers.batch(number)
            began = time.perf_counter()
            encoded = sorted((record.handle.key, records.encode(record)) for record in batch)
            with env.begin(write=True) as txn:
                for key, octets in encoded:
                    txn.put(key, octets, overwrite=False)
            spent += time.perf_counter() - began
    return round(batches * identifiers.BATCH / spent)


def _single(home: Path, seconds: float) -> tuple[float, float]:
    """Registrations a second over the protocol, and how many shared a commit."""
    home.mkdir()
    store = IdentifierStore(home / FOLDER)
    store.home(_PREFIX)
    handle = prefix_handle(_PREFIX)
    admin = Value(100, "HS_ADMIN", encode_admin(AdminRecord(Reference(str(handle), 0), ALL)))
    secret = Value(300, "HS_SECKEY", _SECRET, permissions=Permission.ADMIN_READ | Permission.ADMIN_WRITE)
    store.put(Record(handle, (admin, secret), 1, 1))
    store.close()
    with resolve.serving(home) as (port, _, _):
        command = [sys.executable, __file__, str(port), str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    store = IdentifierStore(home / FOLDER)
    kept = store.count(_PREFIX)
    commits = store.transactions()
    store.close()
    if kept < told["registered"]:
        raise RuntimeError(f"{told['registered']} were acknowledged, {kept} are there")
    return told["registered"] / told["seconds"], kept / commits


async def _register(port: int, seconds: float) -> None:
    credential = SecretKey(Reference(str(prefix_handle(_PREFIX)), 300), _SECRET)
    clients = [AsyncHandleClient(port=port, credential=credential, session=True) for _ in range(CLIENTS)]
    values = identifiers.batch(0)[0].values
    for number, client in enumerate(clients):
        await client.create(f"{_PREFIX}/FIRST-{number}", values)
    began = time.perf_counter()
    registered = 0

    async def work(number: int, client: AsyncHandleClient) -> None:
        nonlocal registered
        count = 0
        while time.perf_counter() < began + seconds:
            await client.create(f"{_PREFIX}/SN{number:03}-{count:06}", values)
            registered += 1
            count += 1

    await asyncio.gather(*(work(number, client) for number, client in enumerate(clients)))
    took = time.perf_counter() - began
    print(json.dumps({"registered": registered, "seconds": took}))
    for client in clients:
        await client.close()


if __name__ == "__main__":
    asyncio.run(_register(int(sys.argv[1]), float(sys.argv[2])))
