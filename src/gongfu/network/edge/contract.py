"""What a node and its edges say to each other: how one joins, what it reports, what it may be told to do.

Joining is one HTTP request, ``POST {node}/api/v1/platform/edges/join`` with :class:`JoinRequest` (JSON), answered with
:class:`JoinAnswer`. Everything afterwards goes over the leaf link that the answer describes:

| direction | where (on the node's bus) | what |
|---|---|---|
| edge → node | ``readings.<org>.*``, ``events.<org>.*`` | with ``Nats-Msg-Id``; the edge keeps them until the PubAck |
| edge → node | bucket ``actual``, key ``<edge>.<device>`` | :class:`gongfu.network.gateway.config.DeviceState` |
| edge → node | bucket ``edges``, key ``<edge>.state`` | :class:`EdgeState`, every :data:`STATE_EVERY` seconds |
| node → edge | bucket ``desired``, key ``<edge>.<device>`` | :class:`gongfu.network.gateway.config.DeviceConfig` |
| node → edge | bucket ``desired``, key ``<edge>.rules`` | :class:`EdgeRules`, signed |
| node → edge | ``edges.<edge>.orders``, request and reply | :data:`EdgeOrder` → :class:`OrderAnswer` |
| node → edge | ``gateway.<edge>.ask``, request and reply | the gateway's desk, as on the node itself |

For the node's side: ``nats_server.write_edges(home, [EdgeUser(code, org), …])`` lets exactly these edges connect,
``nats_server.edge_user(code)`` and ``nats_server.edge_password(home, code)`` go into :class:`Leaf`, and
``nats_server.leaf_url(settings, host)`` raises ``Conflict`` while ``leaf_port`` is not set (``leaf_ca`` has the PEM).
:func:`gongfu.network.edge.admitting.admit` makes the consumer that the edge pulls from: call it when one joins.

The code of an edge is the name of its gateway: ``Device.gateway``. It must differ from the node's own name. What the
node's server lets an edge do stands in :func:`gongfu.kernel.nats_server.users_config`.
"""

from __future__ import annotations

import hmac
import re
from enum import StrEnum
from typing import Annotated

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

JOIN_PATH = "/api/v1/platform/edges/join"
STATE_EVERY = 5.0
"""Seconds between two reports; an edge that has said nothing for three times as long is away."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,47}")
_TAKEN = {"gongfu", "state"}

Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,47}$")]
Short = Annotated[str, msgspec.Meta(max_length=200)]


def check_code(code: str, node: str = "") -> None:
    """Raise :class:`Invalid` unless ``code`` can name an edge of the node named ``node``."""
    if not _CODE.fullmatch(code) or code.lower() in _TAKEN or code == node:
        raise Invalid(
            mark("{code} cannot be the code of an edge node."),
            remedy=mark("Use up to 48 letters, digits and dashes, and another name than the node's own."),
            code=repr(code),
        )


def state_key(edge: str) -> str:
    """Key of :class:`EdgeState` in the bucket ``edges``."""
    return f"{edge}.state"


def rules_key(edge: str) -> str:
    """Key of :class:`EdgeRules` in the bucket ``desired``; withdrawn by deleting it."""
    return f"{edge}.rules"


def orders_subject(edge: str) -> str:
    """Where an edge takes orders."""
    return f"edges.{edge}.orders"


# joining


class JoinRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine says that wants to become an edge. ``token`` is good once; it stands in no log and on no URL."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    name: Short
    """Host name, for people."""
    version: Short
    """Version of Gongfu on it."""
    platform: Short = ""
    """Such as ``Linux-6.1-aarch64 Python 3.11.2``."""
    time: int = 0
    """Microseconds UTC by its own clock."""


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the node's bus."""

    url: str
    """``nats://host:port``, or ``tls://host:port`` when the node has a certificate."""
    user: str
    password: str
    ca: str = ""
    """PEM of who signed the node's certificate; empty: those the system trusts."""


class JoinAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine is from now on. Holds secrets: kept readable by its owner only."""

    edge: Code
    """Its code, and the name of its gateway."""
    name: str
    node: str
    """Name of the node."""
    org: Annotated[int, msgspec.Meta(ge=0)]
    org_code: str
    leaf: Leaf
    tickets: Annotated[str, msgspec.Meta(min_length=32)]
    """:func:`ticket_key` of this edge: with it the node signs what may be written to the edge's devices."""
    language: str = "zh-hans"
    timezone: str = "Asia/Shanghai"
    time: int = 0
    """Microseconds UTC by the node's clock."""


def ticket_key(signing: bytes, edge: str) -> str:
    """The secret that signs write tickets and rules for ``edge``, made from the node's own (``tickets.key(home)``).

    An edge that is lost gives away its own machines only.
    """
    return hmac.digest(signing, f"edge:{edge}".encode(), "sha256").hex()


# reporting


class Upgrade(StrEnum):
    """How far an upgrade is."""

    NONE = "none"
    FETCHING = "fetching"
    INSTALLING = "installing"
    TRYING = "trying"
    """The new version runs and has a minute to become healthy."""
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


class ForwardOrder(StrEnum):
    """What is forwarded first when the link is back."""

    OLDEST = "oldest"
    """As it was recorded; live readings come after the backlog."""
    NEWEST = "newest"
    """Live readings at once, the backlog beside them from its newest end."""


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What the edge holds that the node has not confirmed."""

    messages: int = 0
    bytes: int = 0
    oldest: int = 0
    """When the oldest of it was recorded, microseconds UTC by the edge's clock; 0: nothing waits."""
    limit: int = 0
    """Bytes that fit; when they are used up the gateway waits."""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """What was forwarded since the edge's forwarder started."""

    messages: int = 0
    readings: int = 0
    """Rows; of events, the events."""
    repeated: int = 0
    """Messages that the node already had."""


class EdgeState(msgspec.Struct, frozen=True, kw_only=True):
    """How an edge is. Times in microseconds UTC by the edge's clock."""

    edge: Code
    time: int
    version: str
    platform: str = ""
    started: int = 0
    """When its forwarder started."""
    connected: bool = False
    """The link to the node is up (of a state that came over it: always)."""
    since: int = 0
    """Since when."""
    clock_offset: float | None = None
    """Seconds that must be added to the edge's clock to have the node's; None: not measured yet."""
    disk_free: int = 0
    backlog: Backlog = Backlog()
    forwarded: Lane = Lane()
    order: ForwardOrder = ForwardOrder.OLDEST
    devices: dict[str, int] = {}
    """How many devices are in each :class:`gongfu.network.gateway.config.Status`."""
    processes: dict[str, str] = {}
    """State of each process of the edge, as ``gongfu status`` says it."""
    rules_version: int = 0
    """Version of the rules in force; 0: none."""
    rules_problem: str = ""
    """Why the newest rules are not in force, packed."""
    fired: int = 0
    """How often rules acted since the edge started."""
    errors: list[str] = []
    """The newest problems, packed, at most ten."""
    upgrade: Upgrade = Upgrade.NONE
    upgrade_detail: str = ""
    """Version that is tried or was, or why it failed."""


# orders


class Logs(msgspec.Struct, frozen=True, kw_only=True, tag="logs"):
    """The last lines of one process's log: nats-server, gateway, edge-forward, edge-control or supervisor."""

    process: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]{0,30}$")] = "gateway"
    lines: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200


class Restart(msgspec.Struct, frozen=True, kw_only=True, tag="restart"):
    """Start one process anew; empty: all but the bus."""

    process: Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z-]{0,30})?$")] = ""


class Forward(msgspec.Struct, frozen=True, kw_only=True, tag="forward"):
    """What goes first from now on; kept over restarts."""

    order: ForwardOrder


