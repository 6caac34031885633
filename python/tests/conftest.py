"""What the tests share: a server, and a database of its own for each test.

Async tests and fixtures run on asyncio, by anyio's plugin for pytest: `anyio_mode = "auto"` in pyproject.toml.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import dict_row

import clip_saver_db
from clip_saver_db import database, repositories
from support import Sql

REPOSITORY = Path(__file__).parents[2]

VARIABLES = ("POSTGRES_", "DATABASE_", "DB_", "PG")
"""How the variables begin that configure the package or psycopg."""

_numbers = count()


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
    command = [REPOSITORY / "dev", "server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
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
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:

        def run(statement: str, *parameters: Any) -> list[dict[str, Any]]:
            # Without parameters a `%` is one.
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

        yield run


@contextmanager
def new_database(server_url: str, template: str = "template0") -> Iterator[str]:
    """The URL of a new database, which is dropped at the end with its sessions."""
    name = f"clip_py_{os.getpid()}_{next(_numbers)}"
    run_on_server(server_url, f"create database {name} template {template}")
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        run_on_server(server_url, f"drop database {name} with (force)")


def run_on_server(server_url: str, statement: str) -> None:
    """Runs a statement that is none of one database."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes what configures a database, except for the programs that ./dev uses."""
    for name in os.environ:
        if name.startswith(VARIABLES) and name != "PG_BIN":
            monkeypatch.delenv(name)


def use_database(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Configures the database of `init_db` in the environment."""
    clear_environment(monkeypatch)
    monkeypatch.setenv("DATABASE_URL", url)


async def migrate() -> None:
    """Creates the tables by the package itself."""
    await clip_saver_db.init_db()
    await clip_saver_db.close_db()
