"""What tests import: types and functions that several of them use."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timezone
from inspect import isawaitable
from itertools import count
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from clip_saver_db import ChannelSnapshot

LIMIT = 120
"""Seconds after which a program or a condition has failed. Other programs may load the machine."""

Sql = Callable[..., list[dict[str, Any]]]
"""Runs a statement of psycopg's with its parameters, and returns its rows."""

OLD = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""A time that no call of a test can have written."""


VARIABLES = ("POSTGRES_", "DATABASE_", "DB_", "PG")
"""How the variables begin that configure the package or psycopg."""

_numbers = count()


@contextmanager
def new_database(server_url: str, template: str = "template0") -> Generator[str]:
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


async def until(condition: Callable[[], Any]) -> Any:
    """Waits for a condition that no event tells of. It may be a coroutine function."""
    deadline = time.monotonic() + LIMIT
    while True:
        fulfilled = condition()
        if isawaitable(fulfilled):
            fulfilled = await fulfilled
        if fulfilled:
            return fulfilled
        assert time.monotonic() < deadline, "this does not come true"
        await asyncio.sleep(0.01)


async def add_guild(db: ModuleType, guild_id: str = "1001") -> None:
    """Stores a guild."""
    await db.upsert_guild(guild_id=guild_id, name="Clips", icon=None)


async def add_channel(db: ModuleType, channel_id: str = "2001", guild_id: str = "1001") -> None:
    """Stores a guild with a channel that the worker reads."""
    await add_guild(db, guild_id)
    await db.upsert_channels_for_guild(guild_id, [ChannelSnapshot(channel_id, "general", "text")])
    await db.set_channel_reading(channel_id, True)


def channel_row(sql: Sql, channel_id: str = "2001") -> dict[str, Any]:
    """A channel as it is stored."""
    (row,) = sql("select * from bot_channels where channel_id = %s", channel_id)
    return row


def is_now(sql: Sql, time: datetime) -> bool:
    """Whether a call of this test wrote the time, by the database's clock."""
    (row,) = sql("select now() - interval '1 minute' < %s and %s <= now() as is_now", time, time)
    return bool(row["is_now"])


def is_utc(time: datetime | None) -> bool:
    """Whether it is an aware `datetime` in UTC."""
    return time is not None and time.tzinfo is timezone.utc
