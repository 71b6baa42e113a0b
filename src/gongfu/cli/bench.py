"""``gongfu bench NAME``: runs ``bench/NAME.py`` of the checkout and prints what it measured."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import msgspec

from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import PACKAGE, mark

FOLDER = PACKAGE.parents[1] / "bench"


def run(name: str, *, quick: bool, json: bool) -> None:
    """``bench/NAME.py`` has ``run(quick) -> object`` with ``metrics``; raises :class:`NotFound` when there is none."""
    result = _load(name).run(quick)
    plain = msgspec.to_builtins(result)
    if json:
        sys.stdout.write(msgspec.json.encode(plain).decode() + "\n")
        return
    for group in ("metrics", "baselines"):
        for metric, value in plain.get(group, {}).items():
            sys.stdout.write(f"{metric:<40} {value:>16,.3f}\n")


def _load(name: str) -> ModuleType:
    path = FOLDER / f"{name}.py"
    known = sorted(file.stem for file in FOLDER.glob("*.py") if "def run(" in file.read_text(encoding="utf-8"))
    if name not in known:
        raise NotFound(
            mark("There is no measurement {name}."),
            remedy=mark("In a checkout there are: {known}."),
            name=name,
            known=", ".join(known) or "-",
        )
    sys.path.insert(0, str(FOLDER))  # measurements share a harness that lies beside them
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
