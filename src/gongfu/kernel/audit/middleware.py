"""Every request has an identifier that logs, errors and audit entries share."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
_ACCEPTED = re.compile(r"[A-Za-z0-9-]{8,40}")


class RequestIdMiddleware:
    """Take the caller's identifier if it is a plain one, else make one; send it back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the identifier in the header."""
        given = request.headers.get(HEADER, "")
        request_id = given if _ACCEPTED.fullmatch(given) else secrets.token_hex(8)
        request.META["gongfu.request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response.headers[HEADER] = request_id
        return response


def request_id(request: HttpRequest | None) -> str:
    """The identifier of ``request``; empty outside of one."""
    return str(request.META.get("gongfu.request_id", "")) if request else ""


def address(request: HttpRequest | None) -> str:
    """Where ``request`` comes from. Behind a proxy the server in front of Django puts the peer there (uvicorn does)."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45] if request else ""
