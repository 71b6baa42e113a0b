"""An account that is an expert's alone sees its panels and itself, nothing else of the node."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from gongfu.governance.review.permissions import is_only_expert
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import errors

_ALLOWED = (
    "/governance/reviews/",
    "/api/v1/governance/reviews",
    "/me/",
    "/sign-in/",
    "/sign-out/",
    "/static/",
    "/about/",
    "/governance/publications/",
)
"""Addresses under which such an account finds what is its own, or anybody's."""


class ExpertsOnlyMiddleware:
    """Whoever belongs to no organisation and to a pool is led to the list of reviews."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Everything else is *not found*."""
        user = getattr(request, "user", None)
        if request.path.startswith(_ALLOWED) or not isinstance(user, User) or not is_only_expert(user):
            return self.get_response(request)
        if request.path == "/":
            return HttpResponseRedirect(reverse("governance-reviews"))
        return errors.respond(request, NotFound(mark("There is no such page for you."), remedy=mark("Open your list.")))
