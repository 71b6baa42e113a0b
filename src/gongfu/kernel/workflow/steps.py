"""Declaring who may move what from which state to which.

A module's ``workflow.py`` holds an abstract model with the state field and one method a step::

    class DeviceWorkflow(models.Model):
        state = FSMField(_("state"), choices=State.choices, default=State.DRAFT, editable=False)

        @step("state", source=[State.DRAFT], target=State.ACTIVE, label=_("Activate"), may=can_edit)
        def activate(self, user: User, reason: str) -> None:
            ...what else changes; the helper saves and records
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import models
from django.utils.functional import Promise
from django_fsm import FSMFieldMixin, transition
from rules.predicates import Predicate

_Method = TypeVar("_Method", bound=Callable[..., None])
_KEY = "step"
Consequence = str | Promise | Callable[[models.Model], str]


@dataclass(frozen=True)
class Step:
    """One way from one state to another. ``name`` is the method's, ``reason`` whether one must be given."""

    name: str
    label: str | Promise
    field: str
    source: tuple[str, ...]
    target: str
    may: Predicate
    reason: bool
    dangerous: bool
    consequence: Consequence = ""
    """What will happen, said before it does: a sentence, or a function of the thing."""

    def consequence_for(self, thing: models.Model) -> str:
        """The sentence for ``thing``, empty when there is none."""
        return str(self.consequence(thing) if callable(self.consequence) else self.consequence)


def step(
    field: str,
    *,
    source: Sequence[str],
    target: str,
    label: str | Promise,
    may: Predicate,
    reason: bool = False,
    dangerous: bool = False,
    consequence: Consequence = "",
) -> Callable[[_Method], _Method]:
    """Make a method ``(self, user, reason)`` of a model the step from any of ``source`` to ``target``."""

    def declare(method: _Method) -> _Method:
        declared = Step(
            method.__name__,
            label,
            field,
            tuple(str(state) for state in source),
            str(target),
            may,
            reason,
            dangerous,
            consequence,
        )
        decorate: Callable[[_Method], _Method] = transition(
            field=field, source=list(source), target=target, custom={_KEY: declared}
        )
        return decorate(method)

    return declare


def steps_of(model: type[models.Model]) -> list[Step]:
    """Every step declared on ``model``, in the order of the states they leave."""
    found: dict[str, Step] = {}
    for field in model._meta.concrete_fields:
        if isinstance(field, FSMFieldMixin):
            for way in field.get_all_transitions(model):
                declared = way.custom.get(_KEY)
                if isinstance(declared, Step):
                    found[declared.name] = declared
    return sorted(found.values(), key=_order(model))


def _order(model: type[models.Model]) -> Callable[[Step], tuple[int, str]]:
    def position(declared: Step) -> tuple[int, str]:
        states = [str(value) for value, _label in getattr(model._meta.get_field(declared.field), "flatchoices", ())]
        return min((states.index(state) for state in declared.source if state in states), default=0), declared.name

    return position
