"""What one sets for oneself: name, language, theme, password, second factor."""

from __future__ import annotations

import segno
from django.contrib import messages
from django.contrib.auth import password_validation, update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.console.preferences import THEME_COOKIE
from gongfu.kernel.accounts import second_factor
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import GongfuError


@require_GET
def profile_page(request: HttpRequest) -> HttpResponse:
    """Everything at a glance."""
    return _page(request)


@require_POST
def save_person(request: HttpRequest) -> HttpResponse:
    """Name, language and theme."""
    user = accounts.user_of(request)
    before = audit.state(user)
    user.display_name = request.POST.get("display_name", "").strip()[:60]
    user.language = request.POST.get("language", "")
    user.theme = request.POST.get("theme", "")
    try:
        user.full_clean(exclude=["username", "password"], validate_unique=False)
    except ValidationError as error:
        return _page(request, {"person_errors": error.messages}, 422)
    user.save()
    audit.record(user, "change", user, before=before, after=audit.state(user), request=request)
    with translation.override(user.language or translation.get_language()):
        messages.success(request, _("Saved."))
    response = HttpResponseRedirect(reverse("profile"))
    response.delete_cookie(THEME_COOKIE)
    return response


@sensitive_post_parameters()
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """A new password for whoever knows the old one; other sessions of the same user end."""
    user = accounts.user_of(request)
    old, new = request.POST.get("old", "")[:4096], request.POST.get("new", "")[:4096]
    errors: dict[str, object] = {}
    if not user.check_password(old):
        errors["old_errors"] = [_("This is not your present password.")]
    if new != request.POST.get("again", ""):
        errors["again_errors"] = [_("The two new passwords differ.")]
    try:
        password_validation.validate_password(new, user)
    except ValidationError as error:
        errors["new_errors"] = error.messages
    if errors:
        return _page(request, errors, 422)
    user.set_password(new)
    user.save(update_fields=["password"])
    update_session_auth_hash(request, user)
    audit.record(user, "password", user, request=request)
    messages.success(request, _("The password was changed. Other sessions of yours have ended."))
    return HttpResponseRedirect(reverse("profile"))


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def second_factor_set_up(request: HttpRequest) -> HttpResponse:
    """Scan, prove, keep the recovery codes."""
    user = accounts.user_of(request)
    context: dict[str, object] = {}
    status = 200
    if request.method == "POST":
        try:
            codes = second_factor.confirm(request, user, request.POST.get("code", "")[:20])
        except GongfuError as error:
            context["error"], status = error.text(translation.get_language()), error.http_status
        else:
            return render(request, "console/recovery_codes.html", {"codes": codes})
    device = second_factor.new_authenticator(user)
    address = device.config_url
    context |= {"qr": _qr(address), "secret": address.partition("secret=")[2].partition("&")[0]}
    return render(request, "console/second_factor_set_up.html", context, status=status)


@never_cache
@sensitive_post_parameters()
@require_POST
def second_factor_change(request: HttpRequest) -> HttpResponse:
    """New recovery codes, or no second factor any more; both ask for the password."""
    user = accounts.user_of(request)
    if not user.check_password(request.POST.get("password", "")[:4096]):
        return _page(request, {"factor_errors": [_("This is not your present password.")]}, 422)
    if request.POST.get("do") == "codes":
        codes = second_factor.new_recovery_codes(user)
        audit.record(user, "recovery_codes", user, request=request)
        return render(request, "console/recovery_codes.html", {"codes": codes})
    second_factor.remove(request, user)
    messages.success(request, _("The second factor is off."))
    return HttpResponseRedirect(reverse("profile"))


def _page(request: HttpRequest, more: dict[str, object] | None = None, status: int = 200) -> HttpResponse:
    user = accounts.user_of(request)
    context: dict[str, object] = {
        "themes": User.Theme.choices,
        "languages": User.Language.choices,
        "memberships": user.memberships_cached,
        "second_factor": second_factor.is_on(user),
        "codes_left": second_factor.recovery_codes_left(user),
    }
    return render(request, "console/profile.html", context | (more or {}), status=status)


def _qr(content: str) -> SafeString:
    # segno writes numbers and the two fixed class names only; the content is in the modules, not in the text.
    return SafeString(segno.make(content, error="m").svg_inline(scale=4, border=1, omitsize=True))
