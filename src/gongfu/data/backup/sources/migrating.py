"""Tables of an empty database as a snapshot knew them: run in a process of its own, because it loads Django.

Standard input is JSON: pairs of app and migration, in the order in which they were applied.
"""

from __future__ import annotations

import os
import sys

import msgspec


def main() -> None:
    """Migrate every app to where it was, and no further: the rows of then fit the tables of then."""
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=list[tuple[str, str]])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gongfu.console.django_settings")
    import django  # noqa: PLC0415 - the process exists for it

    django.setup()
    from django.db import connection  # noqa: PLC0415 - needs the setup
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    executor = MigrationExecutor(connection)
    known = set(executor.loader.graph.nodes)
    unknown = [f"{app}.{name}" for app, name in wanted if (app, name) not in known]
    if unknown:
        sys.exit(f"this program does not know the migrations {', '.join(unknown[:5])}")
    executor.migrate([(app, name) for app, name in wanted])
