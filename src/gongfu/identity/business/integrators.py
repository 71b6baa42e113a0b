"""``/snms/api/v5/template``: templates at the address where integrators of secondary nodes look for them.

The path is the one in use at secondary nodes; its answers are not published, so the shapes here are Gongfu's own:
``{code, message, data}`` with ``code`` 0 for success and the HTTP status otherwise. Signed in by a token of the API.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from gongfu.identity.business import services
from gongfu.identity.business.api import template_out
from gongfu.identity.business.models import Template
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.tokens import TokenAuth
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark

PAGE = 50


@login_not_required
@csrf_exempt
@require_safe
def templates(request: HttpRequest, reference: str = "") -> HttpResponse:
    """A page of the published templates one may use, or the one called ``reference``."""
    user = TokenAuth()(request)
    if not isinstance(user, User):
        return JsonResponse({"code": 401, "message": "Authorization: Bearer gongfu_…", "data": None}, status=401)
    try:
        data = _one(user, reference) if reference else _many(user, request)
    except GongfuError as error:
        status = error.http_status
        return JsonResponse({"code": status, "message": error.text(request.LANGUAGE_CODE), "data": None}, status=status)
    return JsonResponse({"code": 0, "message": "success", "data": data})


def _one(user: User, reference: str) -> dict[str, object]:
    return template_out(services.template(user, reference)).model_dump()


def _many(user: User, request: HttpRequest) -> dict[str, object]:
    number = request.GET.get("page", "1")
    if not (number.isascii() and number.isdigit() and len(number) < 9):
        raise Invalid(mark("The parameter {name} cannot be read."), name="page")
    found = (
        Template.objects.visible_to(user)
        .filter(state=Template.State.PUBLISHED)
        .select_related("organisation")
        .order_by("organisation__code", "code", "version")
    )
    page = Paginator(found, PAGE).get_page(int(number))
    return {
        "total": page.paginator.count,
        "page": page.number,
        "pages": page.paginator.num_pages,
        "items": [template_out(template).model_dump() for template in page],
    }
