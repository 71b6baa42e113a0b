"""``gongfu resolve`` with ``--trace`` or ``--recursive``."""

from __future__ import annotations

from gongfu.cli import show
from gongfu.identity.recursion import paths
from gongfu.identity.recursion.endpoints import Endpoint
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings


def run(settings: Settings, handle: str, host: str, port: int, *, recursive: bool, trace: bool) -> None:
    """Print the values, and the path if ``trace``; raises the error that kept them from being found.

    Without ``recursive`` the path is followed from here: from ``host``, or from where this node's settings begin.
    """
    if recursive:
        endpoint = _recursive(settings, host, port)
        found = paths.told(handle, endpoint) if trace else paths.ask(handle, endpoint)
    else:
        given = (Endpoint(host or settings.host, port or settings.handle_port, port or settings.handle_port),)
        roots = given if host or port else paths.roots_of(settings)
        found = paths.follow(handle, roots, top=settings.top_prefix)
    show.path(found)
    if found.error is not None:
        raise found.error


def _recursive(settings: Settings, host: str, port: int) -> Endpoint:
    if host or port:
        number = port or settings.recursive_port
        return Endpoint(host or settings.host, number, number)
    found = paths.recursive_of(settings)
    if found is None:
        raise Invalid(
            mark("This node knows no recursive resolver."),
            remedy=mark("Name one with --host and --port, set {setting}, or leave --recursive out."),
            setting="GONGFU_RECURSIVE",
        )
    return found
