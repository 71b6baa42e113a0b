"""SQL that makes the audit log append-only, whoever writes to the database."""

from __future__ import annotations

TABLE = "audit_auditentry"
_MESSAGE = "audit entries are never changed or deleted"


def create(vendor: str) -> list[str]:
    """Statements that install the triggers."""
    if vendor == "sqlite":
        return [
            f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON {TABLE} "
            f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'restrict_violation'; END $$",
        f"CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {TABLE} "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {TABLE} "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ]


def drop(vendor: str) -> list[str]:
    """Statements that remove them, for whoever rolls the migration back."""
    if vendor == "sqlite":
        return ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"]
    return [
        f"DROP TRIGGER audit_no_change ON {TABLE}",
        f"DROP TRIGGER audit_no_truncate ON {TABLE}",
        "DROP FUNCTION audit_refuse()",
    ]
