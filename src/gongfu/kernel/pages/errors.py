"""Every failure as a page or as JSON: what happened, what to do, and a code to quote."""

from __future__ import annotations

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import translation

from gongfu.kernel.audit.middleware import request_id
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark

METHOD = mark("This address only answers {methods}.")
log = structlog.get_logger("web")


class TooLarge(Invalid):
    """The request is larger than the node accepts."""

    code = "too_large"
    http_status = 413


class NotAllowed(Invalid):
    """The address exists but not for this HTTP method."""

    code = "method_not_allowed"
    http_status = 405


class Unreadable(Invalid):
    """The request is not well-formed."""

    code = "unreadable"
    http_status = 400


class SignInNeeded(Forbidden):
    """Nobody has signed in, or the token is not valid."""

    code = "sign_in_needed"
    http_status = 401


class Broken(GongfuError):
    """A fault of the program itself."""

    code = "broken"


def is_api(request: HttpRequest) -> bool:
    """Whether the caller is a program."""
    return request.path_info.startswith("/api/")


def respond(request: HttpRequest, error: GongfuError) -> HttpResponse:
    """``error`` for whoever asked, in the language of the request."""
    if is_api(request):
        return JsonResponse(body(error), status=error.http_status)
    message, remedy = error.parts(translation.get_language())
    context = {
        "message": message,
        "remedy": remedy,
        "code": error.code,
        "status": error.http_status,
        "request_id": request_id(request),
    }
    return render(request, "pages/error.html", context, status=error.http_status)


def body(error: GongfuError) -> dict[str, object]:
    """``{code, message, remedy, values}`` in the current language."""
    message, remedy = error.parts(translation.get_language())
    return {
        "code": error.code,
        "message": message,
        "remedy": remedy,
        "values": {name: value if isinstance(value, dict) else str(value) for name, value in error.values.items()},
    }


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form was sent without its proof of origin."""
    error = Forbidden(
        mark("This form was opened too long ago, or was not sent from this console."),
        remedy=mark("Load the page again and send it once more."),
    )
    return respond(request, error)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 400."""
    return respond(request, of(exception))


def of(exception: Exception) -> GongfuError:
    """Django's refusals in our words."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent):
        return TooLarge(mark("The request is too large."), remedy=mark("Send it in smaller parts."))
    if isinstance(exception, SuspiciousOperation):
        log.warning("refused", reason=str(exception))
    return Unreadable(mark("The request cannot be read."), remedy=mark("Correct it and send it again."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 403."""
    return respond(request, Forbidden(mark("You may not do this."), remedy=mark("Ask an administrator.")))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 404."""
    return respond(
        request,
        NotFound(
            mark("There is nothing at this address, or nothing that you may see."),
            remedy=mark("Go back, or look for it from the start page."),
        ),
    )


def broken(request: HttpRequest) -> HttpResponseBase:
    """Django's 500."""
    error = Broken(
        mark("Something went wrong inside Gongfu; nothing was saved."),
        remedy=mark("Try again. If it stays, send the code to whoever runs this node."),
    )
    return respond(request, error)
