"""Organisations, users, roles and API tokens in the console and the API."""

from __future__ import annotations

import secrets

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from gongfu.kernel.accounts import services, tokens
from gongfu.kernel.accounts.models import ApiToken, Membership, Organisation, User
from gongfu.kernel.accounts.permissions import can_administer, is_platform_admin, manages_user
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Action, Column, Permissions, Resource, Section


def _save_user(user: User, actor: User, new: bool) -> None:
    """A new user may sign in after somebody has set a password, and begins as a viewer where its maker administers."""
    if new:
        user.set_unusable_password()
    user.save()
    if new and not actor.is_superuser:
        own = next(m.organisation for m in actor.memberships_cached if m.role == Role.ADMIN)
        Membership.objects.create(user=user, organisation=own, role=Role.VIEWER.value)


def _new_password(_actor: User, user: User) -> str:
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save()
    text = gettext("The new password of %(user)s is %(password)s. It is shown only this once.")
    return text % {"user": user.username, "password": password}


ORGANISATIONS: Resource[Organisation] = Resource(
    model=Organisation,
    room="accounts",
    slug="organisations",
    icon="building",
    columns=[
        Column("name", render=str),
        Column("code"),
        Column("kind"),
        Column("parent"),
        Column("created_at", shown=False),
    ],
    search=["name", "name_en", "code", "credit_code"],
    filters=["kind", "parent"],
    form=[
        Section(_("Organisation"), ["name", "name_en", "code", "kind", "parent"]),
        Section(_("Registration"), ["credit_code"]),
    ],
    permissions=Permissions(add=is_platform_admin, change=is_platform_admin, delete=is_platform_admin),
    owner_path="path",
    detail=["name", "name_en", "code", "kind", "parent", "credit_code", "created_at"],
    empty=_("Everything here belongs to an organisation: the operator of this node, an enterprise, a department."),
)
USERS: Resource[User] = Resource(
    model=User,
    room="accounts",
    slug="users",
    icon="users",
    columns=[
        Column("username"),
        Column("display_name"),
        Column("is_active"),
        Column("is_superuser"),
        Column("last_login"),
        Column("created_at", shown=False),
    ],
    search=["username", "display_name"],
    filters=["is_active", "is_superuser"],
    form=[Section(_("Person"), ["username", "display_name", "language", "is_active"])],
    permissions=Permissions(add=manages_user, change=manages_user, delete=is_platform_admin),
    actions=[Action("password", _("Set new password"), _new_password, may=manages_user, dangerous=True, icon="key")],
    detail=["username", "display_name", "language", "is_active", "is_superuser", "last_login", "created_at"],
    save=_save_user,
    empty=_("People who sign in. Create one, set a password and give it a role in an organisation."),
)
MEMBERSHIPS: Resource[Membership] = Resource(
    model=Membership,
    room="accounts",
    slug="roles",
    icon="id-badge",
    columns=[Column("user"), Column("role"), Column("organisation")],
    search=["user__username", "user__display_name", "organisation__name"],
    filters=["role", "organisation", "user"],
    form=[Section(_("Role"), ["user", "organisation", "role"])],
    permissions=Permissions(add=can_administer, change=can_administer, delete=can_administer),
    detail=["user", "organisation", "role"],
    empty=_("What a person may do in an organisation."),
)
RESOURCES = [ORGANISATIONS, USERS, MEMBERSHIPS]


@require_http_methods(["GET", "POST"])
def tokens_page(request: HttpRequest) -> HttpResponse:
    """One's API tokens; a new one is shown once, in the answer to creating it."""
    user = services.user_of(request)
    text = ""
    if request.method == "POST":
        name = request.POST.get("name", "").strip().replace("\0", "")
        if not 1 <= len(name) <= 60:
            raise Invalid(mark("A token needs a name of up to 60 characters."))
        if user.api_tokens.count() >= 50:
            raise Invalid(mark("There are 50 tokens already."), remedy=mark("Revoke one first."))
        days = request.POST.get("days", "")
        token, text = tokens.create(
            user,
            name,
            read_only=request.POST.get("may_write") != "on",
            days=int(days) if days in ("30", "90", "365") else None,
        )
        audit.record(user, "create", token, after=audit.state(token), request=request)
    context = {"tokens": user.api_tokens.all(), "created": text}
    return render(request, "accounts/tokens.html", context)


@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a token worthless at once."""
    user = services.user_of(request)
    token = ApiToken.objects.filter(user=user, pk=pk).first()
    if token is None:
        raise NotFound(mark("There is no token {key}."), key=pk)
    audit.record(user, "delete", token, before=audit.state(token), request=request)
    token.delete()
    messages.success(request, _("%(thing)s was deleted.") % {"thing": token.name})
    return HttpResponseRedirect("/me/tokens/")


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Look at one organisation, or at all (empty)."""
    text = request.POST.get("organisation", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound(mark("There is no organisation {id}."), id=text[:20])
    services.switch_organisation(request, int(text) if text else None)
    target = request.POST.get("next", "")
    mine = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(target if mine else "/")


urlpatterns = [
    path("me/tokens/", tokens_page, name="tokens"),
    path("me/tokens/<int:pk>/revoke", revoke_token, name="token-revoke"),
    path("me/organisation", switch, name="organisation-switch"),
]
