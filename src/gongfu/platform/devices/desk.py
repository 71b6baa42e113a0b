"""Asking the gateway about a device, from a page."""

from __future__ import annotations

from functools import cache

from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import unpacked
from gongfu.kernel.settings import settings
from gongfu.network.gateway.asking import Answer, Asker, Question
from gongfu.network.gateway.config import DeviceConfig
from gongfu.platform.devices.document import Option


def ask(gateway: str, question: Question) -> Answer:
    """The gateway's answer; raises :class:`gongfu.kernel.errors.Unavailable` when it gives none."""
    return _asker().ask(gateway, question)


def request(subject: str, data: bytes, within: float) -> bytes:
    """What listens on ``subject`` of the bus answers; raises :class:`gongfu.kernel.errors.Unavailable`."""
    return _asker().request(subject, data, within)


def trial(
    organisation: Organisation, name: str, driver: str, options: dict[str, Option], *, device: int = 0
) -> DeviceConfig:
    """The configuration of a device to try, without tags."""
    return DeviceConfig(
        device=device,
        org=organisation.pk,
        org_code=organisation.code,
        name=name or "new",
        driver=driver,
        options=options,
    )


def told(problem: str, language: str | None) -> str:
    """A packed problem without its code, in the reader's language."""
    text = unpacked(problem, language)
    return text.partition(": ")[2] or text if text == problem else text


@cache
def _asker() -> Asker:
    return Asker(settings())
