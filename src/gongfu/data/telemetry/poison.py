"""Messages that cannot be stored: parked in the table ``poison`` instead of lost, shown in the console, replayable.

The same message is one row, however often it is delivered. Of a flood only the first of each batch are parked;
all are counted (``gongfu_recorder_rejected_total``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from gongfu.data.telemetry import native
from gongfu.data.telemetry.batch import Rejected
from gongfu.data.telemetry.schema import POISON

MOST: Final = 100
"""Parked of one batch."""
KEPT_DAYS: Final = 30
"""Then they are deleted."""
_ORG_LIMIT: Final = 1 << 32


def identity(stream: str, subject: str, data: bytes) -> int:
    """Number of a message in the table."""
    digest = hashlib.sha256(b"\0".join((stream.encode(), subject.encode(), data))).digest()
    return int.from_bytes(digest[:8], "little")


def block(stream: str, rejected: Sequence[Rejected], now: float) -> bytes:
    """Rows of the first :data:`MOST` of ``rejected``, as a Native block; ``now`` in seconds."""
    some = rejected[:MOST]
    data = [one.message.data for one in some]
    subjects = [one.message.subject for one in some]
    columns: list[native.Values] = [
        np.array([_owner(subject) for subject in subjects], np.uint32),
        np.array([identity(stream, s, d) for s, d in zip(subjects, data, strict=True)], np.uint64),
        [stream] * len(some),
        subjects,
        [one.reason for one in some],
        [one.detail[:500] for one in some],
        np.array([len(one) for one in data], np.uint32),
        data,
        ["parked"] * len(some),
        np.zeros(len(some), np.uint32),
        np.full(len(some), int(now), np.uint32),
        np.full(len(some), int(now * 1000), np.int64),
    ]
    return native.block(native.typed(POISON, columns))


def _owner(subject: str) -> int:
    """The organisation a subject names, 0 when it names none."""
    part = subject.split(".")[1:2]
    return int(part[0]) if part and part[0].isdecimal() and len(part[0]) < 11 and int(part[0]) < _ORG_LIMIT else 0
