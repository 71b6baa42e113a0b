"""Forms of business management: codes chosen by name, terms of a review."""

from __future__ import annotations

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.identity.business import classes
from gongfu.identity.business.models import MOST_IDENTIFIERS, MOST_YEARS, Application, Contract, Grant, Template
from gongfu.identity.business.services import Granted


class Suggesting(forms.TextInput):
    """A text with suggestions that the browser offers while somebody types."""

    def __init__(self, choices: list[tuple[str, str]]) -> None:
        super().__init__()
        self.choices = choices

    def render(self, name: str, value: object, attrs: object = None, renderer: object = None) -> SafeString:
        """The input and its list."""
        final = self.build_attrs(self.attrs, attrs if isinstance(attrs, dict) else {})
        final |= {"name": name, "type": "text", "list": f"{name}-known", "value": "" if value is None else str(value)}
        options = format_html_join("", '<option value="{}">{}</option>', self.choices)
        return format_html('<input{}><datalist id="{}">{}</datalist>', flatatt(final), f"{name}-known", options)


class _Coded(forms.ModelForm):  # type: ignore[type-arg]
    """Industry from the list of divisions, region with suggestions."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        language = get_language() or ""
        if "industry" in self.fields:
            grouped: list[tuple[str, object]] = [("", "—"), *classes.industries(language)]
            now = str(self.initial.get("industry") or self.instance.industry or "")
            if now and not any(
                now == code for _name, entries in classes.industries(language) for code, _label in entries
            ):
                grouped.insert(1, (now, f"{now} {classes.industry_name(now, language)}"))
            self.fields["industry"] = forms.ChoiceField(
                label=_("Industry"),
                choices=grouped,
                help_text=_("Division of GB/T 4754-2017."),
            )
        if "region" in self.fields:
            self.fields["region"].widget = Suggesting(classes.districts(language))


class ApplicationForm(_Coded):
    """What an enterprise asks for."""

    class Meta:
        model = Application
        fields = ()


class ContractForm(_Coded):
    """The operator's view of a contract; its prefix stays."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["prefix"].disabled = True

    class Meta:
        model = Contract
        fields = ()


class TemplateForm(_Coded):
    """A template without its fields, which have a page of their own."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "code" in self.fields:
            self.fields["code"].disabled = True

    class Meta:
        model = Template
        fields = ()


class GrantForm(forms.ModelForm[Grant]):
    """Which partner may look, and until when."""

    class Meta:
        model = Grant
        fields = ()
        widgets = {"valid_until": forms.DateInput(attrs={"type": "date"})}


class TermsForm(forms.Form):
    """The terms on which the operator accepts."""

    registrations = forms.IntegerField(
        label=_("Quota of identifiers"), min_value=0, max_value=MOST_IDENTIFIERS, help_text=_("0 for no limit.")
    )
    daily_resolutions = forms.IntegerField(
        label=_("Resolutions a day"), min_value=0, max_value=MOST_IDENTIFIERS, help_text=_("0 for no limit.")
    )
    years = forms.IntegerField(label=_("Period in years"), min_value=1, max_value=MOST_YEARS)
    fee_note = forms.CharField(label=_("Fee"), max_length=200, required=False)
    reason = forms.CharField(label=_("Remark for the enterprise"), max_length=2000, required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"

    @property
    def terms(self) -> Granted:
        """What was entered; the form is valid."""
        given = self.cleaned_data
        return Granted(given["registrations"], given["daily_resolutions"], given["years"], given["fee_note"])
