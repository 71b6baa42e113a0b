"""The library that comes with the programme, put into the database; versions that were there stay."""

from __future__ import annotations

from django.db import transaction

from gongfu.network.models import library
from gongfu.platform.modelling.models import InformationModel


def sync_library() -> int:
    """Add versions that are new and mark what they supersede; returns how many were added."""
    known = set(InformationModel.objects.filter(organisation=None).values_list("code", "version"))
    new = []
    for spec in library.types():
        if (spec.id, spec.version) in known or not spec.tags:
            continue
        model = InformationModel(origin=InformationModel.Origin.LIBRARY, state=InformationModel.State.PUBLISHED)
        model.take(spec)
        model.derive()
        new.append(model)
    with transaction.atomic():
        InformationModel.objects.bulk_create(new, batch_size=100)
        for model in new:
            model.supersede_others()
    return len(new)
