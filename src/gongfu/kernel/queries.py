"""What several rooms do with queries of the database."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet

_K = TypeVar("_K", bound=Hashable)


def which(asked: Mapping[_K, QuerySet[Any]]) -> set[_K]:
    """Those of ``asked`` that find something: one question to the database, whatever their number.

    For many that mostly find nothing. The question itself is short; it is the way there and back that takes long.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    sentences: dict[_K, str] = {}
    given: list[Any] = []
    for key, found in asked.items():
        try:
            sentence, parameters = found.query.exists().get_compiler(connection=connection).as_sql()
        except EmptyResultSet:  # it can be seen without asking
            continue
        sentences[key] = f"EXISTS({sentence})"
        given += parameters
    if not sentences:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(sentences.values())}", given)
        answers = cursor.fetchone()
    return {key for key, some in zip(sentences, answers, strict=True) if some}
