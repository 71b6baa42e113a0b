"""The modules of the console, in the order of its navigation. What a module offers is found by name.

``pages.RESOURCES`` and ``pages.urlpatterns``, ``api.router`` and ``menu.ENTRIES``, ``tabs.TABS``: each may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from django.db import models
from django.urls import URLPattern, URLResolver
from ninja import Router

from gongfu.kernel.pages.resource import Resource, Tab

MODULES = (
    "gongfu.identity.business",
    "gongfu.identity.bulk",  # before the registry, whose addresses take any identifier, "batch" among them
    "gongfu.identity.registry",
    "gongfu.identity.hierarchy",
    "gongfu.identity.schemes",
    "gongfu.identity.carriers",
    "gongfu.identity.search",
    "gongfu.identity.authentication",
    "gongfu.identity.rdap",
    "gongfu.identity.peers",
    "gongfu.identity.filing",
    "gongfu.identity.escrow",
    "gongfu.platform.devices",
    "gongfu.platform.discovery",
    "gongfu.platform.commands",
    "gongfu.platform.northbound",
    "gongfu.platform.map",
    "gongfu.platform.edges",
    "gongfu.platform.modelling",
    "gongfu.data.telemetry",
    "gongfu.data.access",
    "gongfu.data.retrofit",
    "gongfu.data.alarms",
    "gongfu.data.computed",
    "gongfu.data.performance",
    "gongfu.data.dashboards",
    "gongfu.data.backup",
    "gongfu.governance.support",
    "gongfu.governance.indicators",
    "gongfu.governance.applications",
    "gongfu.governance.review",
    "gongfu.governance.assessments",
    "gongfu.kernel.tasks",
    "gongfu.kernel.audit",
    "gongfu.kernel.accounts",
    "gongfu.console",
)


def resources() -> list[Resource[models.Model]]:
    """Every declared resource, with the tabs that higher modules add to its detail page before its own."""
    declared = [resource for module in _parts("pages") for resource in getattr(module, "RESOURCES", ())]
    return [replace(resource, tabs=(*_added_tabs(resource.model), *resource.tabs)) for resource in declared]


def _added_tabs(model: type[models.Model]) -> list[Tab[models.Model]]:
    """``tabs.TABS`` of a module: model → tabs. A device's live values come from a room above devices."""
    found = [tab for module in _parts("tabs") for tab in module.TABS.get(model, ())]
    return sorted(found, key=lambda tab: tab.position)


def patterns() -> list[URLPattern | URLResolver]:
    """Pages that are not generic."""
    return [pattern for module in _parts("pages") for pattern in getattr(module, "urlpatterns", ())]


def routers() -> list[tuple[str, Router]]:
    """Routes of the API that are not generic, with the room they belong to."""
    return [(module.__name__.split(".")[1], module.router) for module in _parts("api") if hasattr(module, "router")]


def menu_entries() -> list[object]:
    """Entries of the navigation."""
    return [entry for module in _parts("menu") for entry in getattr(module, "ENTRIES", ())]


def _parts(name: str) -> Iterator[ModuleType]:
    for module in MODULES:
        if find_spec(f"{module}.{name}"):
            yield import_module(f"{module}.{name}")
