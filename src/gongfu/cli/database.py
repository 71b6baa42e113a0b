"""Commands that work on people's records; the only part of the command line that loads Django."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import typer
from rich.console import Console

from gongfu.cli import node_settings
from gongfu.cli.node import Prepared
from gongfu.kernel import logs
from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.settings import Settings


def connect() -> Settings:
    """Load Django for this process; returns the settings."""
    settings = node_settings()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gongfu.console.django_settings")
    import django

    django.setup()
    return settings


def migrate(*, for_supervisor: bool) -> None:
    """Bring the database up to date; on an empty one, make the first administrator and the demonstration."""
    settings = connect()
    from django.core.management import call_command

    from gongfu.kernel.accounts import bus_users
    from gongfu.kernel.accounts import services as accounts

    call_command("migrate", interactive=False, verbosity=0)
    first = accounts.first_run(settings)
    if settings.demonstration:
        from gongfu.console import demonstration

        demonstration.seed(settings)
    bus_users.write()
    if first is None:
        return
    if for_supervisor:
        sys.stdout.buffer.write(msgspec.json.encode(Prepared(first.username, first.password)))
    else:
        text = translate(mark("User name: {username}\nPassword:  {password}\n\nThis password is shown only this once."))
        Console().print(text.format(username=first.username, password=first.password), markup=False, highlight=False)


def pending_migrations() -> list[str]:
    """Names of the migrations that the database lacks."""
    connect()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def set_password(username: str) -> None:
    """Ask twice for a new password and set it; all sessions of the user end. Raises :class:`NotFound`."""
    connect()
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from gongfu.kernel.accounts.models import User
    from gongfu.kernel.audit import services as audit

    user = User.objects.filter(username=username.lower()).first()
    if user is None:
        raise NotFound(
            mark("There is no user {username}."), remedy=mark("The first one is called admin."), username=username
        )
    password = typer.prompt(
        translate(mark("New password")), hide_input=True, confirmation_prompt=translate(mark("Once more"))
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            mark("This password is too weak: {reason}"),
            remedy=mark("Choose a longer one."),
            reason=" ".join(error.messages),
        ) from error
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record("command line", "password", user)
    sys.stdout.write(translate(mark("The password of {username} is changed.")).format(username=user.username) + "\n")


def verify_audit() -> None:
    """Walk the whole audit log; raises :class:`Conflict` naming the first entry that does not fit."""
    connect()
    from gongfu.kernel.audit import services as audit

    report = audit.verify()
    if report.broken is not None:
        raise Conflict(
            mark("Entry {number} of the audit log was changed after it was written: {why}."),
            remedy=mark("The {intact} entries before it are intact. Compare with a backup to see what was changed."),
            number=report.broken,
            why=translate(report.why),
            intact=report.entries,
        )
    text = translate(mark("All {count} entries of the audit log are intact. Last: {head}"))
    sys.stdout.write(text.format(count=report.entries, head=report.head) + "\n")


def replay(file: Path, protocol: str, speed: float, timezone: str) -> None:
    """Make a device of the organisation ``replay`` that speaks ``protocol``, and play ``file`` through it."""
    settings = connect()
    logs.configure(settings, "replay")
    from gongfu.console import replays
    from gongfu.simulators import replay as simulator

    recording = simulator.read(file, timezone or settings.timezone)
    key = simulator.default_key(file, protocol)
    device = simulator.endpoint(settings, recording, protocol, organisation=replays.ORGANISATION, key=key)
    entered = replays.enter(settings, device)
    text = translate(mark("{rows} rows of {columns} tags become {device}: {url}"))
    sys.stdout.write(
        text.format(
            rows=len(recording.rows),
            columns=len(recording.columns),
            device=key,
            url=f"{settings.url}/platform/devices/{entered.pk}/",
        )
        + "\n"
    )
    replays.wait_for_gateway(entered)
    try:
        simulator.play(settings, recording, device, speed)
    finally:
        replays.leave(device, entered)
