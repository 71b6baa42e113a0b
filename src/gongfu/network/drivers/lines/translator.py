"""Lines into samples: which pattern a line fits, and what its groups say. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, Sample
from gongfu.network.drivers.lines.address import LINE, UNIT, Reading, parse
from gongfu.network.drivers.lines.matcher import Matcher, TooMuchWork
from gongfu.network.drivers.lines.wire import Checksum, checked
from gongfu.network.drivers.values import fit
from gongfu.network.gateway.config import TagConfig

_BETWEEN = re.compile(r"\s*(?:\n|;;)\s*")
MOST_PATTERNS = 20


class Problem(msgspec.Struct, frozen=True):
    """Why a line became nothing."""

    reason: str


def matchers(patterns: str) -> list[Matcher]:
    """The patterns of a device, divided by ``;;`` or line ends; raises :class:`BadConfiguration`."""
    texts = [text for text in _BETWEEN.split(patterns.strip()) if text]
    if len(texts) > MOST_PATTERNS:
        raise BadConfiguration(mark("More than {most} patterns are too many."), most=MOST_PATTERNS)
    return [Matcher(text) for text in texts]


class Translator:
    """The tags of one device. ``patterns``: none means that every line counts as a whole."""

    def __init__(
        self, tags: Sequence[TagConfig], patterns: Sequence[Matcher], checksum: Checksum, encoding: str
    ) -> None:
        self._checksum = checksum
        self._encoding = encoding
        self._patterns = patterns
        addresses = [(tag, parse(tag)) for tag in tags]
        readings = [(tag, address) for tag, address in addresses if isinstance(address, Reading)]
        for tag, reading in readings:
            _check(tag, reading, patterns)
        always = [(tag, reading) for tag, reading in readings if reading.group == LINE]
        self._readings = [
            always + [(tag, reading) for tag, reading in readings if reading.group in pattern.groups]
            for pattern in patterns
        ] or [always]

    def samples(self, raw: bytes, time: int) -> list[Sample] | Problem:
        """A sample for every tag that the line tells something about, which may be that it is bad."""
        line = checked(raw, self._checksum)
        if line is None:
            return Problem("wrong check sum")
        text = line.decode(self._encoding, errors="replace")
        if not self._patterns:
            return self._read(0, {LINE: text}, time)
        for index, pattern in enumerate(self._patterns):
            try:
                groups = pattern.search(text)
            except TooMuchWork:
                return Problem("too complicated for its pattern")
            if groups is not None:
                groups[LINE] = text
                return self._read(index, groups, time)
        return Problem("no pattern fits")

    def _read(self, index: int, groups: dict[str, str | None], time: int) -> list[Sample]:
        samples: list[Sample] = []
        for tag, reading in self._readings[index]:
            value = fit(tag.kind, reading.value(groups))
            quality = Quality.BAD if value is None else Quality.GOOD
            samples.append(Sample(tag.series, value, time, quality))
        return samples


def _check(tag: TagConfig, reading: Reading, patterns: Sequence[Matcher]) -> None:
    if reading.group == LINE:
        return
    having = [pattern for pattern in patterns if reading.group in pattern.groups]
    if not having:
        known = sorted({LINE, *(name for pattern in patterns for name in pattern.groups)})
        raise BadConfiguration(
            mark("No pattern has the group {group} that tag {tag} reads."),
            remedy=mark("Groups are: {known}."),
            group=reading.group,
            tag=tag.name,
            known=", ".join(known),
        )
    if reading.unit and not any(UNIT in pattern.groups for pattern in having):
        raise BadConfiguration(
            mark("Tag {tag} asks for {unit}, but no pattern of it has a group named unit."),
            remedy=mark("Add (?P<unit>…) to the pattern, or use the tag's scale instead."),
            tag=tag.name,
            unit=reading.unit,
        )
