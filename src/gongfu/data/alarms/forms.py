"""Rules of the forms that a declaration cannot say."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.alarms import binding
from gongfu.data.alarms.formula import compile_formula
from gongfu.data.alarms.models import AlarmRule, Duty, Outlet
from gongfu.data.alarms.outlets import kinds
from gongfu.data.alarms.rules import Kind
from gongfu.kernel.errors import Invalid
from gongfu.network.models import library


def _types() -> list[tuple[str, str]]:
    return [(one.id, one.name.in_language(get_language() or "")) for one in library.types()]


class RuleForm(forms.ModelForm[AlarmRule]):
    """A rule that can be evaluated and is about something."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        if "type" in self.fields:
            known = [("", ""), *sorted(_types(), key=lambda one: one[1])]
            self.fields["type"].widget = forms.Select(choices=known)

    def clean(self) -> dict[str, object]:
        """Errors beside what is wrong."""
        cleaned = super().clean() or {}
        device, kind = cleaned.get("device"), cleaned.get("kind")
        if not device and not cleaned.get("type"):
            raise ValidationError({"device": _("Choose a device or an information model.")})
        if device is not None and device.organisation_id != getattr(cleaned.get("organisation"), "pk", None):
            raise ValidationError({"device": _("This device belongs to another organisation.")})
        rule = AlarmRule(**{name: value for name, value in cleaned.items() if name != "organisation"})
        rule.organisation_id = getattr(cleaned.get("organisation"), "pk", 0)
        try:
            binding.check_rule(rule)
        except Invalid as error:
            raise ValidationError({"formula" if kind == Kind.FORMULA.value else "kind": error.text()}) from error
        if device is not None:
            names = compile_formula(rule.formula).names if kind == Kind.FORMULA.value else ()
            there = set(device.tags.values_list("key", flat=True))
            for field, keys in (
                ("tag", [rule.tag]),
                ("other", [rule.other]),
                ("gate_tag", [rule.gate_tag]),
                ("formula", names),
            ):
                for key in keys:
                    if key and key not in there:
                        raise ValidationError({field: _("The device has no tag %(key)s.") % {"key": key}})
        return cleaned


class OutletForm(forms.ModelForm[Outlet]):
    """Keys are entered and never shown; what is left empty stays as it is."""

    new_token = forms.CharField(
        label=_("Key or token"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text=_("Also taken out of a pasted address. Empty: as it is."),
    )
    new_secret = forms.CharField(
        label=_("Signing secret"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text=_("Empty: as it is."),
    )

    def clean(self) -> dict[str, object]:
        """Take the token out of a pasted address."""
        cleaned = super().clean() or {}
        kind, address = str(cleaned.get("kind", "")), str(cleaned.get("address", ""))
        if kind and address:
            try:
                cleaned["address"], token = kinds.split(kind, address)
            except Invalid as error:
                raise ValidationError({"address": error.text()}) from error
            self.instance.token = token or str(cleaned.get("new_token") or "") or self.instance.token
            self.instance.secret = str(cleaned.get("new_secret") or "") or self.instance.secret
        return cleaned


class DutyForm(forms.ModelForm[Duty]):
    """Lines of an organisation tell through its own outlets."""

    def clean(self) -> dict[str, object]:
        """Weekdays are digits, the outlet is of the same owner."""
        cleaned = super().clean() or {}
        days = str(cleaned.get("weekdays", ""))
        if not days or set(days) - set("1234567"):
            raise ValidationError({"weekdays": _("Write digits from 1 (Monday) to 7 (Sunday).")})
        outlet, owner = cleaned.get("outlet"), cleaned.get("organisation")
        if outlet is not None and owner is not None and outlet.organisation_id != owner.pk:
            raise ValidationError({"outlet": _("This outlet belongs to another organisation.")})
        return cleaned
