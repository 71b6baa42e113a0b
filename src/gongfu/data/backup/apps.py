"""Django's handle on the module."""

from django.apps import AppConfig


class BackupConfig(AppConfig):
    """Backups in the console; no tables of its own: what became of them lies outside the database."""

    name = "gongfu.data.backup"
    label = "backup"
