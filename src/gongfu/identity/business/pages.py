"""Applications, contracts, templates and grants in the console; the pages of their own are listed at the end."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models
from django.http import HttpRequest
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from rules.predicates import Predicate

from gongfu.identity.business import designer, integrators, own_pages, report_pages, services, templating
from gongfu.identity.business.forms import ApplicationForm, ContractForm, GrantForm, TemplateForm, TermsForm
from gongfu.identity.business.models import Application, Contract, Grant, Template
from gongfu.identity.business.story import story
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, everyone, is_platform_admin, nobody
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section, Tab


def _may_change_application(user: User, thing: object = None) -> bool:
    open_still = not isinstance(thing, Application) or thing.editable
    return open_still and bool(can_edit.test(user, thing))


def _may_change_template(user: User, thing: object = None) -> bool:
    draft = not isinstance(thing, Template) or thing.state == Template.State.DRAFT
    return draft and bool(can_edit.test(user, thing))


def _application_story(request: HttpRequest, application: Application) -> dict[str, object]:
    things = [application, application.contract] if application.contract else [application]
    return {"events": story(things), "facts": _facts(application)}


def _contract_story(request: HttpRequest, contract: Contract) -> dict[str, object]:
    applications = list(contract.applications.order_by("-pk")[:20])
    return {
        "events": story([contract, *applications]),
        "applications": applications,
        "contract_use": own_pages.use_of(contract),
        "may_renew": can_edit.test(accounts.user_of(request), contract),
    }


def _review(request: HttpRequest, application: Application) -> dict[str, object]:
    names = ("registrations", "daily_resolutions", "years", "fee_note")
    return {"form": TermsForm(initial={name: getattr(application, name) for name in names})}


def _in_review(user: User, thing: object = None) -> bool:
    waits = isinstance(thing, Application) and thing.state == Application.State.SUBMITTED
    return waits and bool(is_platform_admin.test(user, thing))


def _facts(application: Application) -> list[tuple[object, object]]:
    names = ("enterprise", "credit_code", "contact_name", "contact_phone", "contact_email", "intended_use")
    shown: list[tuple[object, object]] = [
        (application._meta.get_field(name).verbose_name, getattr(application, name))  # type: ignore[union-attr]
        for name in names
    ]
    shown += [(_("Industry"), application.industry_name), (_("Region"), application.region_name)]
    return [(label, value or "—") for label, value in shown]


def _state(thing: Application | Contract | Template) -> str:
    shapes = {"submitted": "connecting", "returned": "uncertain", "rejected": "bad", "revoked": "bad"}
    shapes |= dict.fromkeys(("allotted", "active", "published"), "good") | {"suspended": "uncertain"}
    return format_html(
        '<span class="state state-{}">{}</span>', shapes.get(thing.state, "stale"), thing.get_state_display()
    )


def _save_application(application: Application, user: User, new: bool) -> None:
    services.store_application(application, user)


def _save_contract(contract: Contract, user: User, new: bool) -> None:
    if new:
        contract.organisation = contract.prefix.organisation
    contract.save()
    contract.write_limits()


def _save_grant(grant: Grant, user: User, new: bool) -> None:
    services.store_grant(grant, user)


def _applications_lead(request: HttpRequest) -> str:
    user = accounts.user_of(request)
    number = services.waiting(user).count()
    if is_platform_admin.test(user, None):
        return ngettext("%(n)d application waits for review", "%(n)d applications wait for review", number) % {
            "n": number
        }
    return ngettext("%(n)d application waits for you", "%(n)d applications wait for you", number) % {"n": number}


APPLICATIONS: Resource[Application] = Resource(
    model=Application,
    room="identity",
    slug="applications",
    icon="clipboard-list",
    columns=[
        Column("enterprise"),
        Column("kind"),
        Column("state", render=_state),
        Column("industry", render=lambda thing: thing.industry_name),
        Column("region", render=lambda thing: thing.region_name),
        Column("registrations"),
        Column("submitted_at"),
        Column("organisation", shown=False),
        Column("credit_code", shown=False),
        Column("created_at", shown=False),
    ],
    search=["enterprise", "credit_code", "contact_name"],
    filters=["state", "kind", "organisation"],
    ordering="-created_at",
    form=[
        Section(
            _("Enterprise"),
            ["organisation", "enterprise", "credit_code", "industry", "region"],
            _("As on the business licence. The operator checks it before anything is allotted."),
        ),
        Section(_("Contact"), ["contact_name", "contact_phone", "contact_email"]),
        Section(
            _("What it is for"),
            ["intended_use", "registrations", "daily_resolutions", "years", "wished"],
            _("Say how much you expect: the quotas of the contract follow from it, and can be raised later."),
        ),
    ],
    form_class=ApplicationForm,
    detail=[
        "organisation",
        "kind",
        "state",
        "enterprise",
        "credit_code",
        "industry",
        "region",
        "contact_name",
        "contact_phone",
        "contact_email",
        "intended_use",
        "registrations",
        "daily_resolutions",
        "years",
        "fee_note",
        "wished",
        "contract",
        "submitted_at",
        "decided_at",
        "decided_by",
        "remark",
    ],
    permissions=Permissions(change=Predicate(_may_change_application, name="may_change_application"), delete=nobody),
    save=_save_application,
    summary="business/application_summary.html",
    tabs=[
        Tab("story", _("Story"), "business/story.html", _application_story),
        Tab("review", _("Review"), "business/review.html", _review, may=Predicate(_in_review, name="in_review")),
    ],
    lead=_applications_lead,
    empty=_("An enterprise applies here for a prefix of its own. Fill in the form and submit it for review."),
)

CONTRACTS: Resource[Contract] = Resource(
    model=Contract,
    room="identity",
    slug="contracts",
    icon="clipboard-list",
    columns=[
        Column("prefix", render=lambda thing: thing.prefix.name),
        Column("enterprise"),
        Column("state", render=_state),
        Column("use", _("Identifiers"), template="business/use_cell.html", export=lambda thing: thing.identifiers),
        Column("registrations", shown=False),
        Column("ends_on"),
        Column("industry", render=lambda thing: thing.industry_name),
        Column("region", render=lambda thing: thing.region_name, shown=False),
        Column("daily_resolutions", shown=False),
    ],
    search=["enterprise", "credit_code", "prefix__name"],
    filters=["state", "organisation", "ends_on"],
    ordering="ends_on",
    queryset=services.contracts,
    form=[
        Section(_("Contract"), ["prefix", "starts_on", "ends_on", "registrations", "daily_resolutions", "fee_note"]),
        Section(_("Enterprise"), ["enterprise", "credit_code", "industry", "region"]),
        Section(_("Contact"), ["contact_name", "contact_phone", "contact_email"]),
    ],
    form_class=ContractForm,
    permissions=Permissions(add=is_platform_admin, change=is_platform_admin, delete=nobody),
    save=_save_contract,
    summary="business/contract_summary.html",
    tabs=[Tab("story", _("Story"), "business/contract.html", _contract_story)],
    empty=_("A contract says how long and how much an enterprise may use its prefix. It begins with an application."),
)

TEMPLATES: Resource[Template] = Resource(
    model=Template,
    room="identity",
    slug="templates",
    icon="list-check",
    columns=[
        Column("name"),
        Column("code"),
        Column("version"),
        Column("state", render=_state),
        Column("industry", render=lambda thing: thing.industry_name),
        Column("fields", _("Fields"), render=lambda thing: len(thing.fields), export=lambda thing: len(thing.fields)),
        Column("organisation"),
        Column("source", shown=False),
    ],
    search=["name", "name_en", "code", "source"],
    filters=["state", "organisation"],
    ordering="code",
    form=[
        Section(
            _("Template"),
            ["organisation", "code", "name", "name_en", "industry", "description", "description_en", "source"],
            _("Fields are added on the next page."),
        )
    ],
    form_class=TemplateForm,
    detail=["organisation", "code", "version", "state", "name", "name_en", "industry", "description", "source"],
    permissions=Permissions(
        view=everyone,
        change=Predicate(_may_change_template, name="may_change_template"),
        delete=Predicate(_may_change_template, name="may_change_template"),
    ),
    save=lambda template, user, new: templating.store(template),
    summary="business/template_summary.html",
    tabs=[
        Tab("fields", _("Fields"), "business/template_fields.html", designer.fields_context, may=everyone),
        Tab(
            "preview", _("Preview of the public page"), "business/preview.html", designer.preview_context, may=everyone
        ),
        Tab("difference", _("Differences"), "business/difference.html", designer.difference_context, may=everyone),
    ],
    empty=_("A template says which fields the identifiers of a class of things have. Begin with one of the library."),
)

GRANTS: Resource[Grant] = Resource(
    model=Grant,
    room="identity",
    slug="grants",
    icon="affiliate",
    columns=[
        Column("prefix", render=lambda thing: thing.prefix.name),
        Column("partner"),
        Column("valid_until"),
        Column("note"),
        Column("organisation"),
    ],
    search=["partner", "note", "prefix__name"],
    filters=["organisation"],
    form=[
        Section(
            _("Grant"),
            ["prefix", "partner", "valid_until", "note"],
            _("Members of the partner's organisation read public and partner fields under this prefix, nothing else."),
        )
    ],
    form_class=GrantForm,
    save=_save_grant,
    empty=_("Let a partner read the fields of your identifiers that are granted to partners."),
)

RESOURCES: Sequence[Resource[models.Model]] = (APPLICATIONS, CONTRACTS, TEMPLATES, GRANTS)  # type: ignore[assignment]

urlpatterns = [
    path("identity/", own_pages.overview_page, name="identity-overview"),
    path("identity/mine/", own_pages.mine_page, name="identity-mine"),
    path("identity/applications/<int:pk>/accept", own_pages.accept_page, name="identity-applications-accept"),
    path("identity/contracts/<int:pk>/renew", own_pages.renew_page, name="identity-contracts-renew"),
    path("identity/templates/library", designer.library_page, name="identity-templates-library"),
    path("identity/templates/import", designer.import_page, name="identity-templates-import"),
    path("identity/templates/<int:pk>/design", designer.design_page, name="identity-templates-design"),
    path("identity/templates/<int:pk>/template.json", designer.export_page, name="identity-templates-json"),
    path("identity/templates/<int:pk>/next", designer.next_page, name="identity-templates-next"),
    path("identity/templates/<int:pk>/register", designer.register_page, name="identity-templates-register"),
    path("snms/api/v5/template", integrators.templates, name="identity-snms-templates"),
    path("snms/api/v5/template/<path:reference>", integrators.templates, name="identity-snms-template"),
    path("identity/reports/", report_pages.report_page, name="identity-reports"),
    path("identity/reports/export.<str:kind>", report_pages.export_page, name="identity-reports-export"),
]
