"""A published version never changes: the digest of every type of the library is kept in ``library/published.toml``.

``python -m gongfu.network.models.publishing`` adds what is new; a type whose content changed needs a new version.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable

import msgspec

from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType

FILE = library.FOLDER / "published.toml"


def digest(model: DeviceType) -> str:
    """SHA-256 of everything a model says."""
    return hashlib.sha256(msgspec.json.encode(model, order="deterministic")).hexdigest()


def published() -> dict[str, str]:
    """``id@version`` → digest."""
    return tomllib.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def sealed(models: Iterable[DeviceType], known: dict[str, str]) -> dict[str, str]:
    """``known`` and what is new; raises :class:`Conflict` for a version that says something else than it did."""
    result = dict(known)
    for model in models:
        name, now = f"{model.id}@{model.version}", digest(model)
        if result.setdefault(name, now) != now:
            raise Conflict(
                mark("{model} is published and says something else now."),
                remedy=mark("Give the changed model a new version."),
                model=name,
            )
    return result


if __name__ == "__main__":
    lines = sorted(sealed(library.types(), published()).items())
    FILE.write_text("".join(f'"{name}" = "{value}"\n' for name, value in lines), encoding="utf-8")
