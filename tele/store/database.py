"""The database: one engine, short transactions, SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

BUSY_TIMEOUT_MS = 10_000
"""How long SQLite waits for another process's write before it gives up."""

_WRITES = "tele_writes"
"""Execution option of a connection that will write: SQLite takes its write lock at BEGIN, never half-way."""


class Database:
    """Opens sessions on one engine. Make it with `await Database.open(url)`, which brings the schema to its head."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer. Waiting here is fair and costs nothing; waiting inside SQLite polls in a thread.
        self._writer = asyncio.Lock() if self.is_sqlite else None
        self._inside: WeakSet[asyncio.Task[Any]] = WeakSet()

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect to `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…` and migrate when the schema is behind."""
        from tele.store.migrate import to_head  # Alembic costs 0.2 s: not paid by who only wants the types

        target = make_url(url)
        if target.get_backend_name() == "sqlite":
            if target.database:
                Path(target.database).parent.mkdir(parents=True, exist_ok=True)
            engine = create_async_engine(
                url, hide_parameters=True
            )  # an error that is logged holds nothing of a patient
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
        else:
            engine = create_async_engine(
                url, hide_parameters=True, pool_size=10, max_overflow=10, pool_timeout=10, pool_pre_ping=True
            )
        database = cls(engine)
        try:
            await to_head(engine)
        except BaseException:
            await engine.dispose()
            raise
        return database

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that may write: committed at the end, rolled back by an exception.

        Keep it short and never wait for the network inside. Not to be nested in the same task: that would wait for
        itself, so it raises RuntimeError.
        """
        task = asyncio.current_task()
        if task is None or task in self._inside:
            raise RuntimeError("a transaction was opened inside another one of the same task")
        async with AsyncExitStack() as stack:
            self._inside.add(task)
            stack.callback(self._inside.discard, task)
            if self._writer:
                await stack.enter_async_context(self._writer)
            session = await stack.enter_async_context(AsyncSession(self.engine, expire_on_commit=False))
            await stack.enter_async_context(session.begin())
            await session.connection(execution_options={_WRITES: True})
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that sees one state of the database (SQLite) and writes nothing; never blocks a writer."""
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see `_begin_sqlite`
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # an acknowledged request survives the power cut too
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "temp_store=MEMORY",
        "cache_size=-512",  # KiB a connection: the kernel has the file in memory anyway
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
