"""The node's side of an edge on the bus: the consumer from which it pulls its devices' configuration."""

from __future__ import annotations

import contextlib

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from gongfu.kernel.bus import DESIRED
from gongfu.kernel.nats_server import edge_consumer
from gongfu.network.edge.contract import check_code


async def admit(js: JetStreamContext, edge: str) -> None:
    """The consumer exists afterwards; called when the edge joins, and harmless later."""
    check_code(edge)
    with contextlib.suppress(NotFoundError):
        await js.consumer_info(f"KV_{DESIRED}", edge_consumer(edge))
        return
    await js.add_consumer(
        f"KV_{DESIRED}",
        ConsumerConfig(
            durable_name=edge_consumer(edge),
            filter_subject=f"$KV.{DESIRED}.{edge}.*",
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.NONE,
        ),
    )


async def dismiss(js: JetStreamContext, edge: str) -> None:
    """The consumer is gone afterwards."""
    with contextlib.suppress(NotFoundError):
        await js.delete_consumer(f"KV_{DESIRED}", edge_consumer(edge))
