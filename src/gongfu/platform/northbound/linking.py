"""Between offers and the northbound process: offers out, wishes to write in. Runs in the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
import structlog
from asgiref.sync import sync_to_async
from django.db import close_old_connections
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import BucketNotFoundError, NoKeysError
from nats.js.kv import KeyValue

from gongfu.kernel.errors import GongfuError, Invalid, packed
from gongfu.kernel.i18n import mark
from gongfu.network.gateway.asking import Failed
from gongfu.network.serving.offers import (
    BUCKET,
    NEWEST,
    WRITES,
    NewestRequest,
    Offer,
    Stored,
    Verdict,
    WriteRequest,
)
from gongfu.platform.northbound import services

_LOOK_SECONDS = 2.0
_AT_ONCE = 16
"""Wishes that are decided at once; further ones wait their turn."""

log = structlog.get_logger("worker")
T = TypeVar("T")
_wishes = msgspec.json.Decoder(WriteRequest)
_questions = msgspec.json.Decoder(NewestRequest)
_encode = msgspec.json.Encoder().encode


async def run(client: Client, stopping: asyncio.Event) -> None:
    """Keep offers and bus in step, and decide over writes, until ``stopping``."""
    room = asyncio.Semaphore(_AT_ONCE)
    deciding: set[asyncio.Task[None]] = set()

    async def take(message: Msg) -> None:
        task = asyncio.create_task(_decide(message, room))
        deciding.add(task)
        task.add_done_callback(deciding.discard)

    async def recall(message: Msg) -> None:
        task = asyncio.create_task(_recall(message, room))
        deciding.add(task)
        task.add_done_callback(deciding.discard)

    subscriptions = [await client.subscribe(WRITES, cb=take), await client.subscribe(NEWEST, cb=recall)]
    told: dict[int, Offer] | None = None
    while not stopping.is_set():
        try:
            told = await _tell(client, told)
        except (NatsError, OSError, TimeoutError) as error:
            log.warning("bus did not answer", error=repr(error))
            told = None
        try:
            await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)
        except TimeoutError:
            continue
    for subscription in subscriptions:
        await subscription.unsubscribe()


async def _tell(client: Client, told: dict[int, Offer] | None) -> dict[int, Offer]:
    wanted = await _records(services.wanted)
    if wanted == told:
        return wanted
    js = client.jetstream(timeout=5)
    try:
        store = await js.key_value(BUCKET)
    except BucketNotFoundError:
        store = await js.create_key_value(KeyValueConfig(bucket=BUCKET, storage=StorageType.FILE))
    for org, offer in wanted.items():
        if told is None or told.get(org) != offer:
            await store.put(str(org), _encode(offer))
    for key in await _keys(store):
        if not key.isdecimal() or int(key) not in wanted:
            await store.purge(key)
    return wanted


async def _keys(store: KeyValue) -> list[str]:

    try:
        return await store.keys()
    except NoKeysError:
        return []


async def _decide(message: Msg, room: asyncio.Semaphore) -> None:
    try:
        wish = _wishes.decode(message.data)
    except msgspec.DecodeError as error:
        verdict: Verdict = Failed(problem=packed(Invalid(mark("The wish cannot be read: {reason}."), reason=error)))
    else:
        async with room:
            verdict = await _records(partial(services.decide, wish))
    await _respond(message, verdict)


async def _recall(message: Msg, room: asyncio.Semaphore) -> None:
    answer: Stored | Failed
    try:
        asked = _questions.decode(message.data)
        async with room:
            answer = await asyncio.to_thread(services.newest, asked)
    except msgspec.DecodeError as error:
        answer = Failed(problem=packed(Invalid(mark("The question cannot be read: {reason}."), reason=error)))
    except GongfuError as error:  # the store may still be starting: who asked asks again
        answer = Failed(problem=packed(error, 1000))
    await _respond(message, answer)


async def _respond(message: Msg, answer: Verdict | Stored) -> None:
    try:
        await message.respond(_encode(answer))
    except (NatsError, OSError) as error:
        log.debug("answer not sent", reason=repr(error))


async def _records(work: Callable[[], T]) -> T:
    def body() -> T:
        close_old_connections()
        return work()

    return await sync_to_async(body, thread_sensitive=False)()
