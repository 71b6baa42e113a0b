"""Which values of a record a question is about. Pure."""

from __future__ import annotations

from gongfu.identity.handle import wire


def select(values: tuple[wire.Value, ...], question: wire.ResolveRequest) -> tuple[wire.Value, ...]:
    """The values asked for by index or type; all if neither is named (RFC 3652 §3.2.1).

    Types compare without regard to ASCII case; ``a.`` asks for ``a`` and everything below it (RFC 3651 §3.1).
    """
    if not question.indexes and not question.types:
        return values
    kinds = [kind.upper() for kind in question.types]

    def wanted(value: wire.Value) -> bool:
        return value.index in question.indexes or any(_same_type(kind, value.type.upper()) for kind in kinds)

    return tuple(value for value in values if wanted(value))


def _same_type(asked: str, kind: str) -> bool:
    return kind.startswith(asked) or kind == asked[:-1] if asked.endswith(".") else kind == asked
