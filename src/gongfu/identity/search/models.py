"""How far the search index has come with each prefix."""

from __future__ import annotations

from django.db import models


class IndexedPrefix(models.Model):
    """A prefix whose identifiers were read into the index for ``owner``; without one they are read anew."""

    prefix = models.CharField(max_length=64, unique=True)
    owner = models.PositiveBigIntegerField()
    """Key of the organisation under which its rows stand."""
    shared = models.BooleanField(default=False)
    """Whether there are rows for partners too."""
    after = models.CharField(max_length=300, blank=True)
    """Last identifier read; meaningless once ``complete``."""
    seq = models.PositiveBigIntegerField(default=0)
    """Number of the newest change when reading began: the version of the rows read."""
    complete = models.BooleanField(default=False)

    class Meta:
        verbose_name = "indexed prefix"

    def __str__(self) -> str:
        return self.prefix


class IndexedTemplate(models.Model):
    """A template version that the rows know; identifiers that named it before it was published are read anew."""

    reference = models.CharField(max_length=150, unique=True)

    class Meta:
        verbose_name = "indexed template"

    def __str__(self) -> str:
        return self.reference
