"""Rows that the database itself keeps as they are: signed opinions, addenda, the audit trail.

The services never change them; this holds against mistakes in services too. On SQLite a later step that copies one of
these tables (batch mode) loses its triggers and has to make them again.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GUARDS = (
    ("opinion", "UPDATE", "OLD.state = 'signed'"),
    ("addendum", "UPDATE", None),
    ("audit_event", "UPDATE", None),
    ("audit_event", "DELETE", None),
)


def upgrade() -> None:
    """One trigger for each table and kind of change."""
    on_postgres = op.get_bind().dialect.name == "postgresql"
    if on_postgres:
        op.execute(
            "CREATE FUNCTION tele_row_is_fixed() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'rows of % are fixed', TG_TABLE_NAME USING ERRCODE = '23001'; END $$"
        )
    for table, change, condition in GUARDS:
        when = f"WHEN ({condition}) " if condition else ""
        do = (
            "EXECUTE FUNCTION tele_row_is_fixed()"
            if on_postgres
            else f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are fixed'); END"
        )
        name = f"tr_{table}_{change.lower()}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW {when}{do}")


def downgrade() -> None:
    """Without them."""
    on_postgres = op.get_bind().dialect.name == "postgresql"
    for table, change, _ in GUARDS:
        on = f" ON {table}" if on_postgres else ""
        op.execute(f"DROP TRIGGER tr_{table}_{change.lower()}{on}")
    if on_postgres:
        op.execute("DROP FUNCTION tele_row_is_fixed()")
