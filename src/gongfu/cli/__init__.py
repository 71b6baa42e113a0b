"""The command line: the composition root, the only room that knows all others.

A daemon is started without loading the rest of the command line, let alone Django: ``gongfu gateway`` on an
edge machine pays for the gateway only.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import Settings, settings

DAEMONS = {
    "web": "gongfu.console.web",
    "recorder": "gongfu.data.telemetry.process",
    "gateway": "gongfu.network.gateway.process",
    "northbound": "gongfu.network.serving.process",
    "streams": "gongfu.data.streams.process",
    "resolver": "gongfu.identity.resolver.process",
    "worker": "gongfu.console.worker",
    "simulate": "gongfu.simulators.process",
}
"""Command → module whose ``main(settings)`` blocks until SIGTERM."""


def main() -> None:
    """Entry point of ``gongfu`` and ``python -m gongfu.cli``."""
    try:
        if len(sys.argv) == 2 and sys.argv[1] in DAEMONS:
            daemon(sys.argv[1])
        else:
            with contextlib.suppress(GongfuError):  # help must come even with wrong settings
                node_settings()
            importlib.import_module("gongfu.cli.commands").run()
    except GongfuError as error:
        sys.stderr.write(f"{error.text()}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def daemon(name: str) -> None:
    """Be the process ``name`` until it is told to stop."""
    importlib.import_module(DAEMONS[name]).main(node_settings())


def node_settings() -> Settings:
    """The settings; from here on, messages of this process and its children are in their language."""
    found = settings()
    os.environ["GONGFU_LANGUAGE"] = found.language
    return found
