"""What a source that is asked again and again says anew: the same row at the same time counts once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from gongfu.network.drivers.contract import Sample


class Repeats:
    """Remembers the answer before, so its memory is that of one answer."""

    def __init__(self) -> None:
        self._before: set[tuple[int, int, Hashable]] = set()

    def fresh(self, samples: Sequence[Sample]) -> list[Sample]:
        """Those of ``samples`` that the answer before did not have; what has no time is always fresh."""
        keys = [(one.series, one.time, _key(one.value)) for one in samples]
        found = [one for one, key in zip(samples, keys, strict=True) if not one.time or key not in self._before]
        self._before = {key for key in keys if key[1]}
        return found

    def forget(self) -> None:
        """The samples were not stored: let the same ones come again."""
        self._before.clear()


def _key(value: float | bool | str | list[float] | None) -> Hashable:
    return tuple(value) if isinstance(value, list) else value
