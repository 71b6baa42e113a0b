"""What the hierarchy adds to the page of a prefix: where it is served."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gongfu.identity.handle import site
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.services import Prefix
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.pages.resource import Tab
from gongfu.kernel.settings import settings


def _context(request: HttpRequest, prefix: Prefix) -> Mapping[str, object]:
    return {
        "sites": registry.served_at(prefix.name),
        "prefix_handle": site.prefix_handle(prefix.name),
        "here": f"{settings().host}:{settings().handle_port}",
        "may_delegate": is_platform_admin.test(accounts.user_of(request), prefix),
    }


TABS = {Prefix: [Tab("served", _("Where it is served"), "hierarchy/served_tab.html", _context)]}
