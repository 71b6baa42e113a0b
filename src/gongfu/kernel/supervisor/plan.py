"""What a supervisor starts. The composition root makes the plan; the supervisor knows no process by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

BUS = "nats-server"
"""Name of the bus among the processes; it is started first and stopped last."""


@dataclass(frozen=True)
class Plan:
    """One process.

    ``health`` is the URL that answers 200 when it is ready; ``port`` is the one people know it by.
    ``reload_on`` names a file: when it changes the process gets SIGHUP.
    ``after_preparation`` holds a process back until the database is ready.
    """

    name: str
    command: tuple[str, ...]
    health: str
    port: int
    reload_on: Path | None = None
    after_preparation: bool = False
    environment: dict[str, str] = field(default_factory=dict)
