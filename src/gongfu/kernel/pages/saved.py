"""Saved views of a list."""

from __future__ import annotations

from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import listing
from gongfu.kernel.pages.models import SavedView
from gongfu.kernel.pages.resource import Resource

_MOST = 30


@require_POST
def save_view(request: HttpRequest, resource: Resource[models.Model]) -> HttpResponse:
    """Keep the list's filters under ``name``; with ``delete`` forget the view of that key."""
    user = accounts.user_of(request)
    mine = SavedView.objects.filter(user=user, resource=resource.name)
    forget = request.POST.get("delete", "")
    if forget:
        if forget.isascii() and forget.isdigit() and len(forget) < 19:
            mine.filter(pk=int(forget)).delete()
        return HttpResponseRedirect(resource.list_url())
    name = request.POST.get("name", "").strip().replace("\0", "")
    if not name or len(name) > 60:
        raise Invalid(mark("A view needs a name of up to 60 characters."))
    given = QueryDict(request.POST.get("query", "")[:2000], mutable=True)
    given.pop("page", None)
    listing.parse(resource, listing.parameters(given), user)  # only what the list understands is kept
    if mine.count() >= _MOST:
        raise Invalid(mark("There are {most} saved views already."), remedy=mark("Delete one first."), most=_MOST)
    view, _new = SavedView.objects.update_or_create(
        user=user, resource=resource.name, name=name, defaults={"query": given.urlencode()}
    )
    messages.success(request, _("The view %(name)s was saved.") % {"name": view.name})
    return HttpResponseRedirect(f"{resource.list_url()}?{view.query}")
