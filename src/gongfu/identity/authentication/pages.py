"""Real-name reviews in the console; and checking a proof, for everybody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from gongfu.identity.authentication import licence, services
from gongfu.identity.authentication.jws import MAX_LENGTH
from gongfu.identity.authentication.models import Verification
from gongfu.identity.authentication.workflow import reviews
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_administer, is_platform_admin
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, GongfuError, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.files import download
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section


class VerificationForm(forms.ModelForm[Verification]):
    """Also looks into the licence."""

    class Meta:
        widgets = {"licence": forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg"})}

    def clean_credit_code(self) -> str:
        """Upper case, as it is printed."""
        return str(self.cleaned_data["credit_code"]).upper()

    def clean_licence(self) -> object:
        """A new file must be what it says it is; it gets the suffix of what it is."""
        file = self.cleaned_data["licence"]
        if isinstance(file, UploadedFile):
            try:
                suffix, _media = licence.kind_of(file.read(16), file.size or 0)
            except GongfuError as error:
                raise ValidationError(error.text(get_language())) from error
            file.seek(0)
            file.name = f"licence.{suffix}"
        return file


def _save(application: Verification, _user: User, _new: bool) -> None:
    services.place(application)


VERIFICATIONS: Resource[Verification] = Resource(
    model=Verification,
    room="identity",
    slug="verifications",
    icon="shield-check",
    columns=[
        Column("legal_name"),
        Column("organisation"),
        Column("credit_code"),
        Column("state"),
        Column("submitted_at"),
        Column("valid_until"),
        Column("representative", shown=False),
        Column("created_at", shown=False),
    ],
    search=["legal_name", "credit_code", "organisation__name"],
    filters=["state", "organisation"],
    ordering="-created_at",
    form=[
        Section(
            _("Enterprise"),
            ["organisation", "legal_name", "credit_code", "representative"],
            _("As they stand on the business licence. After the review everybody sees name and code as verified."),
        ),
        Section(_("Proof"), ["licence"]),
    ],
    form_class=VerificationForm,
    detail=[
        "legal_name",
        "organisation",
        "credit_code",
        "representative",
        "state",
        "submitted_at",
        "decided_at",
        "decided_by",
        "reason",
        "valid_until",
        "created_by",
        "created_at",
    ],
    permissions=Permissions(add=can_administer, change=can_administer, delete=is_platform_admin),
    save=_save,
    summary="authentication/summary.html",
    api=False,
    empty=_("An enterprise shows its business licence once; after the review its identifiers are marked as verified."),
)
RESOURCES: Sequence[Resource[models.Model]] = (VERIFICATIONS,)  # type: ignore[assignment]


@require_GET
def licence_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The licence, for reviewers; each look is in the audit log."""
    user = accounts.user_of(request)
    found = Verification.objects.visible_to(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no application {key}."), remedy=mark("Look in the list."), key=pk)
    if not reviews.test(user, found):
        raise Forbidden(mark("Only reviewers open a licence."))
    try:
        file = found.licence.open("rb")
    except OSError as error:
        raise NotFound(mark("The licence is not there any more.")) from error
    with transaction.atomic():
        audit.record(user, "open-licence", found, request=request)
    suffix, media = licence.kind_of(file.read(16), 0)
    file.seek(0)
    answer = download(request, file, f"licence-{found.pk}.{suffix}", media)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def verify_page(request: HttpRequest) -> HttpResponse:
    """Check a proof that was pasted, or that a scanned code brought here."""
    text = (request.POST if request.method == "POST" else request.GET).get("proof", "").strip()
    context: dict[str, object] = {"text": text[:MAX_LENGTH], "checked": None, "user_may_rotate": False}
    if text:
        checked = services.check(text[: MAX_LENGTH + 1])
        context["checked"] = checked
        if checked.error is not None:
            context["why"], context["remedy"] = checked.error.parts(get_language())
        if checked.statement is not None:
            context["issued"] = _moment(checked.statement.iat)
            context["expires"] = _moment(checked.statement.exp)
    if isinstance(request.user, User):
        context["user_may_rotate"] = is_platform_admin.test(request.user, None)
    answer = render(request, "authentication/verify.html", context)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@login_not_required
@require_safe
def keys_file(_request: HttpRequest) -> HttpResponse:
    """The node's public keys (RFC 7517)."""
    services.keyring().current()
    body = msgspec.json.encode(services.keyring().published())
    answer = HttpResponse(body, content_type="application/jwk-set+json")
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


@require_POST
def rotate_page(request: HttpRequest) -> HttpResponse:
    """A new signing key."""
    name = services.rotate(accounts.user_of(request))
    messages.success(request, gettext("This node signs with the new key %(name)s.") % {"name": name})
    return HttpResponseRedirect(reverse("identity-verify"))


def _moment(seconds: int) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None


urlpatterns = [
    path("verify", verify_page, name="identity-verify"),
    path("verify/rotate", rotate_page, name="identity-verify-rotate"),
    path(".well-known/gongfu-keys.json", keys_file, name="identity-keys"),
    path("identity/verifications/<int:pk>/licence", licence_file, name="identity-verification-licence"),
]
