"""``gongfu escrow``: make, verify and restore a series in a folder. Without Django: a broken node has no database."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gongfu.cli import node_settings
from gongfu.identity.escrow import archive, copying, recovery
from gongfu.identity.escrow.archive import Signer, StoredSet
from gongfu.identity.peers import jws, keys
from gongfu.identity.registry.store import open_store
from gongfu.kernel.errors import Forbidden
from gongfu.kernel.i18n import mark, translate


def make(folder: Path) -> None:
    """Add a set; a new series shows its recovery text, once."""
    settings = node_settings()
    key = keys.signing_key(settings.home)
    if archive.numbers(folder):
        *_, last = archive.walk(folder, keys.public_octets(key))
        recipients = tuple(bytes.fromhex(wrapped.recipient) for wrapped in last.manifest.recipients)
        made = copying.increment(open_store(settings.home), folder, Signer(key, last.manifest.series, recipients))
        if made is None:
            _say(mark("Nothing has changed since the last set."))
        else:
            _tell(made)
        return
    private, text = recovery.generate()
    signer = Signer(key, archive.new_series(), (private.public_key().public_bytes_raw(),))
    _tell(copying.snapshot(open_store(settings.home), folder, signer))
    _say(mark("Recovery text, shown only this once: {recovery}"), recovery=text)
    _say(mark("Signed by node {node}."), node=jws.thumbprint(keys.public_octets(key)))


def verify(folder: Path, node: str, *, ask: bool) -> None:
    """Raises :class:`Damaged` naming the first fault."""
    public = _public(folder, node)
    stored = archive.verify(folder, public, key=_ask() if ask else None)
    for one in stored:
        _tell(one)
    _say(mark("All {count} sets are intact, signed by node {node}."), count=len(stored), node=jws.thumbprint(public))


def restore(folder: Path, node: str, *, own_key: bool) -> None:
    """Raises :class:`Conflict` when this node is not empty, :class:`Damaged`, :class:`WrongKey`."""
    settings = node_settings()
    public = _public(folder, node)
    key = keys.exchange_key(settings.home) if own_key else _ask()
    store = open_store(settings.home)
    copying.restore(store, folder, key, public)
    count = sum(store.count(prefix) for prefix in store.populated())
    _say(mark("{count} identifiers are restored, signed by node {node}."), count=count, node=jws.thumbprint(public))


def _public(folder: Path, node: str) -> bytes:
    public = archive.key_of(folder)
    if node and jws.thumbprint(public) != node:
        raise Forbidden(
            mark("This series was signed by node {found}, not by {node}."),
            remedy=mark("Take the copy of the right node."),
            found=jws.thumbprint(public),
            node=node,
        )
    return public


def _ask() -> X25519PrivateKey:
    return recovery.read(typer.prompt(translate(mark("Recovery text"))))


def _tell(one: StoredSet) -> None:
    found = one.manifest
    _say(
        mark("Set {number}: {kind}, {records} records, {octets} octets, up to change {last}."),
        number=found.number,
        kind=found.kind.value,
        records=found.records,
        octets=found.octets,
        last=found.last,
    )


def _say(text: str, **values: object) -> None:
    sys.stdout.write(translate(text).format(**values) + "\n")
