"""What one reader's call may take, and which settings it may give. Imports no engine: the console asks it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

READER_LIMITS: Final[Mapping[str, int]] = {
    "max_threads": 2,
    "max_execution_time": 30,
    "max_memory_usage": 400_000_000,
    "max_result_rows": 2_000_000,
    "max_result_bytes": 200_000_000,
    "max_rows_to_read": 2_000_000_000,
}
"""Upper bounds of a reader's call; a call may ask for less."""
# Official clients send these; they change how or how much is written, not whose rows.
_HARMLESS: Final = frozenset(
    (
        *("limit", "offset", "max_block_size", "join_use_nulls", "extremes", "session_timezone", "final"),
        *("cast_string_to_dynamic_use_inference", "do_not_merge_across_partitions_select_final"),
    )
)
_PREFIXES: Final = ("output_format_", "date_time_")
_NEVER: Final = frozenset(("output_format_schema",))
"""It names a file that the engine writes."""


def harmless(name: str) -> bool:
    """Whether a reader may give the setting ``name`` any value."""
    return name in _HARMLESS or (name.startswith(_PREFIXES) and name not in _NEVER)


def bounded(name: str, given: str | None) -> int:
    """The value of the limit ``name``: what was ``given`` when it is a smaller number above zero."""
    limit = READER_LIMITS[name]
    return min(limit, int(given) or limit) if given is not None and given.isdecimal() and len(given) < 19 else limit
