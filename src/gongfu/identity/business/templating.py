"""Keeping templates: store, change fields, next version, import. A published version never changes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from django.db import transaction

from gongfu.identity.business import fields as rules
from gongfu.identity.business import library
from gongfu.identity.business.errors import Published
from gongfu.identity.business.fields import Field, TemplateSpec
from gongfu.identity.business.models import Template
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.workflow import services as workflow


def store(template: Template) -> None:
    """Save a draft; raises :class:`Published` for any other, :class:`Conflict` for a code that is taken."""
    _require_draft(template)
    if template._state.adding:
        taken = Template.objects.filter(organisation=template.organisation, code=template.code)
        if taken.exists():
            raise Conflict(
                mark("{organisation} has a template {code} already."),
                remedy=mark("Make a new version of it, or choose another code."),
                organisation=template.organisation,
                code=template.code,
            )
    template.save()


def change_fields(actor: User | str, template: Template, changed: Sequence[Field]) -> Template:
    """Replace the fields of a draft; raises :class:`Published`, :class:`Forbidden`.

    A draft may be incomplete; :func:`gongfu.identity.business.fields.checked` is asked when it is published.
    """
    with transaction.atomic():
        fresh = Template.objects.select_for_update(of=("self",)).get(pk=template.pk)
        _require(actor, fresh.organisation)
        _require_draft(fresh)
        before = audit.state(fresh)
        fresh.fields = msgspec.to_builtins(rules.numbered(changed))
        fresh.save()
        audit.record(actor, "change", fresh, before=before, after=audit.state(fresh))
    return fresh


def next_version(actor: User, template: Template) -> Template:
    """A draft of the following version with the same fields; the open draft if there is one."""
    _require(actor, template.organisation)
    with transaction.atomic():
        family = Template.objects.filter(organisation=template.organisation, code=template.code)
        newest = family.select_for_update(of=("self",)).order_by("-version").first() or template
        if newest.state == Template.State.DRAFT:
            return newest
        draft = _of_spec(template.spec, template.organisation, newest.version + 1)
        draft.created_by = actor
        draft.save()
        audit.record(actor, "create", draft, after=audit.state(draft))
    return draft


def import_spec(actor: User | str, organisation: Organisation, spec: TemplateSpec) -> Template:
    """A draft from a file: version 1, or the next version of the template with that code. Raises :class:`Forbidden`."""
    _require(actor, organisation)
    spec = rules.checked(spec)
    with transaction.atomic():
        family = Template.objects.filter(organisation=organisation, code=spec.code)
        newest = family.select_for_update(of=("self",)).order_by("-version").first()
        if newest is not None and newest.state == Template.State.DRAFT:
            raise Conflict(
                mark("{template} is still a draft."),
                remedy=mark("Publish or delete it first."),
                template=newest.reference,
            )
        draft = _of_spec(spec, organisation, newest.version + 1 if newest else 1)
        if isinstance(actor, User):
            draft.created_by = actor
        draft.save()
        audit.record(actor, "create", draft, after=audit.state(draft))
    return draft


def import_starter(actor: User | str, organisation: Organisation, code: str) -> Template:
    """A draft from the library; raises :class:`NotFound`, :class:`Conflict` when it is there already."""
    spec = library.starter(code)
    if Template.objects.filter(organisation=organisation, code=code).exists():
        raise Conflict(
            mark("{organisation} has a template {code} already."),
            remedy=mark("Make a new version of it, or choose another code."),
            organisation=organisation,
            code=code,
        )
    return import_spec(actor, organisation, spec)


def publish(actor: User | str, template: Template) -> Template:
    """Publish a draft; a program (a text) may as well as a person. Raises :class:`Invalid`, :class:`Conflict`."""
    if isinstance(actor, User):
        done = workflow.perform(template, "publish", actor)
        if not isinstance(done, Template):
            raise TypeError(type(done))
        return done
    template.check_complete()
    template.state = Template.State.PUBLISHED
    template.save()
    audit.record(actor, "publish", template, after=audit.state(template))
    return template


def find(user: User, key: int) -> Template:
    """The template with this key; raises :class:`NotFound`."""
    found = Template.objects.visible_to(user).select_related("organisation").filter(pk=key).first()
    if found is None:
        raise NotFound(mark("There is no template {key}."), remedy=mark("Look in the list."), key=key)
    return found


def moved(all_fields: Sequence[Field], key: str, by: int) -> list[Field]:
    """The fields with ``key`` moved up (-1) or down (1); unchanged at the end of the list."""
    order = list(all_fields)
    here = next((place for place, field in enumerate(order) if field.key == key), None)
    if here is not None and 0 <= here + by < len(order):
        order[here], order[here + by] = order[here + by], order[here]
    return order


def placed(all_fields: Sequence[Field], field: Field, instead_of: str = "") -> list[Field]:
    """The fields with ``field`` added, or in the place of the one called ``instead_of``; raises :class:`Invalid`."""
    if any(other.key == field.key and other.key != instead_of for other in all_fields):
        raise Invalid(
            mark("Two fields have the key {key}."),
            remedy=mark("Choose another key."),
            key=field.key,
        )
    if instead_of:
        return [
            msgspec.structs.replace(field, help=other.help) if other.key == instead_of else other
            for other in all_fields
        ]
    return [*all_fields, field]


def _of_spec(spec: TemplateSpec, organisation: Organisation, version: int) -> Template:
    return Template(
        organisation=organisation,
        code=spec.code,
        version=version,
        name=spec.name.zh,
        name_en=spec.name.en,
        industry=spec.industry,
        description=spec.description.zh if spec.description else "",
        description_en=spec.description.en if spec.description else "",
        source=spec.source,
        fields=msgspec.to_builtins(spec.fields),
    )


def _require_draft(template: Template) -> None:
    if template.state != Template.State.DRAFT:
        raise Published(
            mark("{template} is published: identifiers follow it, so it cannot be changed."),
            remedy=mark("Make a new version."),
            template=template.reference,
        )


def _require(actor: User | str, organisation: Organisation) -> None:
    if isinstance(actor, User) and not can_edit.test(actor, organisation):
        raise Forbidden(mark("You may not change templates of {organisation}."), organisation=organisation)
