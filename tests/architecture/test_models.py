"""String foreign keys are imports that import-linter cannot see: they obey the order of the rooms as well."""

from __future__ import annotations

from django.apps import apps

from .source import ROOMS


def room(module: str) -> str:
    return module.split(".")[1]


def test_models_point_at_their_own_room_or_a_lower_one() -> None:
    wrong = []
    for model in apps.get_models():
        if not model.__module__.startswith("gongfu."):
            continue
        for field in model._meta.get_fields():
            target = field.related_model
            concrete = getattr(field, "concrete", False)
            if not concrete or not isinstance(target, type) or not target.__module__.startswith("gongfu."):
                continue
            if ROOMS.index(room(target.__module__)) > ROOMS.index(room(model.__module__)):
                wrong.append(f"{model.__module__}.{model.__name__}.{field.name} -> {target.__module__}")
    assert not wrong


def test_every_object_of_an_organisation_says_so_by_one_name() -> None:
    organisation = apps.get_model("accounts", "Organisation")
    for model in apps.get_models():
        if model.__module__.startswith("gongfu.") and model is not organisation:
            owners = [
                field.name
                for field in model._meta.concrete_fields
                if field.related_model is organisation and not field.null
            ]
            assert owners in ([], ["organisation"]), f"{model.__name__}: {owners}"
