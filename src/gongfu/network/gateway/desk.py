"""The gateway's desk: questions about devices, answered beside the running drivers and never in their way.

Each question is a task with a time limit; a slow device keeps only those waiting who ask about it. Writing needs the
guard's word: who may write what is decided elsewhere, and without somebody who decides nothing is written.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.discovery.scanning import Scans
from gongfu.network.discovery.shapes import Progress
from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import Identity, Point, Refusal, Sample, Session
from gongfu.network.drivers.registry import Capability, Kind
from gongfu.network.gateway import asking
from gongfu.network.gateway.asking import (
    Answer,
    Browse,
    Browsed,
    Failed,
    Halt,
    Look,
    Measure,
    Measurements,
    Question,
    Reached,
    Read,
    Scan,
    Scanned,
    Scanning,
    Seen,
    Trial,
    Value,
    Write,
    Written,
)
from gongfu.network.gateway.checks import Checker, Columns
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.gateway.deriving import read_tags
from gongfu.network.gateway.feeds import Feeds
from gongfu.network.gateway.hearing import Hearing
from gongfu.network.gateway.lines import Lines, busy
from gongfu.network.gateway.outlet import now
from gongfu.network.map.probing import Prober

MOST_AT_ONCE = 24
"""Questions that are being answered; one more is told to come again."""
LISTENING = 3.0
"""Seconds to listen to a fed device of which nothing is remembered."""
_PACKED = 4000

Guard = Callable[[Write, DeviceConfig], None]
"""Raises :class:`Forbidden` unless the write carries a ticket that allows exactly this."""

_questions: msgspec.json.Decoder[Question] = msgspec.json.Decoder(Question)
_encoder = msgspec.json.Encoder()
_log = structlog.get_logger("gateway")


def refuse_all(asked: Write, device: DeviceConfig) -> None:
    """The guard while there is none."""
    raise Forbidden(
        mark("Nothing may be written to {device} from here."),
        remedy=mark("Write through the commands of the device, which ask for permission, limits and a reason."),
        device=device.name,
    )


class Desk:
    """Answers questions; ``configured`` gives the configuration of a device that this gateway runs, or None."""

    def __init__(
        self,
        node: str,
        client: Client,
        configured: Callable[[int], DeviceConfig | None],
        guard: Guard = refuse_all,
        lines: Lines | None = None,
        scans: Scans | None = None,
        feeds: Feeds | None = None,
        prober: Prober | None = None,
    ) -> None:
        self._node = node
        self._client = client
        self._configured = configured
        self._guard = guard
        self._lines = Lines() if lines is None else lines
        self._scans = Scans([]) if scans is None else scans
        self._feeds = feeds
        self._prober = Prober([], set) if prober is None else prober
        self._hearing = Hearing(client)
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Answer until cancelled."""

        async def take(message: Msg) -> None:
            task = asyncio.create_task(self._reply(message), name="desk")
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

        await self._client.subscribe(asking.subject(self._node), cb=take)
        try:
            await asyncio.Event().wait()
        finally:
            for task in self._answering:
                task.cancel()
            await self._scans.close()
            await self._lines.close()

    async def answer(self, data: bytes) -> Answer:
        """The answer to the JSON of a :data:`~gongfu.network.gateway.asking.Question`; never raises an error."""
        try:
            question = _questions.decode(data)
        except msgspec.DecodeError as error:
            return _failed(Invalid(mark("The question cannot be read: {reason}."), reason=error))
        try:
            if len(self._answering) > MOST_AT_ONCE:
                raise busy()
            if isinstance(question, Scan | Look | Halt):
                return Scanned(progress=await self._scan(question))
            if isinstance(question, Measure):
                async with asyncio.timeout(asking.LONGEST + 1):
                    results = await self._prober.measure(question.targets, question.probes)
                return Measurements(results=results, host=self._prober.host())
            device = self._device(question.device)
            complete = registry.complete(read_tags(device))
            async with asyncio.timeout(asking.LONGEST + 1):
                return await self._find_out(question, complete)
        except GongfuError as error:
            return _failed(error)
        except Exception as error:
            _log.warning("question failed", question=type(question).__name__, exc_info=True)
            return _failed(error)

    async def _reply(self, message: Msg) -> None:
        answer = await self.answer(message.data)
        try:
            await message.respond(_encoder.encode(answer))
        except (nats.errors.Error, OSError, OverflowError) as error:
            _log.debug("answer not sent", reason=repr(error))

    def _device(self, asked: DeviceConfig | int) -> DeviceConfig:
        if isinstance(asked, DeviceConfig):
            return asked
        device = self._configured(asked)
        if device is None:
            raise NotFound(
                mark("The gateway does not run device {device}."),
                remedy=mark("Put it into service, or wait a moment if you just did."),
                device=asked,
            )
        return device

    async def _find_out(self, question: Trial | Browse | Read | Write, device: DeviceConfig) -> Answer:
        fed = registry.manifest(device.driver).kind is Kind.FED
        match question:
            case Trial():
                if fed:
                    return await self._hearing.test(device, question.listen)
                return await self._test(device, question.within)
            case Browse():
                self._require(device, Capability.BROWSE, mark("The driver {driver} cannot list what a device holds."))
                if fed:
                    return _browsed(await self._hearing.points(device, min(LISTENING, question.within)))
                return _browsed(
                    await self._lines.ask(device, lambda session: session.browse(question.parent), question.within)
                )
            case Read():
                return await self._read(device, question, fed=fed)
            case Write():
                self._guard(question, device)
                self._require(device, Capability.WRITE, mark("The driver {driver} cannot write."))
                return await self._write(device, question)

    async def _scan(self, question: Scanning) -> Progress:
        match question:
            case Scan():
                return self._scans.start(question.scan, question.order)
            case Look():
                return self._scans.look(question.scan, question.since)
            case Halt():
                return await self._scans.stop(question.scan, question.since)

    async def _test(self, device: DeviceConfig, within: float) -> Reached:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        identity = await self._lines.ask(device, _identify, within, fresh=True)
        return Reached(seconds=loop.time() - begin, identity=identity)

    async def _read(self, device: DeviceConfig, question: Read, *, fed: bool) -> Seen:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        wanted = (question.tags or device.tags)[: asking.MOST_TAGS]
        # A tag that is not stored yet has no series: here they are numbered.
        tags = [msgspec.structs.replace(tag, series=number) for number, tag in enumerate(wanted)]
        samples: list[Sample | Exception]
        if fed and self._feeds is not None and isinstance(question.device, int):
            samples = list(await self._feeds.read(device, tags, min(LISTENING, question.within)))
        elif fed:
            numbered = msgspec.structs.replace(device, tags=tags)
            heard = await self._hearing.listen(numbered, min(LISTENING, question.within))
            samples = [heard.samples.get(tag.series, Sample(tag.series, None)) for tag in tags]
        else:
            samples = await self._lines.ask(device, lambda session: _each(session, tags), question.within)
        return Seen(values=_values(tags, samples), seconds=loop.time() - begin)

    async def _write(self, device: DeviceConfig, question: Write) -> Written:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        if registry.manifest(device.driver).kind is Kind.FED:
            if self._feeds is None:
                raise Refusal(mark("A device that speaks first is written to through its running feed."))
            await asyncio.wait_for(self._feeds.write(device, question.tag, question.value), question.within)
        else:
            await self._lines.ask(device, lambda session: session.write(question.tag, question.value), question.within)
        return Written(seconds=loop.time() - begin)

    def _require(self, device: DeviceConfig, capability: Capability, refusal: str) -> None:
        if capability not in registry.manifest(device.driver).capabilities:
            raise Refusal(refusal, driver=device.driver)


