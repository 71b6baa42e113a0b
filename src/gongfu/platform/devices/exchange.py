"""The door of files of devices, for the command line and the modules above."""

from __future__ import annotations

from django.db.models import QuerySet

from gongfu.platform.devices import files
from gongfu.platform.devices.importing import Report, apply, documents, look
from gongfu.platform.devices.models import Device

__all__ = ["Report", "apply", "look", "text"]


def text(found: QuerySet[Device], *, json: bool = False) -> str:
    """The devices as a TOML or JSON file, without passwords."""
    return files.to_json(documents(found)) if json else files.to_toml(documents(found))
