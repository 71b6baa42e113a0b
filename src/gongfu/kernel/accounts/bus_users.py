"""Devices of a new organisation may connect at once: the bus's list of users follows the organisations."""

from __future__ import annotations

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from gongfu.kernel import nats_server
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.settings import settings


def follow() -> None:
    """Write the list again whenever an organisation is created or deleted; called once, when Django is ready."""
    post_save.connect(_saved, sender=Organisation, dispatch_uid="bus users")
    post_delete.connect(_deleted, sender=Organisation, dispatch_uid="bus users")


def write() -> None:
    """Let exactly the organisations of the database connect; with a bus of one's own (bus_url) its operator does."""
    node = settings()
    if not node.bus_url:
        nats_server.write_users(node.home, Organisation.objects.values_list("code", flat=True))


def _saved(created: bool = False, **_: object) -> None:
    if created:
        transaction.on_commit(write)


def _deleted(**_: object) -> None:
    transaction.on_commit(write)
