"""What an edge got when it joined: one file in its home that only its owner may read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gongfu.kernel.errors import Conflict, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.nats_server import write_private
from gongfu.network.edge.contract import JoinAnswer


class Membership(msgspec.Struct, frozen=True):
    """Where the edge joined, and what the node answered."""

    url: str
    """Address of the node's console, without a trailing slash."""
    answer: JoinAnswer
    ca: str = ""
    """PEM of who signed the console's certificate; empty: those the system trusts."""


_decoder = msgspec.json.Decoder(Membership)


def path(home: Path) -> Path:
    """The file."""
    return home / "edge" / "node.json"


def save(home: Path, membership: Membership) -> None:
    """Keep ``membership``, and the secret that signs write tickets where the gateway looks for it."""
    write_private(home / "secrets" / "write-tickets", membership.answer.tickets)
    write_private(path(home), msgspec.json.encode(membership).decode())


def load(home: Path) -> Membership:
    """The membership; raises :class:`Conflict` when there is none, :class:`Invalid` when the file is damaged."""
    try:
        return _decoder.decode(path(home).read_bytes())
    except FileNotFoundError:
        raise Conflict(
            mark("This machine is not an edge node yet."),
            remedy=mark("Join a node: gongfu edge join https://NODE, with a token from its console."),
        ) from None
    except msgspec.DecodeError as error:
        raise Invalid(
            mark("{file} cannot be read: {reason}."),
            remedy=mark("Join the node again with a new token."),
            file=path(home),
            reason=error,
        ) from error


def forget(home: Path) -> None:
    """The machine is no edge any more; what it has not forwarded stays on its disk."""
    for file in (path(home), home / "secrets" / "write-tickets", home / "bus" / "server.conf"):
        file.unlink(missing_ok=True)
