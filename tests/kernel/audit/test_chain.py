"""What the audit log promises: nothing is changed, nothing is missing, nobody's secret is in it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from sample.models import Line

from gongfu.kernel.audit import rules, services, triggers
from gongfu.kernel.audit.models import AuditEntry


def record(world: Any, number: int = 1) -> None:
    for index in range(number):
        services.record(world.engineer, "change", world.pumps, before={"name": index}, after={"name": index + 1})


def test_the_digest_of_a_known_entry_never_changes() -> None:
    """Golden: sha256sum over the JSON written by hand; entries of old nodes must verify for ever."""
    link = rules.Link(
        1,
        rules.GENESIS,
        "2026-11-20T06:05:00.000000+00:00",
        "王工",
        2,
        "change",
        "sample.machine",
        "7",
        "泵 1",
        '{"power":1.5}',
        '{"power":2.5}',
        "",
        "0123456789abcdef",
        "127.0.0.1",
    )
    assert rules.digest(link) == "495140bb0b12ed9558943937fc62df3b49fa682a86c0ce8bcb96a76e40e837da"


def test_a_chain_verifies_and_names_its_head(world: Any) -> None:
    record(world, 5)
    report = services.verify()
    assert (report.entries, report.broken) == (5, None)
    assert report.head == AuditEntry.objects.first().digest  # type: ignore[union-attr]


@pytest.mark.parametrize("statement", ["UPDATE audit_auditentry SET actor = 'x'", "DELETE FROM audit_auditentry"])
def test_the_database_refuses_to_change_or_delete(world: Any, statement: str) -> None:
    record(world, 2)
    with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
        connection.cursor().execute(statement)
    assert services.verify().entries == 2


@pytest.mark.parametrize(
    ("statement", "broken", "why"),
    [
        ("UPDATE audit_auditentry SET actor = 'somebody' WHERE sequence = 3", 3, "its content was changed"),
        ("DELETE FROM audit_auditentry WHERE sequence = 3", 4, "the entry before it is missing"),
        ("UPDATE audit_auditentry SET previous = 'x', digest = 'y' WHERE sequence = 2", 2, "does not follow"),
    ],
)
def test_whoever_gets_around_the_database_is_found(world: Any, statement: str, broken: int, why: str) -> None:
    record(world, 5)
    with connection.cursor() as cursor:
        for sql in [*triggers.drop(connection.vendor), statement, *triggers.create(connection.vendor)]:
            cursor.execute(sql)
    report = services.verify()
    assert report.broken == broken
    assert why in report.why


def test_secrets_are_masked_and_unstorable_text_is_cleaned(world: Any) -> None:
    entry = services.record(
        world.engineer,
        "change",
        world.pumps,
        before={"password": "hunter2"},
        after={"api_key": "k", "name": "a\0\ud800"},
    )
    assert "hunter2" not in entry.before
    assert entry.after == '{"api_key":"••••••","name":"a�?"}'
    assert services.verify().broken is None


def test_an_entry_rolls_back_with_its_change(world: Any) -> None:
    def fail() -> None:
        with transaction.atomic():
            record(world)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert services.verify().entries == 0


@pytest.mark.django_db(transaction=True)
def test_eight_writers_at_once_make_one_chain() -> None:
    from gongfu.kernel.accounts import services as accounts

    organisation = accounts.create_organisation("plant", "工厂")
    user = accounts.create_user("writer", None)
    failures: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(10):
                with transaction.atomic():
                    line = Line.objects.create(name="L", organisation=organisation)
                    services.record(user, "create", line, after=services.state(line))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    report = services.verify()
    assert (report.entries, report.broken) == (80, None)


def test_only_administrators_and_auditors_of_the_organisation_read_it(world: Any) -> None:
    record(world)
    seen = {user: AuditEntry.objects.visible_to(user).count() for user in (world.auditor, world.engineer, world.rival)}
    assert list(seen.values()) == [1, 0, 0]
    assert AuditEntry.objects.visible_to(world.root).count() == 1
