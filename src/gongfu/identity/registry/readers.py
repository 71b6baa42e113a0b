"""Who may read which values of an identifier beyond its owner, and what the values are called.

The registry itself knows two answers: the owner's organisation sees everything, everybody else what is public. A module
above it (metadata templates with grants) takes this place with :func:`use` when Django starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.kernel.accounts.models import Organisation, User


@dataclass(frozen=True)
class Line:
    """A value as people read it; an empty label means that its type is its name."""

    value: Value
    label: str
    text: str


class Reader(Protocol):
    """What another module has to say about reading."""

    def granted(self, user: User) -> list[str]:
        """Prefixes of other organisations under which ``user`` may look up single identifiers."""

    def values(self, record: Record, user: User | None, owner: Organisation | None) -> tuple[Value, ...]:
        """The values of ``record`` that ``user`` (None: everybody) may read."""

    def lines(self, record: Record, values: Sequence[Value]) -> list[Line]:
        """``values`` in the order and with the names people expect."""


class _Plain:
    def granted(self, user: User) -> list[str]:
        return []

    def values(self, record: Record, user: User | None, owner: Organisation | None) -> tuple[Value, ...]:
        return record.values if user is not None and sees_all(user, owner) else record.public

    def lines(self, record: Record, values: Sequence[Value]) -> list[Line]:
        return [Line(value, "", value.text) for value in values]


_reader: Reader = _Plain()


def use(reader: Reader) -> None:
    """From now on ``reader`` is asked; called once, when Django starts."""
    global _reader
    _reader = reader


def reader() -> Reader:
    """Whom to ask."""
    return _reader


def sees_all(user: User, owner: Organisation | None) -> bool:
    """Whether ``user`` belongs to the owner or to an organisation above it."""
    return owner is not None and Organisation.objects.visible_to(user).filter(pk=owner.pk).exists()
