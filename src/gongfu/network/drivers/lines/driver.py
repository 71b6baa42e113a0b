"""Hears the lines of one piece of equipment, and asks for them where it answers only on request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable, Sink
from gongfu.network.drivers.lines.hub import Ear, Hub, hub
from gongfu.network.drivers.lines.listening import Listening
from gongfu.network.drivers.lines.options import Options, Speech, options_of
from gongfu.network.drivers.lines.session import LinesSession
from gongfu.network.drivers.lines.translator import Problem, Translator, matchers
from gongfu.network.drivers.pacing import end_if_cancelled
from gongfu.network.gateway.config import DeviceConfig

_SECOND = 1_000_000
_QUIET = 60.0
"""Seconds during which lines that make no sense are counted, after one has been reported."""


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or ``BadConfiguration``."""
    options, place, speech = options_of(device)
    translator = Translator(device.tags, matchers(options.pattern), speech.checksum, options.encoding)
    async with hub(place, options.timeout) as shared:
        with shared.ear(patient=True) as ear:
            await _Reader(device, options, speech, translator, shared, ear, sink).run()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[LinesSession]:
    """Questions to ``device`` over the connection that its driver uses."""
    options, place, speech = options_of(device)
    patterns = matchers(options.pattern)
    async with hub(place, options.timeout) as shared:
        yield LinesSession(options, speech, patterns, shared)


class _Reader:
    def __init__(
        self,
        device: DeviceConfig,
        options: Options,
        speech: Speech,
        translator: Translator,
        shared: Hub,
        ear: Ear,
        sink: Sink,
    ) -> None:
        self._interval = device.interval
        self._options = options
        self._request = speech.request
        self._translator = translator
        self._shared = shared
        self._listening = Listening(options, speech, ear)
        self._sink = sink
        self._clock = asyncio.get_running_loop().time
        self._online = False
        self._heard = self._clock()
        self._asked: float | None = None
        """When the first request was sent that nothing has answered yet."""
        self._problems = 0
        self._reported = -_QUIET
        self._last = 0

    async def run(self) -> None:
        """Hear until cancelled."""
        if not self._request and self._shared.place.transport != "listen":
            self._there()  # it speaks when it has something to say
        next_request = self._clock()
        while True:
            end_if_cancelled()
            if self._request and self._clock() >= next_request:
                if self._shared.callers:  # who dials in may not have done so yet
                    self._shared.send(self._request)
                    self._asked = self._asked or self._clock()
                next_request = max(next_request + self._interval, self._clock())
            try:
                lines, too_long = await self._listening.lines(self._until(next_request))
            except OSError as error:
                raise DeviceUnavailable(
                    mark("The connection to {place} broke: {reason}."), place=self._shared.place.name, reason=error
                ) from error
            if too_long:
                self._complain("a line is too long", too_long)
            for line in lines:
                await self._hear(line)
            self._check_silence()

    async def _hear(self, line: bytes) -> None:
        self._heard, self._asked = self._clock(), None
        self._there()
        now = time.time_ns() // 1000
        # Two scans in one microsecond are still two; a clock that is set back stays so.
        self._last = self._last + 1 if 0 <= self._last - now < _SECOND else now
        samples = self._translator.samples(line, self._last)
        if isinstance(samples, Problem):
            self._complain(f"{samples.reason}: {line[:100].decode('latin-1')!r}", 1)
        elif samples:
            await self._sink.emit(samples)
        await asyncio.sleep(0)  # however many lines there are, others have their turn

    def _until(self, next_request: float) -> float | None:
        moments: list[float] = []
        if self._request:
            moments.append(next_request)
        if self._asked is not None:
            moments.append(self._asked + self._options.timeout)
        if self._options.silence:
            moments.append(self._heard + self._options.silence)
        return min(moments, default=None)

    def _check_silence(self) -> None:
        now = self._clock()
        if self._asked is not None and now >= self._asked + self._options.timeout:
            raise DeviceUnavailable(
                mark("The equipment at {place} does not answer its request."),
                remedy=mark("Check the request, its line end, and the serial settings."),
                place=self._shared.place.name,
            )
        if self._options.silence and now >= self._heard + self._options.silence:
            raise DeviceUnavailable(
                mark("The equipment at {place} has said nothing for {seconds} s."),
                place=self._shared.place.name,
                seconds=f"{self._options.silence:g}",
            )

    def _there(self) -> None:
        if not self._online:
            self._online = True
            self._sink.online()

    def _complain(self, reason: str, count: int) -> None:
        self._problems += count
        if self._clock() - self._reported >= _QUIET:
            more = f" ({self._problems} lines)" if self._problems > 1 else ""
            self._sink.malformed(reason + more)
            self._reported, self._problems = self._clock(), 0
