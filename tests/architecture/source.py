"""The source tree, as the architecture tests look at it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "gongfu"
ROOMS = ("client", "kernel", "network", "identity", "platform", "data", "governance", "simulators", "console", "cli")
"""Lowest first."""
FLAT = {"cli", "client", "console"}
"""Rooms that are one module."""


def modules() -> list[Path]:
    """Every module: a package inside a room."""
    return sorted(
        folder
        for room in ROOMS
        if room not in FLAT
        for folder in (PACKAGE / room).iterdir()
        if (folder / "__init__.py").exists()
    )


def drivers() -> list[Path]:
    """Every driver: a folder with a manifest."""
    return sorted(path.parent for path in PACKAGE.glob("network/drivers/*/manifest.toml"))


def python_files() -> list[Path]:
    """Every source file a person wrote."""
    return sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)


def relative(path: Path) -> str:
    """``path`` as people name it."""
    return str(path.relative_to(ROOT))
