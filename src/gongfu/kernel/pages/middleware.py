"""GongfuErrors raised by a page become its answer."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from gongfu.kernel.errors import GongfuError
from gongfu.kernel.pages import errors


class ErrorMiddleware:
    """The one mapping of errors to HTTP."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on; a 405 gets a body that says something."""
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed):
            allowed = response.headers.get("Allow", "")
            response = errors.respond(request, errors.NotAllowed(errors.METHOD, methods=allowed))
            response.headers["Allow"] = allowed
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for errors that are part of the contract; others stay faults."""
        if isinstance(exception, GongfuError):
            return errors.respond(request, exception)
        if isinstance(exception, SuspiciousOperation):
            return errors.respond(request, errors.of(exception))
        return None
