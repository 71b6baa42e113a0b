"""Lines out of what an ear hears, for each caller by itself."""

from __future__ import annotations

import asyncio

from gongfu.network.drivers.lines.hub import Ear
from gongfu.network.drivers.lines.options import Options, Speech
from gongfu.network.drivers.lines.wire import Splitter, Terminator


class Listening:
    """Cuts into lines what one ear hears."""

    def __init__(self, options: Options, speech: Speech, ear: Ear) -> None:
        self._ear = ear
        self._speech = speech
        self._longest = options.longest
        self._gap = options.idle_gap
        self._idle = speech.terminator is Terminator.IDLE
        self._splitters: dict[int, Splitter] = {}

    async def lines(self, until: float | None) -> tuple[tuple[bytes, ...], int]:
        """The next complete lines and how many were too long; nothing at ``until`` (the loop's time).

        Raises ``OSError`` when the connection has broken.
        """
        clock = asyncio.get_running_loop().time
        pausing = self._idle and any(splitter.waiting for splitter in self._splitters.values())
        pause = clock() + self._gap if pausing else None
        try:
            async with asyncio.timeout_at(min((t for t in (until, pause) if t is not None), default=None)):
                piece = await self._ear.hear()
        except TimeoutError:
            if pause is None or clock() < pause:
                return (), 0
            cuts = [splitter.flush() for splitter in self._splitters.values()]
            return tuple(line for cut in cuts for line in cut.lines), sum(cut.too_long for cut in cuts)
        if not piece.data:
            # Without its end a line may be half a line, unless the connection's end is what ends it.
            gone = self._splitters.pop(piece.caller, None)
            cut = gone.flush() if gone is not None and self._idle else None
            return (cut.lines, cut.too_long) if cut is not None else ((), 0)
        splitter = self._splitters.get(piece.caller)
        if splitter is None:
            splitter = self._splitters[piece.caller] = Splitter(self._speech.terminator, self._longest)
        cut = splitter.feed(piece.data)
        return cut.lines, cut.too_long
