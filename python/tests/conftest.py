"""What the tests share: a server, and a database of its own for each test.

Async tests and fixtures run on asyncio, by anyio's plugin for pytest: `anyio_mode = "auto"` in pyproject.toml.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import dict_row
from support import Sql, clear_environment, new_database, run_on_server, use_database

import clip_saver_db
from clip_saver_db import database, repositories

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server where the tests may create databases and roles: `TEST_DATABASE_URL`, or a throwaway one."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    # The server ends when its standard input closes, also if this process is killed.
    with subprocess.Popen(
        [REPOSITORY / "dev", "server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None and server.stdout is not None
        url = server.stdout.readline().strip()
        assert url, "./dev server did not start: see above"
        yield url
        server.stdin.close()


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a migrated database, which the tests' databases are copies of."""
    with new_database(server_url) as url, pytest.MonkeyPatch.context() as monkeypatch:
        use_database(monkeypatch, url)
        asyncio.run(migrate())
        yield urlsplit(url).path[1:]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any variable that configures a database."""
    clear_environment(monkeypatch)
    return monkeypatch


@pytest.fixture
def empty_database_url(server_url: str, environment: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of the test's own that was not migrated. `DATABASE_URL` names it."""
    with new_database(server_url) as url:
        use_database(environment, url)
        yield url


@pytest.fixture
def database_url(server_url: str, template: str, environment: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated database of the test's own. `DATABASE_URL` names it."""
    with new_database(server_url, template) as url:
        use_database(environment, url)
        yield url


@pytest.fixture
def new_york(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database's sessions and this process have the time zone of New York. Name it before `db`."""
    run_on_server(database_url, f"alter database {urlsplit(database_url).path[1:]} set timezone to 'America/New_York'")
    with monkeypatch.context() as context:
        context.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(params=[database, repositories], ids=["psycopg3", "tortoise"])
def face(request: pytest.FixtureRequest) -> ModuleType:
    """Each of the two modules with the functions, not opened."""
    module: ModuleType = request.param
    return module


@pytest.fixture
async def db(face: ModuleType, database_url: str) -> AsyncIterator[ModuleType]:
    """Each of the two modules with the functions, open on the test's own database."""
    await face.init_db()
    yield face
    await clip_saver_db.close_db()


@pytest.fixture
def sql(database_url: str) -> Iterator[Sql]:
    """Runs SQL on the test's own database: `sql("select … where a = %s", 1)`. Each statement is committed."""
    with psycopg.Connection[dict[str, Any]].connect(database_url, autocommit=True, row_factory=dict_row) as connection:

        def run(statement: str, *parameters: Any) -> list[dict[str, Any]]:
            # Without parameters a `%` is one.
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

        yield run


async def migrate() -> None:
    """Creates the tables by the package itself."""
    await clip_saver_db.init_db()
    await clip_saver_db.close_db()
