"""What the tests of the package's life share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType

import pytest

import clip_saver_db
from clip_saver_db import database
from lifecycle.rig import Sessions
from support import Sql


@pytest.fixture(autouse=True)
def named(environment: pytest.MonkeyPatch, database_url: str) -> str:
    """`DATABASE_URL` names the package's sessions, so that the tests know them from their own."""
    url = f"{database_url}?application_name=clip-saver-db-python"
    environment.setenv("DATABASE_URL", url)
    environment.setenv("DB_SLOW_QUERY_MS", "60000")  # a slow call would be a warning in the programs' error output
    return url


@pytest.fixture
async def db(named: str) -> AsyncIterator[ModuleType]:
    """One of the faces, open: what is tested here is the same in both."""
    await database.init_db()
    yield database
    await clip_saver_db.close_db()


@pytest.fixture
def sessions(sql: Sql) -> Sessions:
    """What the server is doing for the package."""
    return Sessions(sql)
