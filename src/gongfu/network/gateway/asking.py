"""What may be asked of a gateway, on subject ``gateway.<node>.ask``, and how to ask it.

A question carries the configuration of the device it is about, so that one that is not configured yet can be tried,
or the number of one that is; then its passwords stay where they are. Answers are JSON, errors among them packed
(:func:`gongfu.kernel.errors.packed`) for whoever reads them in some language later.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Annotated, TypeVar

import msgspec
import nats.errors
from nats.aio.client import Client

from gongfu.kernel import bus
from gongfu.kernel.errors import GongfuError, Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.kernel.settings import Settings
from gongfu.network.discovery.shapes import Order, Progress
from gongfu.network.drivers.contract import Identity, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.map.shapes import MOST_PROBES, MOST_TARGETS, Host, Measured, Target

MOST_TAGS = 500
"""Tags of one reading."""
MOST_POINTS = 2000
"""Entries of one folder that are told; of more the first, and that it was cut."""
LONGEST = 30.0
"""Seconds that a question may take at most."""
Raw = int | float | bool | str | None
Seconds = Annotated[float, msgspec.Meta(gt=0, le=LONGEST)]
ScanName = Annotated[str, msgspec.Meta(min_length=8, max_length=64)]
About = DeviceConfig | int
"""A configuration to try, or the number of a device that the gateway runs."""


class Trial(msgspec.Struct, frozen=True, kw_only=True, tag="test"):
    """Connect and ask who it is; of a fed device, listen for ``listen`` seconds."""

    device: About
    listen: Seconds = 3.0
    within: Seconds = 10.0


class Browse(msgspec.Struct, frozen=True, kw_only=True, tag="browse"):
    """The entries of one folder, or of the device itself; of a fed device, what was heard lately."""

    device: About
    parent: str = ""
    within: Seconds = 15.0


class Read(msgspec.Struct, frozen=True, kw_only=True, tag="read"):
    """Values now; of the configured tags when ``tags`` is empty. The series of ``tags`` do not matter."""

    device: About
    tags: Annotated[list[TagConfig], msgspec.Meta(max_length=MOST_TAGS)] = []
    within: Seconds = 10.0


class Write(msgspec.Struct, frozen=True, kw_only=True, tag="write"):
    """Write the raw ``value``. ``ticket`` is the guard's: it says that this may be done."""

    device: About
    tag: TagConfig
    value: int | float | bool | str
    ticket: str = ""
    within: Seconds = 10.0


class Scan(msgspec.Struct, frozen=True, kw_only=True, tag="scan"):
    """Begin a scan; ``scan`` is the name by which it is asked for. Answered by :class:`Scanned`."""

    scan: ScanName
    order: Order
    within: Seconds = 10.0


class Look(msgspec.Struct, frozen=True, kw_only=True, tag="look"):
    """How far a scan is, and what it found since finding number ``since``."""

    scan: ScanName
    since: Annotated[int, msgspec.Meta(ge=0)] = 0
    within: Seconds = 10.0


class Halt(msgspec.Struct, frozen=True, kw_only=True, tag="halt"):
    """End a scan; what it found stays."""

    scan: ScanName
    since: Annotated[int, msgspec.Meta(ge=0)] = 0
    within: Seconds = 10.0


class Measure(msgspec.Struct, frozen=True, kw_only=True, tag="measure"):
    """How far, how steady and over which protocols ``targets`` are reached; answered by :class:`Measurements`."""

    targets: Annotated[list[Target], msgspec.Meta(min_length=1, max_length=MOST_TARGETS)]
    probes: Annotated[int, msgspec.Meta(ge=1, le=MOST_PROBES)] = 5
    within: Seconds = 25.0


Scanning = Scan | Look | Halt
Question = Trial | Browse | Read | Write | Scanning | Measure


class Reached(msgspec.Struct, frozen=True, kw_only=True, tag="tested"):
    """The device answers."""

    seconds: float
    """From the first packet until it had said who it is; of a fed device, how long was listened."""
    identity: Identity = Identity()
    messages: int = 0
    topics: list[str] = []
    """Of a fed device: where something was heard, the first ones."""
    malformed: int = 0
    reason: str = ""
    """What was wrong with the last malformed message, as :func:`~gongfu.kernel.errors.packed`."""


