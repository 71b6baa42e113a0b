"""What each driver can do, as the table of the documents: ``python -m gongfu.network.drivers.matrix FILE…``.

It is made from the manifests; tests compare the documents with it and hold every driver to what it promises.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from gongfu.network.drivers import registry
from gongfu.network.drivers.registry import Capability

BEGIN, END = "<!-- drivers: made by gongfu.network.drivers.matrix -->", "<!-- end of drivers -->"
_PLACE = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_HEADS = {
    "en": ("driver", "protocol", "browse", "read", "subscribe", "write", "simulator", "library", "level"),
    "zh": ("驱动", "协议", "浏览", "读", "订阅", "写", "模拟器", "所用库", "质量等级"),
}
_SHOWN = (Capability.BROWSE, Capability.READ, Capability.SUBSCRIBE, Capability.WRITE, Capability.SIMULATE)


def table(language: str) -> str:
    """The table in ``zh`` or ``en``, Markdown."""
    rows = [_HEADS[language], ("---",) * len(_HEADS[language])]
    for name in registry.names():
        known = registry.manifest(name)
        able = ("✓" if capability in known.capabilities else "" for capability in _SHOWN)
        rows.append((f"`{name}`", known.protocol, *able, known.library, known.quality.value))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def written(text: str, language: str) -> str:
    """``text`` of a document with the table as it is now."""
    return _PLACE.sub(lambda _: f"{BEGIN}\n{table(language)}\n{END}", text)


def main(files: list[str]) -> None:
    """Rewrite the table in each file; the folder above a file is its language."""
    for name in files:
        path = Path(name)
        text = path.read_text(encoding="utf-8")
        path.write_text(written(text, path.resolve().parent.name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
