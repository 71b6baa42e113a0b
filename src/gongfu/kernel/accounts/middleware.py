"""Language of the request, and nothing without signing in."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import translation
from django.utils.functional import LazyObject

from gongfu.kernel.i18n import LANGUAGES


class PersonMiddleware:
    """``request.user`` itself in place of what stands in for it until somebody asks: a page asks some hundred times
    who it is and what it may do, each time through two proxies, and the language of the page asks in any case.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look once and go on."""
        user: object = request.user
        while isinstance(user, LazyObject):
            bool(user.is_authenticated)
            user = user._wrapped
        request.user = user  # type: ignore[assignment]
        return self.get_response(request)


class LanguageMiddleware:
    """The user's choice, else the cookie, else the node's language; a program may say ``Accept-Language``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in that language."""
        language = choose_language(request)
        request.LANGUAGE_CODE = language
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


def choose_language(request: HttpRequest) -> str:
    """One of :data:`gongfu.kernel.i18n.LANGUAGES`."""
    if request.path_info.startswith("/api/") and "Accept-Language" in request.headers:
        first = request.headers["Accept-Language"][:2].lower()
        return "en" if first == "en" else LANGUAGES[0] if first == "zh" else settings.LANGUAGE_CODE
    chosen = getattr(request.user, "language", "") or request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return chosen if chosen in LANGUAGES else settings.LANGUAGE_CODE


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Every page needs a signed-in user unless its view says ``login_not_required``."""

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirect:
        """A part of a page cannot show the sign-in form: htmx sends the whole page there."""
        response = super().handle_no_permission(request, view_func)
        if request.headers.get("HX-Request"):
            response.headers["HX-Redirect"] = response.url
            del response.headers["Location"]
            response.status_code = 200
        return response
