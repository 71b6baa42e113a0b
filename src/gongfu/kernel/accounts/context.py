"""What every page knows about the user's organisations."""

from __future__ import annotations

from typing import TypedDict

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from gongfu.kernel.accounts import services
from gongfu.kernel.accounts.models import Organisation, User


class _Context(TypedDict, total=False):
    my_organisations: object
    active_organisation: object


def organisations(request: HttpRequest) -> _Context:
    """``my_organisations`` (at most 50) and ``active_organisation``, read only when a template asks."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}

    def mine() -> list[Organisation]:
        return list(services.visible_organisations(user)[:50])

    return {
        "my_organisations": SimpleLazyObject(mine),
        "active_organisation": SimpleLazyObject(lambda: services.active_organisation(request)),
    }
