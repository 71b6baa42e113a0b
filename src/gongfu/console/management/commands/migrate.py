"""``migrate`` without most of its work: what is new leaves the models that are there as they are.

While it migrates, Django keeps every model as a rendered class. For each new model, index or constraint it renders
everything related to it once more; here that is everything, since all things belong to organisations and users: nine
tenths of the time that an empty database took. But a new model adds at most reverse accessors to others, which its own
rendering does, and an index or a constraint changes no relation. So only what is new is rendered. What the database is
told is the same.

Going back, Django compares states from before and after a model: then everything is as Django has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import BaseConstraint, Index


class Command(migrate.Command):
    """Django's own, rendering less when everything goes forward."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate as the options say."""
        if options["app_label"]:
            super().handle(*args, **options)
            return
        with _rendering_only_what_is_new():
            super().handle(*args, **options)


@contextmanager
def _rendering_only_what_is_new() -> Iterator[None]:
    whole = ProjectState.add_model

    def add_model(self: ProjectState, state: ModelState) -> None:
        key = state.app_label, state.name_lower
        if key in self.models or "apps" not in self.__dict__:  # asking for it would render everything
            whole(self, state)
            return
        apps = self.__dict__.pop("apps")
        whole(self, state)
        self.__dict__["apps"] = apps
        apps.render_multiple([state])

    def add_index(self: ProjectState, app_label: str, model_name: str, index: Index) -> None:
        _append(self, app_label, model_name, "indexes", index)

    def add_constraint(self: ProjectState, app_label: str, model_name: str, constraint: BaseConstraint) -> None:
        _append(self, app_label, model_name, "constraints", constraint)

    ours = {"add_model": add_model, "add_index": add_index, "add_constraint": add_constraint}
    theirs = {name: getattr(ProjectState, name) for name in ours}
    try:
        for name, function in ours.items():
            setattr(ProjectState, name, function)
        yield
    finally:
        for name, function in theirs.items():
            setattr(ProjectState, name, function)


def _append(state: ProjectState, app_label: str, model_name: str, option: str, added: Index | BaseConstraint) -> None:
    options = state.models[app_label, model_name].options
    options[option] = [*options[option], added]
    if "apps" in state.__dict__:
        meta = state.apps.get_model(app_label, model_name)._meta
        setattr(meta, option, [*getattr(meta, option), added])
        meta.original_attrs[option] = getattr(meta, option)
