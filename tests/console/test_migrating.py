"""``migrate`` makes everything the models declare, however little of it is rendered on the way."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import get_commands
from django.db import connection
from django.db.models import BaseConstraint, Index

pytestmark = pytest.mark.django_db


def _unknown_here(declared: Index | BaseConstraint) -> bool:
    """SQLite takes one empty value for different from another; there the form asks."""
    return (
        getattr(declared, "nulls_distinct", None) is not None
        and not connection.features.supports_nulls_distinct_unique_constraints
    )


def test_the_database_has_every_column_index_and_constraint_of_the_models() -> None:
    assert get_commands()["migrate"] == "gongfu.console"  # and the suite's database was made by it
    looked = 0
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            meta = model._meta
            if meta.proxy or not meta.managed:
                continue
            table = connection.introspection.get_table_description(cursor, meta.db_table)
            assert {column.name for column in table} == {field.column for field in meta.concrete_fields}, meta.label
            found = connection.introspection.get_constraints(cursor, meta.db_table)
            declared = {one.name for one in (*meta.indexes, *meta.constraints) if not _unknown_here(one)}
            assert declared <= found.keys(), meta.label
            for field in meta.concrete_fields:
                kinds = [one for one in found.values() if one["columns"] == [field.column]]
                if field.unique:
                    assert any(one["unique"] or one["primary_key"] for one in kinds), field
                if getattr(field, "db_constraint", False):
                    assert any(one["foreign_key"] for one in kinds), field
            looked += len(declared)
    assert looked > 80
