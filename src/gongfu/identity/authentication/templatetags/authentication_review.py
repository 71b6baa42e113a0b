"""Who may open a licence."""

from __future__ import annotations

from django import template

from gongfu.identity.authentication.models import Verification
from gongfu.identity.authentication.workflow import reviews
from gongfu.kernel.accounts.models import User

register = template.Library()


@register.simple_tag(takes_context=True)
def may_open(context: template.Context, application: Verification) -> bool:
    """Whether the reader reviews ``application``."""
    user = getattr(context.get("request"), "user", None)
    return isinstance(user, User) and reviews.test(user, application)
