"""What other modules offer to do when a device is set up: boxes on the set-up page, ticked before anyone looks.

A room above devices cannot be imported here: it registers what it offers when Django is ready.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.platform.devices.models import Device


@dataclass(frozen=True)
class Beside:
    """One offer. ``perform`` runs after a new device was made and may return a sentence for the user."""

    name: str
    label: str | Promise
    hint: str | Promise
    useful: Callable[[Organisation], bool]
    """Whether there is anything to do for the organisation."""
    perform: Callable[[User, Device], str]
    position: int = 50


_offered: dict[str, Beside] = {}


def offer(beside: Beside) -> None:
    """Show it on the set-up page."""
    _offered[beside.name] = beside


def offered(organisation: Organisation) -> list[Beside]:
    """What is useful for ``organisation``, in order."""
    return sorted((one for one in _offered.values() if one.useful(organisation)), key=lambda one: one.position)
