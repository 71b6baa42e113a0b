"""Starter templates that come with the programme: one cited TOML file for each class of things. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from gongfu.identity.business import fields
from gongfu.identity.business.fields import TemplateSpec
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark

FOLDER = Path(__file__).parent / "templates_library"


@cache
def starters() -> tuple[TemplateSpec, ...]:
    """Every starter template, by code."""
    return tuple(parse(path.name, path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml")))


def starter(code: str) -> TemplateSpec:
    """The starter template called ``code``; raises :class:`NotFound`."""
    for candidate in starters():
        if candidate.code == code:
            return candidate
    raise NotFound(
        mark("There is no starter template {code}."),
        remedy=mark("Use one of: {known}."),
        code=code[:63],
        known=", ".join(candidate.code for candidate in starters()),
    )


def parse(name: str, text: str) -> TemplateSpec:
    """The template in ``text``; raises :class:`Invalid` naming file ``name`` and what is wrong."""
    try:
        return fields.checked(msgspec.convert(tomllib.loads(text), TemplateSpec))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid(
            mark("The template {file} cannot be used: {reason}."),
            remedy=mark("Correct the file."),
            file=name,
            reason=error,
        ) from error
