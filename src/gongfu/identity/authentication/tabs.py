"""What the page of an organisation says of its real-name review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gongfu.identity.authentication import services
from gongfu.identity.authentication.models import Verification
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.pages.resource import Tab


def _context(_request: HttpRequest, organisation: Organisation) -> Mapping[str, object]:
    return {
        "verified": services.verified(organisation),
        "applications": Verification.objects.filter(organisation=organisation)[:20],
    }


TABS: dict[type[Organisation], Sequence[Tab[Organisation]]] = {
    Organisation: [Tab("verification", _("Real-name review"), "authentication/tab.html", _context)]
}
