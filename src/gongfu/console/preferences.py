"""Small choices that every page offers: language and theme."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from gongfu.console.sign_in import safe_next
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import LANGUAGES, mark

THEME_COOKIE = "gongfu_theme"
_YEAR = 365 * 86400


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Language of this person, or of this browser before anyone signs in."""
    language = request.POST.get("language", "")
    if language not in LANGUAGES:
        raise Invalid(mark("There is no language {name}."), remedy=mark("Use zh-hans or en."), name=language[:20])
    if isinstance(request.user, User):
        request.user.language = language
        request.user.save(update_fields=["language"])
    return _back(request, settings.LANGUAGE_COOKIE_NAME, language)


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the computer."""
    theme = request.POST.get("theme", "")
    if theme not in User.Theme.values:
        raise Invalid(mark("There is no theme {name}."), remedy=mark("Use system, light or dark."), name=theme[:20])
    if isinstance(request.user, User):
        request.user.theme = theme
        request.user.save(update_fields=["theme"])
    return _back(request, THEME_COOKIE, theme)


def _back(request: HttpRequest, cookie: str, value: str) -> HttpResponse:
    response = HttpResponseRedirect(safe_next(request, request.POST.get("next")))
    response.set_cookie(
        cookie,
        value,
        max_age=_YEAR,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response
