"""Versions of Gongfu that lie beside the installed one: which runs, and which is tried.

A version is a wheel, unpacked into a folder that Python searches before the installed packages; what it depends on is
what is installed. ``edge/upgrade.json`` holds what is chosen, so that a restart, of the machine too, runs the same.
"""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.nats_server import write_private
from gongfu.network.edge.contract import Upgrade

_LARGEST = 500_000_000
"""Bytes that a wheel may unpack to."""


class Chosen(msgspec.Struct, frozen=True):
    """What runs. Folders are names below ``edge/versions``; empty: the installed version."""

    current: str = ""
    trial: str = ""
    """To be tried at the next start; back to ``current`` when it does not become healthy."""
    state: Upgrade = Upgrade.NONE
    detail: str = ""


_decoder = msgspec.json.Decoder(Chosen)


def chosen(home: Path) -> Chosen:
    """What runs at this edge."""
    try:
        found = _decoder.decode(_file(home).read_bytes())
    except (OSError, msgspec.DecodeError):
        return Chosen()
    if found.current and not folder(home, found.current).is_dir():
        return msgspec.structs.replace(found, current="")
    return found


def choose(home: Path, what: Chosen) -> None:
    """Keep ``what``."""
    write_private(_file(home), msgspec.json.encode(what).decode())


def folder(home: Path, name: str) -> Path:
    """Where a version lies."""
    return home / "edge" / "versions" / name


def unpack(wheel: Path, target: Path) -> None:
    """Unpack ``wheel`` into ``target``; raises :class:`Invalid` for what is no wheel of Gongfu."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
            if any(name.is_absolute() or ".." in name.parts for name in names):
                raise _broken("a path leads out of it")
            if sum(item.file_size for item in archive.infolist()) > _LARGEST:
                raise _broken("it is too large")
            if PurePosixPath("gongfu/cli/__main__.py") not in names:
                raise _broken("it holds no gongfu")
            archive.extractall(target)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise _broken(str(error)) from error


def _file(home: Path) -> Path:
    return home / "edge" / "upgrade.json"


def _broken(reason: str) -> Invalid:
    return Invalid(mark("The new version cannot be installed: {reason}."), reason=reason)
