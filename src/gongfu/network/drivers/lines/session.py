"""Questions to equipment that speaks in lines: what its patterns offer, what it says now, and commands to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import (
    DeviceUnavailable,
    Identity,
    Point,
    Refusal,
    Sample,
)
from gongfu.network.drivers.lines.address import LINE, UNIT, Command, parse, unescape
from gongfu.network.drivers.lines.hub import Hub
from gongfu.network.drivers.lines.listening import Listening
from gongfu.network.drivers.lines.matcher import Matcher, TooMuchWork
from gongfu.network.drivers.lines.options import Options, Speech
from gongfu.network.drivers.lines.translator import Problem, Translator
from gongfu.network.drivers.lines.wire import checked
from gongfu.network.gateway.config import TagConfig


class LinesSession:
    """Implements ``Session``. It hears the same lines as the running driver and takes none away from it."""

    def __init__(self, options: Options, speech: Speech, patterns: Sequence[Matcher], shared: Hub) -> None:
        self._options = options
        self._speech = speech
        self._patterns = patterns
        self._shared = shared

    async def identify(self) -> Identity:
        """Nothing: what such equipment prints does not say who it is."""
        return Identity()

    async def browse(self, parent: str) -> Sequence[Point]:
        """The groups of the configured patterns, and the whole line."""
        if parent:
            raise Refusal(mark("There is no {parent} to look into."), parent=parent[:100])
        names = dict.fromkeys(name for pattern in self._patterns for name in pattern.groups if name != UNIT)
        return [
            Point(address=f"{LINE}:text", name=LINE, kind="text"),
            *(Point(address=name, name=name, kind="number") for name in names),
        ]

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """What the next lines say of each tag, within the time limit; *bad* for what they do not tell.

        Raises ``BadConfiguration`` for a wrong address.
        """
        found = [Sample(tag.series, None, quality=Quality.BAD) for tag in tags]
        known: list[TagConfig] = []
        for index, tag in enumerate(tags):
            if not isinstance(parse(tag), Command):
                known.append(msgspec.structs.replace(tag, series=index))
        translator = self._translator(known)
        missing = {tag.series for tag in known}
        heard = False
        until = asyncio.get_running_loop().time() + self._options.timeout
        with self._shared.ear(patient=False) as ear:
            listening = Listening(self._options, self._speech, ear)
            if self._speech.request:
                self._shared.send(self._speech.request)
            while missing and asyncio.get_running_loop().time() < until:
                lines, _ = await self._lines(listening, until)
                for line in lines:
                    heard = True
                    samples = translator.samples(line, time.time_ns() // 1000)
                    for sample in [] if isinstance(samples, Problem) else samples:
                        if sample.series in missing:
                            missing.discard(sample.series)
                            series = tags[sample.series].series
                            found[sample.series] = msgspec.structs.replace(sample, series=series)
        if self._speech.request and known and not heard:
            raise self._no_answer()
        return found

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Send the command that the tag's address is; return when the expected answer came, or it is sent."""
        command = parse(tag)
        if not isinstance(command, Command):
            raise Refusal(
                mark("{address} can only be read."),
                remedy=mark("Only a command, such as >T\\r\\n, can be written."),
                address=tag.address,
            )
        answer = Matcher(command.answer) if command.answer else None
        data = self._bytes(command, value)
        with self._shared.ear(patient=False) as ear:
            listening = Listening(self._options, self._speech, ear)
            self._shared.send(data)
            if answer is not None:
                await self._confirmed(listening, answer)

    async def _confirmed(self, listening: Listening, answer: Matcher) -> None:
        until = asyncio.get_running_loop().time() + self._options.timeout
        last = b""
        while asyncio.get_running_loop().time() < until:
            lines, _ = await self._lines(listening, until)
            for line in lines:
                last = line
                text = checked(line, self._speech.checksum)
                try:
                    if text is not None and answer.search(self._text(text)) is not None:
                        return
                except TooMuchWork:
                    continue
        if not last:
            raise self._no_answer()
        raise Refusal(
            mark("The equipment did not confirm the command; it said {line} last."), line=self._text(last)[:100]
        )

    def _bytes(self, command: Command, value: float | bool | str) -> bytes:
        """The command with ``value`` in the place of ``{}``."""
        if "{}" not in command.text:
            if value is False or value == 0:
                raise Refusal(mark("A command is sent by writing true to it."))
            return unescape(command.text, self._options.encoding)
        text = value if isinstance(value, str) else f"{float(value):.15g}"
        if not text.isprintable():
            raise Refusal(mark("{value} contains characters that would end the command."), value=ascii(text)[:100])
        return unescape(command.text.replace("{}", text.replace("\\", "\\\\")), self._options.encoding)

    async def _lines(self, listening: Listening, until: float) -> tuple[tuple[bytes, ...], int]:
        try:
            return await listening.lines(until)
        except OSError as error:
            raise self._no_answer() from error

    def _translator(self, tags: Sequence[TagConfig]) -> Translator:
        return Translator(tags, self._patterns, self._speech.checksum, self._options.encoding)

    def _text(self, line: bytes) -> str:
        return line.decode(self._options.encoding, errors="replace")

    def _no_answer(self) -> DeviceUnavailable:
        return DeviceUnavailable(
            mark("The equipment at {place} does not answer its request."),
            remedy=mark("Check the request, its line end, and the serial settings."),
            place=self._shared.place.name,
        )