async def _identify(session: Session) -> Identity:
    return await session.identify()


async def _each(session: Session, tags: Sequence[TagConfig]) -> list[Sample | Exception]:
    """A sample for each tag; when a wrong one spoils them all, each is asked for by itself."""
    if not tags:
        return []
    try:
        return list(await session.read(tags))
    except Invalid as error:
        if len(tags) == 1:
            return [error]
    found: list[Sample | Exception] = []
    for tag in tags:
        try:
            found.extend(await session.read([tag]))
        except Invalid as error:
            found.append(error)
    return found


def _values(tags: Sequence[TagConfig], samples: Sequence[Sample | Exception]) -> list[Value]:
    """As they would be stored: the checks are those of the pipeline."""
    values = []
    for tag, sample in zip(tags, samples, strict=True):
        if isinstance(sample, Exception):
            values.append(Value(raw=None, quality=Quality.BAD, problem=packed(sample, _PACKED)))
            continue
        columns = Columns()
        Checker([tag]).check([msgspec.structs.replace(sample, series=tag.series)], now(), columns)
        raw = str(sample.value) if isinstance(sample.value, list) else sample.value
        if isinstance(raw, str):
            raw = raw[:500]
        elif isinstance(raw, int | float) and not -(2**63) <= raw < 2**63:
            raw = str(raw)[:500]
        if columns.texts:
            text = columns.texts[0]
            values.append(Value(raw=raw, text=text.text[:500], quality=Quality(text.quality), time=text.time))
        elif columns.arrays:
            one = columns.arrays[0]
            values.append(Value(raw=raw, quality=Quality(one.quality), time=one.time))
        else:
            number = columns.values[0]
            values.append(
                Value(
                    raw=raw,
                    value=number if math.isfinite(number) else None,
                    quality=Quality(columns.qualities[0]),
                    time=columns.times[0] if sample.value is not None else 0,
                )
            )
    return values


def _browsed(points: Sequence[Point]) -> Browsed:
    return Browsed(points=list(points[: asking.MOST_POINTS]), cut=len(points) > asking.MOST_POINTS)


def _failed(error: Exception) -> Failed:
    code = error.code if isinstance(error, GongfuError) else "error"
    return Failed(problem=packed(error, _PACKED), code=code)
