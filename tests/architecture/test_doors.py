"""A module is entered through its doors only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from .source import FLAT, PACKAGE, modules, python_files, relative

DOORS = {
    "kernel.accounts": {"services", "bus_users", "models", "permissions", "rules", "second_factor", "signin", "tokens"},
    "kernel.audit": {"services", "models", "middleware"},
    "kernel.pages": {"files", "services", "resource", "menu", "api", "schemas", "urls", "errors", "export", "xlsx"},
    "kernel.supervisor": {"lock", "main", "plan", "ports", "status"},
    "kernel.tasks": {"services", "models", "periodic", "worker"},
    "kernel.workdays": {"rules"},
    "kernel.workflow": {"services", "steps"},  # the audit log, which services use, names steps
    "network.discovery": {"probes", "ranges", "scanning", "shapes"},
    "network.drivers": {"contract", "pacing", "registry", "surroundings"},
    "network.edge": {"admitting", "contract", "credentials", "join", "local", "server", "versions"},
    "network.gateway": {"asking", "config", "tickets"},
    "network.map": {
        *("addresses", "days", "differing", "images", "layout", "measuring", "probing", "shapes", "topology"),
    },
    "network.retrofit": {"learning", "machines", "recipes", "replay"},
    "network.serving": {"offers", "registers"},
    "network.models": {
        *("categories", "conformance", "exporting", "importing", "library", "nodeset", "proposing", "shipped"),
        *("types", "units", "versions"),
    },
    "identity.handle": {
        "admin_record",
        "client",
        "client_async",
        "client_sync",
        "codes",
        "errors",
        "fragments",
        "keys",
        "names",
        "proofs",
        "session_keys",
        "site",
        "site_json",
        "sm2",
        "trust",
        "wire",
    },
    "identity.hierarchy": {"services"},
    "identity.recursion": {"endpoints", "errors", "paths", "process", "trace"},
    "identity.carriers": {"services", "sheet"},
    "identity.authentication": {"services"},
    "identity.bulk": {"services"},
    "identity.business": {
        "services",
        "counting",
        "templating",
        "periodic",
        "demonstration",
        "checking",
        "classes",
        "fields",
    },
    "identity.rdap": {"services"},
    "identity.registry": {
        "delegations",
        "device_identifiers",
        "errors",
        "models",
        "readers",
        "records",
        "services",
        "store",
        "values",
    },
    "identity.schemes": {"services", "codes", "types"},
    "identity.search": {"services", "feeding", "table"},
    "identity.peers": {"services", "models", "errors", "jws", "keys"},
    "identity.filing": {"services"},
    "identity.escrow": {"services", "archive", "copying", "errors", "recovery", "wire"},
    "identity.mirror": {"follower", "leader", "reporting", "wire"},
    "platform.commands": {"services", "models", "planning", "rules"},
    "platform.edges": {"services", "linking"},
    "platform.northbound": {"services", "linking"},
    "platform.devices": {
        *("applying", "beside", "desk", "document", "exchange", "prefilling", "services", "models", "sync", "versions"),
        *("applying", "desk", "document", "exchange", "gateways", "prefilling", "services", "models", "sync"),
        "versions",
    },
    "platform.discovery": {"services"},
    "platform.map": {"services", "following", "demonstration"},
    "platform.modelling": {"services", "models", "observing"},
    "data.retrofit": {"services", "periodic", "demonstration"},
    "data.telemetry": {
        "services",
        "overview",
        "texts",
        "batch",
        "consume",
        "rules",
        "schema",
        "store",
        "views",
        "describing",
    },
    "data.computed": {"services", "desk", "stage"},
    "data.streams": {"ensuring", "publishing", "stage"},
    "data.alarms": {"services", "desk", "demonstration", "models", "outlets", "sending", "stage"},
    "data.access": {"services", "periodic", "interface", "asking", "rules"},
    "data.performance": {"services", "demonstration", "measuring", "calendars", "rules"},
    "data.backup": {"services", "periodic", "drill", "keeping", "taking", "wire", "work"},
    "data.dashboards": {"services", "periodic", "demonstration"},
    "data.cluster": {"capacity", "ddl"},
    "governance.signals": {"names", "rules"},
    "governance.review": {"services", "desk", "demonstration", "drawing", "scoring"},
    "governance.support": {
        *("services", "versions", "rules", "schemes", "figures", "demonstration", "models", "permissions"),
    },
    "governance.assessments": {"services", "due", "demonstration"},
    "governance.documents": {"services", "model", "drawing", "page"},
    "governance.applications": {"services", "due", "periodic", "demonstration"},
    "governance.indicators": {"services", "due", "periodic", "demonstration"},
}
"""Module → what others may import. A daemon's ``process`` is started by name and is no door."""
SPECIAL = {
    # A simulator is the other end of a driver's protocol: it speaks the same wire and uses the driver's simulator.
    ("simulators.outlets", "network.drivers"): {"modbus", "opcua", "s7", "sparkplug", "mqtt"},
    ("simulators.players", "network.drivers"): {"modbus", "opcua", "sparkplug"},
    # Whoever serves a protocol northbound speaks the same wire as its driver.
    ("network.serving", "network.drivers"): {"opcua", "sparkplug"},
    # Looking for OPC UA servers takes GetEndpoints, which no session of a driver asks.
    ("network.discovery", "network.drivers"): {"opcua"},
    # Drivers and gateway are two halves of one programme: topics are translated in one place.
    ("network.drivers", "network.gateway"): {"topics"},
    # What an edge forwards is read in bulk, as the gateway reads MQTT.
    ("network.edge", "network.gateway"): {"wire"},
    # The gateway is the Sparkplug host application that edge nodes wait for.
    ("network.gateway", "network.drivers"): {"sparkplug"},
    # Formulas of alarms are written in the language of computed tags.
    ("data.alarms", "data.computed"): {"language"},
    # A computed tag is told from one that is read by its address.
    ("data.computed", "platform.devices"): {"rules"},
}


def module_of(name: str) -> str | None:
    """``kernel.accounts`` for ``gongfu.kernel.accounts.models``; ``None`` outside modules."""
    parts = name.split(".")
    if parts[0] != "gongfu" or len(parts) < 3 or parts[1] in FLAT:
        return None
    return ".".join(parts[1:3]) if (PACKAGE / parts[1] / parts[2] / "__init__.py").exists() else None


def imports(path: Path) -> Iterator[str]:
    """Full names of the gongfu modules that ``path`` imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = PACKAGE.parent.joinpath(*node.module.split("."), alias.name)
                submodule = inner.is_dir() or inner.with_suffix(".py").exists()
                yield f"{node.module}.{alias.name}" if submodule else node.module


def test_other_modules_use_the_doors() -> None:
    wrong = []
    for path in python_files():
        here = module_of(".".join(("gongfu", *path.relative_to(PACKAGE).with_suffix("").parts)))
        for name in imports(path):
            there = module_of(name)
            if there is None or there == here or there not in DOORS:
                continue
            door = name.split(".")[3] if name.count(".") >= 3 else ""
            if door and door not in DOORS[there] | SPECIAL.get((here or "", there), set()):
                wrong.append(f"{relative(path)} imports {name}")
    assert not wrong


def test_every_module_that_others_use_has_its_doors_listed() -> None:
    listed = set(DOORS)
    known = {".".join(folder.relative_to(PACKAGE).parts) for folder in modules()}
    assert listed <= known
    rooms_with_doors = {name for name in known if not name.startswith("simulators.") and name != "identity.resolver"}
    assert rooms_with_doors <= listed
