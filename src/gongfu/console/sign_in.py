"""Sign-in, second factor, sign-out."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from gongfu.kernel.accounts import second_factor, signin
from gongfu.kernel.errors import GongfuError


def safe_next(request: HttpRequest, given: str | None) -> str:
    """``given`` when it is an address of this node, else the start page."""
    allowed = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if given and allowed else settings.LOGIN_REDIRECT_URL


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in_page(request: HttpRequest) -> HttpResponse:
    """User name and password."""
    target = safe_next(request, request.POST.get("next") or request.GET.get("next"))
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    username = request.POST.get("username", "").strip()[:64]
    context: dict[str, object] = {"next": target, "username": username}
    if request.method == "POST":
        try:
            user = signin.check(request, username, request.POST.get("password", ""))
        except GongfuError as error:
            return _refused(request, "console/sign_in.html", context, error)
        if second_factor.is_on(user):
            second_factor.remember_pending(request, user)
            request.session["sign_in_next"] = target
            return HttpResponseRedirect(reverse("second-factor"))
        second_factor.complete(request, user)
        return HttpResponseRedirect(target)
    return render(request, "console/sign_in.html", context)


@login_not_required
@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """The code of the authenticator, or a recovery code."""
    user = second_factor.pending_user(request)
    if user is None:
        return HttpResponseRedirect(reverse("sign-in"))
    if request.method == "POST":
        try:
            device = second_factor.check(user, request.POST.get("code", "")[:40])
        except GongfuError as error:
            return _refused(request, "console/second_factor.html", {}, error)
        target = safe_next(request, request.session.pop("sign_in_next", None))
        second_factor.complete(request, user, device)
        return HttpResponseRedirect(target)
    return render(request, "console/second_factor.html", {})


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return HttpResponseRedirect(settings.LOGOUT_REDIRECT_URL)


def _refused(request: HttpRequest, template: str, context: dict[str, object], error: GongfuError) -> HttpResponse:
    context["error"] = error.text(translation.get_language())
    return render(request, template, context, status=error.http_status)
