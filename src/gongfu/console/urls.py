"""Every address of the console and the API, composed from the modules."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.decorators import login_not_required, login_required
from django.db import models
from django.urls import URLPattern, URLResolver, include, path

from gongfu.console import modules
from gongfu.kernel.pages import api, resource, urls
from gongfu.kernel.pages.resource import Resource

Patterns = list[URLPattern | URLResolver]


def compose(resources: Sequence[Resource[models.Model]]) -> Patterns:
    """Addresses of every module's own pages, of ``resources``, and of the API."""
    resource.install(resources)
    patterns, app, namespace = api.build(resources, modules.routers()).urls
    return [
        *modules.patterns(),
        *(pattern for item in resources for pattern in urls.urlpatterns(item)),
        path("api/v1/", include((_open(patterns), app), namespace=namespace)),
    ]


def _open(patterns: Patterns) -> Patterns:
    """The API asks for its own proof of who calls; a redirect to a sign-in page would help no program."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            wrap = login_required if pattern.name == "openapi-view" else login_not_required
            pattern.callback = wrap(pattern.callback)
    return patterns


urlpatterns = compose(modules.resources())
handler400 = "gongfu.kernel.pages.errors.bad_request"
handler403 = "gongfu.kernel.pages.errors.forbidden"
handler404 = "gongfu.kernel.pages.errors.not_found"
handler500 = "gongfu.kernel.pages.errors.broken"
