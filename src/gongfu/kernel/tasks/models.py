"""Jobs: background work as people see it."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.models import Organisation, User


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs."""

    def visible_to(self, user: User) -> Self:
        """One's own and those of every visible organisation; all for a platform administrator."""
        if user.is_superuser:
            return self
        visible = Organisation.objects.visible_to(user).values("pk")
        return self.filter(Q(organisation__in=visible) | Q(started_by=user))


class Job(models.Model):
    """One piece of background work that somebody started."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    title = models.CharField(_("name"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING, db_index=True)
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    """Percent."""
    message = models.CharField(_("what it does now"), max_length=300, blank=True)
    organisation = models.ForeignKey(
        Organisation, models.CASCADE, null=True, related_name="+", verbose_name=_("organisation")
    )
    started_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("started by"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    error = models.TextField(_("error"), blank=True)
    result = models.CharField(_("result"), max_length=200, blank=True)
    """Name of the result file below :func:`gongfu.kernel.tasks.services.folder`."""
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    most_attempts = models.PositiveSmallIntegerField(default=1)
    worker = models.CharField(max_length=120, blank=True)
    """host/pid/start of the process that runs it."""
    beat_at = models.DateTimeField(null=True)
    """When that process last said that it lives."""
    queue_id = models.UUIDField(null=True, db_index=True)
    """Its row in the queue of django-tasks."""

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")

    def __str__(self) -> str:
        return self.title
