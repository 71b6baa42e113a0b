"""The audit log. Triggers in the database refuse to change or delete an entry."""

from __future__ import annotations

import json
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.texts import action_text


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Audit entries."""

    def visible_to(self, user: User) -> Self:
        """Those of organisations where ``user`` is administrator or auditor, and below; all for the platform's."""
        if user.is_superuser:
            return self
        below = Q()
        for membership in user.memberships_cached:
            if membership.role in (Role.ADMIN, Role.AUDITOR):
                below |= Q(path__startswith=membership.organisation.path)
        if not below:
            return self.none()
        return self.filter(organisation__in=Organisation.objects.filter(below).values("pk"))


class AuditEntry(models.Model):
    """One thing somebody did. The actor is kept as text, so that the entry outlives the account."""

    sequence = models.BigIntegerField(_("number"), primary_key=True)
    time = models.DateTimeField(_("time"), db_index=True)
    actor = models.CharField(_("who"), max_length=64, db_index=True)
    organisation = models.ForeignKey(
        Organisation,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
        verbose_name=_("organisation"),
    )
    action = models.CharField(_("action"), max_length=40, db_index=True)
    object_type = models.CharField(_("kind of thing"), max_length=80)
    object_id = models.CharField(_("key"), max_length=64)
    object_label = models.CharField(_("thing"), max_length=200)
    before = models.TextField(_("before"))
    after = models.TextField(_("after"))
    reason = models.TextField(_("reason"))
    request_id = models.CharField(_("request"), max_length=40)
    address = models.CharField(_("address"), max_length=45)
    previous = models.CharField(_("digest before"), max_length=64, unique=True)
    digest = models.CharField(_("digest"), max_length=64, unique=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-sequence"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            models.Index(fields=["object_type", "object_id", "-sequence"], name="audit_object"),
            models.Index(fields=["organisation", "-sequence"], name="audit_organisation"),
        ]

    @property
    def action_text(self) -> str:
        """What was done, in the reader's language."""
        return action_text(self.action, self.object_type)

    def __str__(self) -> str:
        return f"#{self.sequence} {self.action} {self.object_label}"

    @property
    def difference(self) -> list[tuple[str, object, object]]:
        """Field, value before, value after, of every field that changed."""
        before, after = json.loads(self.before), json.loads(self.after)
        names = [*before, *(name for name in after if name not in before)]
        return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
