"""Ask this node's own resolver, as anybody else would: over UDP."""

from __future__ import annotations

from dataclasses import dataclass

from gongfu.identity.handle import client
from gongfu.identity.handle.client import Resolution
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import settings

_SECONDS = 2.0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens on all addresses, ask it here


@dataclass(frozen=True)
class Attempt:
    """An answer, or why there is none."""

    resolution: Resolution | None
    error: GongfuError | None

    @property
    def milliseconds(self) -> float:
        """How long the answer took."""
        return self.resolution.took * 1000 if self.resolution else 0.0


def ask(handle: str) -> Resolution:
    """What the resolver says; raises as :func:`gongfu.identity.handle.client.resolve` does."""
    node = settings()
    return client.resolve(handle, host=_LOOPBACK.get(node.host, node.host), port=node.handle_port, timeout=_SECONDS)


def attempt(handle: str) -> Attempt:
    """As :func:`ask`, for a page that shows the failure in its place."""
    try:
        return Attempt(ask(handle), None)
    except GongfuError as error:
        return Attempt(None, error)