class Browsed(msgspec.Struct, frozen=True, kw_only=True, tag="browsed"):
    """Entries; ``cut`` when there are more."""

    points: list[Point]
    cut: bool = False


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One tag now: as the device has it, and as it would be stored."""

    raw: Raw
    value: float | None = None
    """Scaled; None for a text and for what is no number."""
    text: str = ""
    quality: Quality = Quality.GOOD
    time: int = 0
    """Microseconds UTC; 0 when there is no value yet."""
    problem: str = ""
    """Why it cannot be read, packed, when that is known: an address that the driver does not understand."""


class Seen(msgspec.Struct, frozen=True, kw_only=True, tag="seen"):
    """Values in the order of the tags."""

    values: list[Value]
    seconds: float


class Written(msgspec.Struct, frozen=True, kw_only=True, tag="written"):
    """The device has confirmed it; of one that speaks first: the message for it is on the bus, read it back."""

    seconds: float


class Scanned(msgspec.Struct, frozen=True, kw_only=True, tag="scanned"):
    """How far a scan is."""

    progress: Progress


class Measurements(msgspec.Struct, frozen=True, kw_only=True, tag="measured"):
    """One result for each target, and what the gateway's own machine can do."""

    results: list[Measured]
    host: Host


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """What went wrong, packed, with the class of the error."""

    problem: str
    code: str = ""


Answer = Reached | Browsed | Seen | Written | Scanned | Measurements | Failed
T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def subject(gateway: str) -> str:
    """Where the desk of ``gateway`` listens."""
    return f"gateway.{gateway}.ask"


async def ask(client: Client, gateway: str, question: Question) -> Answer:
    """The gateway's answer; raises :class:`Unavailable` when it gives none."""
    data = _encoder.encode(question)
    if len(data) > bus.MAX_PAYLOAD // 2:
        raise Invalid(mark("The question is too large."), remedy=mark("Ask for fewer tags at once."))
    try:
        message = await client.request(subject(gateway), data, timeout=question.within + 2)
        return _answers.decode(message.data)
    except nats.errors.NoRespondersError:
        raise Unavailable(
            mark("The gateway {gateway} is not running."),
            remedy=mark("Start it, or choose another gateway."),
            gateway=gateway,
        ) from None
    except (nats.errors.Error, OSError, TimeoutError, msgspec.DecodeError) as error:
        raise Unavailable(
            mark("The gateway {gateway} does not answer: {reason}."),
            remedy=mark("Try again in a moment."),
            gateway=gateway,
            reason=str(error) or type(error).__name__,
        ) from error


class Asker:
    """Asks from threads without an event loop: one connection in a thread of its own, opened when needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._opening: asyncio.Lock | None = None

    def ask(self, gateway: str, question: Question) -> Answer:
        """As :func:`ask`."""
        return self._wait(self._ask(gateway, question), question.within + 6)

    def close(self) -> None:
        """Leave the bus and end the thread."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            if self._client is not None:
                asyncio.run_coroutine_threadsafe(self._client.close(), loop).result(3)
                self._client = None
            loop.call_soon_threadsafe(loop.stop)

    def request(self, subject: str, data: bytes, within: float) -> bytes:
        """What whoever listens on ``subject`` answers in ``within`` seconds; raises :class:`Unavailable`."""
        return self._wait(self._request(subject, data, within), within + 6)

    async def _ask(self, gateway: str, question: Question) -> Answer:
        return await ask(await self._connected(), gateway, question)

    async def _request(self, subject: str, data: bytes, within: float) -> bytes:
        client = await self._connected()
        try:
            return (await client.request(subject, data, timeout=within)).data
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise Unavailable(
                mark("Nobody answered: {reason}."),
                remedy=mark("Try again in a moment."),
                reason=str(error) or type(error).__name__,
            ) from error

    async def _connected(self) -> Client:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._client is None or self._client.is_closed:
                self._client = await asyncio.wait_for(bus.connect(self._settings, "asker", wait=False), 4)
        return self._client

    def _wait(self, work: Coroutine[object, object, T], within: float) -> T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="asker", daemon=True).start()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(within)
        except GongfuError:
            raise
        except (TimeoutError, OSError, nats.errors.Error) as error:
            future.cancel()
            raise Unavailable(
                mark("The bus at {url} does not answer."),
                remedy=mark("Start it with gongfu up, or correct bus_url."),
                url=bus.url(self._settings),
            ) from error


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
