"""Addresses of a resource."""

from __future__ import annotations

from django.db import models
from django.urls import URLPattern, path

from gongfu.kernel.pages import saved, views
from gongfu.kernel.pages.resource import Resource
from gongfu.kernel.workflow.services import steps_of


def urlpatterns(resource: Resource[models.Model]) -> list[URLPattern]:
    """``/platform/devices/``, ``…/new``, ``…/<pk>/``, ``…/<pk>/edit``, ``…/<pk>/delete``, ``…/export.csv``."""
    base, name, extra = f"{resource.room}/{resource.slug}/", resource.name, {"resource": resource}
    found = [
        path(base, views.list_page, extra, name=name),
        path(f"{base}export.<str:kind>", views.export_page, extra, name=f"{name}-export"),
        path(f"{base}do/<str:name>", views.action_page, extra, name=f"{name}-action"),
        path(f"{base}lookup/<slug:name>", views.lookup_page, extra, name=f"{name}-lookup"),
        path(f"{base}views", saved.save_view, extra, name=f"{name}-views"),
        path(f"{base}<int:pk>/", views.detail_page, extra, name=f"{name}-detail"),
        path(f"{base}<int:pk>/delete", views.delete_page, extra, name=f"{name}-delete"),
    ]
    if steps_of(resource.model):
        found.append(path(f"{base}<int:pk>/step/<slug:name>", views.step_page, extra, name=f"{name}-step"))
    if resource.form:
        found += [
            path(f"{base}new", views.form_page, extra, name=f"{name}-new"),
            path(f"{base}<int:pk>/edit", views.form_page, extra, name=f"{name}-edit"),
        ]
    return found
