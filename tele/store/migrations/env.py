"""What Alembic runs: it is handed an open connection by `tele.store.migrate`, and never makes its own."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from tele.store.tables import Base, UtcDateTime


def render(kind: str, value: Any, _context: object) -> str | Literal[False]:
    """Steps name what the database holds, never today's application types."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(value, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a column by copying the table
    compare_type=True,
    render_item=render,
    transactional_ddl=True,  # SQLite too: the driver's own implicit commits are off (see store/database.py)
)
with context.begin_transaction():
    context.run_migrations()
