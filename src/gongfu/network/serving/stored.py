"""Values that were stored before this process began, asked of the control plane: nothing is empty at a start."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client

from gongfu.kernel.readings import Quality
from gongfu.network.gateway.asking import Failed
from gongfu.network.serving.offers import MOST_ASKED, NEWEST, NewestRequest, Stored, StoredValue

_ANSWER_SECONDS = 15.0
_SETTLE = 0.2
"""Seconds to wait for further devices before asking: at the start everything comes at once."""
_PAUSES = (0.5, 1.0, 2.0, 5.0)
"""Between attempts while nobody answers: worker or store may still be starting."""

log = structlog.get_logger("northbound")
_answers: msgspec.json.Decoder[Stored | Failed] = msgspec.json.Decoder(Stored | Failed)


@dataclass(slots=True)
class Newest:
    """The last value of a series; ``time`` in microseconds UTC."""

    value: float | str | list[float]
    time: int
    quality: Quality
    stored: bool = False
    """It came from the store: nobody has heard of the device since this process began."""


Took = Callable[[int, dict[int, Newest]], None]
"""Told an organisation and what is stored of its series."""


class Recall:
    """Asks once for every series that nobody knows; set :attr:`wanted` when there are new ones."""

    def __init__(self, client: Client, took: Took) -> None:
        self._client = client
        self._took = took
        self._asked: set[int] = set()
        self.wanted = asyncio.Event()

    def forget(self, series: int) -> None:
        """Ask again, should the tag come back."""
        self._asked.discard(series)

    async def run(self, unknown: Callable[[], dict[int, list[int]]]) -> None:
        """Ask for what ``unknown`` says until cancelled."""
        failures = 0
        while True:
            await self.wanted.wait()
            await asyncio.sleep(_SETTLE)
            self.wanted.clear()
            try:
                for org, series in unknown().items():
                    await self._ask(org, [one for one in series if one not in self._asked])
                failures = 0
            except (nats.errors.Error, OSError, TimeoutError, msgspec.DecodeError, _Refused) as error:
                failures += 1
                if failures == 1:
                    log.info("stored values are not there yet", reason=str(error) or type(error).__name__)
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES)) - 1])
                self.wanted.set()

    async def _ask(self, org: int, series: list[int]) -> None:
        while series:
            part, series = series[:MOST_ASKED], series[MOST_ASKED:]
            asked = msgspec.json.encode(NewestRequest(org=org, series=part))
            answer = _answers.decode((await self._client.request(NEWEST, asked, timeout=_ANSWER_SECONDS)).data)
            if isinstance(answer, Failed):
                raise _Refused(answer.problem)
            rest = set(answer.rest) & set(part)
            if len(rest) == len(part):  # no progress
                rest = set()
            series = [*rest, *series]
            self._asked.update(set(part) - rest)
            self._took(org, {one.series: _newest(one) for one in answer.values})


class _Refused(Exception):
    """The control plane cannot say."""


def _newest(one: StoredValue) -> Newest:
    value = math.nan if one.value is None else one.value
    return Newest(value, one.time, Quality(one.quality) if 0 <= one.quality <= 2 else Quality.BAD, stored=True)
