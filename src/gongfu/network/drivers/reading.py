"""One reading of some tags for who has asked, by the same code that polls them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Emitted, Sample, one_by_one
from gongfu.network.gateway.config import TagConfig

Place = TypeVar("Place")


class QuietSink:
    """Implements ``Sink`` and keeps nothing: the samples are returned, and say which tags are bad."""

    def online(self) -> None:
        """Known anyway."""

    def offline(self, reason: str) -> None:
        """Whoever asks gets an error instead."""

    async def emit(self, samples: Emitted) -> None:
        """The samples are returned instead."""

    async def emit_acknowledged(self, samples: Sequence[Sample]) -> None:
        """The samples are returned instead."""

    def malformed(self, detail: str) -> None:
        """The quality says it."""


async def read_in_order(
    tags: Sequence[TagConfig],
    place_of: Callable[[TagConfig], Place],
    read: Callable[[list[TagConfig], list[Place]], Awaitable[Emitted]],
) -> list[Sample]:
    """A sample for each of ``tags``, in their order; raises what ``place_of`` raises for a wrong address.

    ``read`` gets the tags with their places, and may return its samples in any order; tags may share a series.
    """
    places = [place_of(tag) for tag in tags]
    samples = [Sample(tag.series, None, quality=Quality.BAD) for tag in tags]
    numbered = [msgspec.structs.replace(tag, series=index) for index, tag in enumerate(tags)]
    for sample in one_by_one(await read(numbered, places)) if numbered else ():
        samples[sample.series] = msgspec.structs.replace(sample, series=tags[sample.series].series)
    return samples
