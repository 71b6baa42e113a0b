"""Print labels: from one identifier's page, from the list, by prefix, or from a file."""

from __future__ import annotations

import io

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from gongfu.identity.carriers import services, tasks
from gongfu.identity.carriers.labels import DIRECT, MOST, Content, Symbol
from gongfu.identity.carriers.layouts import LAYOUTS, layout
from gongfu.identity.carriers.services import Order
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.files import download

_MOST_OCTETS = 2_000_000
_SYMBOLS = ((Symbol.QR.value, _("QR code")), (Symbol.DATA_MATRIX.value, _("Data Matrix")))
_CONTENTS = (
    (Content.PAGE.value, _("Address of the public page, which any phone opens")),
    (Content.IDENTIFIER.value, _("The identifier alone")),
    (Content.GS1.value, _("The GS1 key bound to it")),
)


class LabelForm(forms.Form):
    """What to print on what."""

    layout = forms.ChoiceField(label=_("Labels"))
    symbol = forms.ChoiceField(label=_("Symbol"), choices=_SYMBOLS, initial=Symbol.QR.value)
    content = forms.ChoiceField(label=_("The code holds"), choices=_CONTENTS, initial=Content.PAGE.value)
    first = forms.IntegerField(
        label=_("Labels already used"),
        min_value=0,
        max_value=99,
        initial=0,
        help_text=_("On a sheet that was begun, from the upper left, row by row."),
    )
    handles = forms.CharField(
        label=_("Identifiers"),
        required=False,
        max_length=_MOST_OCTETS,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_("One a line."),
    )
    file = forms.FileField(
        label=_("Or a file"),
        required=False,
        help_text=_("Text or CSV in UTF-8; the first column holds the identifiers."),
    )
    under = forms.CharField(
        label=_("Or all under the prefix"), required=False, max_length=64, help_text=_("As in 88.118.1")
    )
    q = forms.CharField(label=_("whose suffix starts with"), required=False, max_length=255)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["layout"].choices = [(found.key, gettext(found.name)) for found in LAYOUTS]  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-select" if name in ("layout", "symbol", "content") else "form-control"

    def order(self) -> Order:
        """What was sent; raises :class:`Invalid` for a file that is no text."""
        sent = self.cleaned_data
        text = sent["handles"]
        if isinstance(sent["file"], UploadedFile):
            text = _text(sent["file"])
        return Order(
            layout(sent["layout"]),
            Symbol(sent["symbol"]),
            Content(sent["content"]),
            sent["first"],
            services.handles_in(text),
            sent["under"].strip(),
            sent["q"].strip(),
        )


def _text(file: UploadedFile[bytes]) -> str:
    if (file.size or 0) > _MOST_OCTETS:
        raise Invalid(mark("The file is larger than {limit} bytes."), remedy=mark("Divide it."), limit=_MOST_OCTETS)
    try:
        return str(file.read(), "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(
            mark("The file is not text in UTF-8."), remedy=mark("Save it as CSV UTF-8 and choose it again.")
        ) from error


@require_http_methods(["GET", "HEAD", "POST"])
def labels_page(request: HttpRequest) -> HttpResponseBase:
    """The form; sent, the PDF itself or, for more than a hundred labels, a job."""
    user, scope = accounts.user_of(request), accounts.active_organisation(request)
    if request.method != "POST":
        initial = {
            "handles": "\n".join(request.GET.getlist("handle")[:MOST]),
            "under": request.GET.get("prefix", ""),
            "q": request.GET.get("q", ""),
        }
        return _form(request, LabelForm(initial=initial))
    form = LabelForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form(request, form, 422)
    try:
        return _printed(request, user, form.order(), scope)
    except GongfuError as error:
        form.add_error(None, error.text(get_language()))
        return _form(request, form, error.http_status)


def _printed(request: HttpRequest, user: User, order: Order, scope: Organisation | None) -> HttpResponseBase:
    if not order.one_by_one and not order.prefix and not order.search:
        services.require_printable(0)
    number = services.count(user, order, scope)
    services.require_printable(number)
    if number > DIRECT:
        return redirect("tasks-jobs-detail", tasks.start(user, order, scope))
    file = io.BytesIO()
    services.write(user, order, file, scope=scope)
    file.seek(0)
    return download(request, file, "labels.pdf", "application/pdf")


def _form(request: HttpRequest, form: LabelForm, status: int = 200) -> HttpResponse:
    sections = [
        (gettext("What to print"), [form[name] for name in ("handles", "file", "under", "q")]),
        (gettext("How"), [form[name] for name in ("layout", "symbol", "content", "first")]),
    ]
    return render(
        request, "carriers/labels.html", {"form": form, "sections": sections, "direct": DIRECT}, status=status
    )


urlpatterns = [path("identity/labels", labels_page, name="identity-labels")]
