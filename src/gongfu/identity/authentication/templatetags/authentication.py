"""The part of an identifier's public page that says who stands behind it."""

from __future__ import annotations

from typing import TypedDict

from django import template
from django.urls import reverse
from django.utils.http import urlencode

from gongfu.identity.authentication import services
from gongfu.identity.authentication.services import Verified
from gongfu.identity.registry import services as registry
from gongfu.kernel.errors import GongfuError

register = template.Library()


class _Context(TypedDict):
    verified: Verified | None
    proof: str
    check: str


@register.inclusion_tag("authentication/_proof.html")
def proof_of(handle: str) -> _Context:
    """Whether the enterprise is verified, and a signed proof to check or take along."""
    record = registry.resolve_local(handle)
    owner = registry.owner_of(record) if record is not None else None
    try:
        made = services.prove(handle)
    except GongfuError:  # an unreadable key must not take the page away
        made = ""
    found = services.verified(owner) if owner is not None else None
    return {"verified": found, "proof": made, "check": f"{reverse('identity-verify')}?{urlencode({'proof': made})}"}
