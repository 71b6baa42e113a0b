"""What ``gongfu streams`` needs on the bus: its consumer, its buckets, and the stream of alarms."""

from __future__ import annotations

from typing import Final

from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BucketNotFoundError, NotFoundError, ServerError, ServiceUnavailableError

from gongfu.kernel import bus
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

DURABLE: Final = "streams"
RULES: Final = "rules"
"""Bucket: ``<stage>.<org>.<number>`` → a rule, written by the control plane."""
MEMORY: Final = "streams"
"""Bucket: what stages must not forget."""
MISSED: Final = "missed"
"""Key in it: readings did not wait, and what they say has not been looked at yet."""
ALARMS: Final = "ALARMS"
"""Stream of ``alarms.<org>.<device>``, kept until the control plane has noted them."""
DESK: Final = "desk"
"""The control plane's consumer of it."""
PATIENCE: Final = 300.0
"""Seconds for which the readings wait for a process that is gone; then it asks the store for them (ADR 0033)."""
_ALARM_BYTES: Final = 256 * 1024 * 1024


async def ensure(js: JetStreamContext) -> None:
    """Everything exists afterwards; a consumer that had to be made leaves :data:`MISSED`. :class:`Unavailable`."""
    try:
        for bucket in (RULES, MEMORY):
            await _bucket(js, bucket)
        await ensure_alarms(js)
        try:
            await js.consumer_info(bus.READINGS, DURABLE)
        except NotFoundError:
            # First what is to be done about it: killed in between, it would be forgotten.
            await (await js.key_value(MEMORY)).put(MISSED, b"1")
            await js.add_consumer(
                bus.READINGS,
                ConsumerConfig(
                    durable_name=DURABLE,
                    ack_policy=AckPolicy.ALL,
                    ack_wait=30,
                    max_ack_pending=200_000,
                    inactive_threshold=PATIENCE,
                ),
            )
    except (ServiceUnavailableError, ServerError, NoRespondersError, TimeoutError) as error:
        raise Unavailable(
            mark("The bus cannot store messages: {reason}."),
            remedy=mark("Look at the disk and at log/nats-server.log in GONGFU_HOME."),
            reason=error,
        ) from error


async def ensure_alarms(js: JetStreamContext) -> None:
    """The stream of alarms and the control plane's consumer exist afterwards."""
    try:
        await js.stream_info(ALARMS)
    except NotFoundError:
        await js.add_stream(
            StreamConfig(
                name=ALARMS,
                subjects=["alarms.>"],
                retention=RetentionPolicy.WORK_QUEUE,
                discard=DiscardPolicy.NEW,
                storage=StorageType.FILE,
                max_bytes=_ALARM_BYTES,
                duplicate_window=120,
            )
        )
    try:
        await js.consumer_info(ALARMS, DESK)
    except NotFoundError:
        await js.add_consumer(
            ALARMS,
            ConsumerConfig(durable_name=DESK, ack_policy=AckPolicy.EXPLICIT, ack_wait=30, max_ack_pending=10_000),
        )


async def ensure_rules(js: JetStreamContext) -> None:
    """The bucket of rules exists afterwards."""
    await _bucket(js, RULES)


async def _bucket(js: JetStreamContext, name: str) -> None:
    try:
        await js.key_value(name)
    except BucketNotFoundError:
        await js.create_key_value(KeyValueConfig(bucket=name, storage=StorageType.FILE, history=1))
