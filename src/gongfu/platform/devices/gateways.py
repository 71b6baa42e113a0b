"""Which gateways the devices of an organisation may be read by: this node's own, and its edge nodes.

Who knows edge nodes lies above, and says so here. A name that nobody claims is left to whoever runs such a gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.settings import settings
from gongfu.network.gateway import tickets


class Registry(Protocol):
    """Who knows which gateways stand where."""

    def of(self, organisation: Organisation) -> Sequence[tuple[str, str]]:
        """Name on the bus and name for people of each gateway that ``organisation`` owns."""
        ...

    def owner(self, gateway: str) -> int | None:
        """The key of the organisation that alone may use ``gateway``; None when nobody claims it."""
        ...

    def signing(self, gateway: str) -> bytes | None:
        """With what write tickets for ``gateway`` are signed; None when nobody claims it."""
        ...


_registries: list[Registry] = []


def use(registry: Registry) -> None:
    """Ask ``registry`` as well; called once by whoever knows."""
    _registries.append(registry)


def own() -> str:
    """The gateway of this node."""
    return settings().node


def choices(organisation: Organisation, current: str = "") -> list[tuple[str, str]]:
    """Gateways that people may choose, this node's first; ``current`` is among them."""
    found = [(own(), translate(mark("This node")))]
    found += [pair for registry in _registries for pair in registry.of(organisation)]
    if current and current not in dict(found):
        found.append((current, current))
    return found


def owner(gateway: str) -> Organisation | None:
    """The organisation that alone may use ``gateway``, if there is one."""
    found = [key for registry in _registries if (key := registry.owner(gateway)) is not None]
    return Organisation.objects.filter(pk__in=found).first()


def check(organisation: Organisation, gateway: str) -> None:
    """Raise :class:`NotFound` when devices of ``organisation`` may not be read by ``gateway``."""
    owners = {owner for registry in _registries if (owner := registry.owner(gateway)) is not None}
    if owners - {organisation.pk}:
        raise NotFound(
            mark("There is no gateway {gateway}."),
            remedy=mark("Choose this node, or one of the organisation's edge nodes."),
            gateway=gateway,
        )


def signing(gateway: str) -> bytes:
    """The secret that signs what may be written to devices of ``gateway``: each edge node has one of its own."""
    found = [key for registry in _registries if (key := registry.signing(gateway)) is not None]
    return found[0] if found else tickets.key(settings().home)


Check = Callable[[Organisation, str], None]


def remembered() -> Check:
    """:func:`check` for many devices at once: each gateway is looked up once."""
    known: dict[tuple[int, str], NotFound | None] = {}

    def ask(organisation: Organisation, gateway: str) -> None:
        key = organisation.pk, gateway
        if key not in known:
            try:
                check(organisation, gateway)
                known[key] = None
            except NotFound as error:
                known[key] = error
        if (refusal := known[key]) is not None:
            raise refusal

    return ask
