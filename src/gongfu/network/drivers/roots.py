"""Which paths of the machine a device may use: those in the folder of its organisation below an operator's root."""

from __future__ import annotations

from pathlib import Path

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.surroundings import current


def allowed(org_code: str, path: str) -> Path:
    """``path``, absolute or below the organisation's folder, without links; it need not exist.

    Raises :class:`BadConfiguration` for what lies outside, also by way of a link.
    """
    roots = current().roots
    if not roots:
        raise BadConfiguration(
            mark("Devices of this gateway may not read files."),
            remedy=mark("The operator allows a folder with GONGFU_FILE_ROOTS."),
        )
    if not org_code or org_code != Path(org_code).name or org_code in (".", "..") or "\x00" in path:
        raise _outside(path)
    for root in roots:
        base = (root / org_code).resolve()
        found = (base / path).resolve()
        if found.is_relative_to(base):
            return found
    raise _outside(path)


def _outside(path: str) -> BadConfiguration:
    return BadConfiguration(
        mark("{path} lies outside the folder of your organisation."),
        remedy=mark("Write it relative to that folder, which the operator has made below a path of GONGFU_FILE_ROOTS."),
        path=repr(path[:200]),
    )