class Install(msgspec.Struct, frozen=True, kw_only=True, tag="upgrade"):
    """Fetch a wheel from the node, install it beside, try it, and go back if it is not healthy within a minute."""

    version: Short
    path: Annotated[str, msgspec.Meta(pattern=r"^/[A-Za-z0-9._/-]{1,300}$")]
    """Below the address by which the edge joined; another host is never asked."""
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Forget(msgspec.Struct, frozen=True, kw_only=True, tag="forget"):
    """The node no longer has this edge: stop, and delete the credentials. What was not forwarded stays on its disk."""

    edge: Code
    """Its own code, so that nobody is told by mistake."""


EdgeOrder = Logs | Restart | Forward | Install | Forget


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an order."""

    ok: bool
    text: str = ""
    """Of :class:`Logs` the lines, at most 200 kB."""
    problem: str = ""
    """Why not, packed (:func:`gongfu.kernel.errors.packed`)."""
    code: str = ""
    """Class of that error."""


# rules


class Comparison(StrEnum):
    """How a value is compared with a limit."""

    ABOVE = "above"
    BELOW = "below"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """``tag`` of ``device`` compared with ``limit``, for ``seconds`` without interruption."""

    device: Annotated[int, msgspec.Meta(ge=1)]
    tag: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """Name of the tag; of a boolean, 0 and 1 are its values. Scaled, as it is stored."""
    comparison: Comparison
    limit: float
    deadband: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """How far the value must come back before the condition ends; for ``equal``, how far it may be off."""
    seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0


class WriteAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="write"):
    """Write ``value`` to a tag of a device of this edge; a number in the tag's unit, which its scale makes raw.

    What an edge node of an older version does not know breaks the signature there: it refuses, and writes nothing else.
    """

    device: Annotated[int, msgspec.Meta(ge=1)]
    tag: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    value: bool | float | Annotated[str, msgspec.Meta(max_length=200)]
    address: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Where to write, when that is not where the tag is read."""
    largest_step: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """How far ``value`` may lie from the one of that moment; 0: anywhere."""


class EventAction(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """Say that it happened: an event of kind ``rule`` of the first condition's device."""

    text: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When every condition holds, act, once; again only after they ended to hold and ``pause`` seconds have passed."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    when: Annotated[list[Condition], msgspec.Meta(min_length=1, max_length=8)]
    then: Annotated[list[WriteAction | EventAction], msgspec.Meta(min_length=1, max_length=8)]
    otherwise: Annotated[list[WriteAction | EventAction], msgspec.Meta(max_length=8)] = []
    """What to do when they end to hold."""
    pause: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 1.0
    enabled: bool = True


class EdgeRules(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of an edge, as the control plane approved them."""

    edge: Code
    version: Annotated[int, msgspec.Meta(ge=1)]
    """Grows with each change."""
    rules: Annotated[list[Rule], msgspec.Meta(max_length=200)] = []
    signature: str = ""
    """:func:`signature` of everything else. Rules without it, or with another, are not obeyed."""


_encoder = msgspec.json.Encoder()
_rules = msgspec.json.Decoder(EdgeRules)


def signature(rules: EdgeRules, key: str) -> str:
    """What the node signs ``rules`` with; ``key`` is the edge's :func:`ticket_key`."""
    bare = msgspec.structs.replace(rules, signature="")
    # Decoded once more: 1 written where a decimal fraction may stand is read back as 1.0.
    said = _encoder.encode(_rules.decode(_encoder.encode(bare)))
    return hmac.digest(key.encode(), b"rules:" + said, "sha256").hex()


def signed(rules: EdgeRules, key: str) -> EdgeRules:
    """``rules`` fit to be put on the bus."""
    return msgspec.structs.replace(rules, signature=signature(rules, key))


def genuine(rules: EdgeRules, key: str) -> bool:
    """Whether the node signed exactly these."""
    return hmac.compare_digest(rules.signature.encode(), signature(rules, key).encode())
