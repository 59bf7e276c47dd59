"""Brings the schema to its head: a cheap look first, Alembic only when something is to be done."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x7E1E
"""PostgreSQL advisory lock: of several nodes that start at once, one migrates and the others wait."""


def head() -> str:
    """The newest revision: files of versions/ are named `<revision>_<what>.py` with numbers that grow."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


async def to_head(engine: AsyncEngine) -> None:
    """Migrate when the database is not at its head. Raises what the database raises; half a migration is undone."""
    async with engine.connect() as connection:
        if await connection.run_sync(_current) == head():
            return
    async with engine.connect() as connection:
        connection = await connection.execution_options(tele_writes=True)
        async with connection.begin():
            await connection.run_sync(_upgrade)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
