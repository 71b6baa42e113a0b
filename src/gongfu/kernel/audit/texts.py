"""What people are told that somebody did."""

from __future__ import annotations

from django.apps import apps
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.i18n import translate
from gongfu.kernel.workflow.steps import steps_of

_ACTIONS = {
    "create": _("Create"),
    "change": _("Change"),
    "delete": _("Delete"),
    "register": _("Register"),
    "remove": _("Remove"),
    "delegate": _("Delegate"),
    "undelegate": _("Take back"),
    "sign_in": _("Sign-in"),
    "sign_in_failed": _("Failed sign-in"),
    "sign_out": _("Sign-out"),
    "password": _("Password change"),
    "second_factor_on": _("Second factor on"),
    "second_factor_off": _("Second factor off"),
    "scan": _("Scan of the network"),
    "scan_stopped": _("Scan stopped"),
    "scan_ended": _("Scan ended"),
    "recovery_codes": _("New recovery codes"),
}


def action_text(action: str, object_type: str) -> str:
    """Words for ``action``; a step of a workflow is called as on its button, anything else as it is written."""
    if action in _ACTIONS:
        return str(_ACTIONS[action])
    try:
        model = apps.get_model(object_type)
    except (LookupError, ValueError):
        return action  # of a module that is gone
    named: dict[str, str] = getattr(model, "ACTIONS", {})
    if action in named:
        return translate(named[action])
    return next((str(step.label) for step in steps_of(model) if step.name == action), action)
