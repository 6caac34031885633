"""What tests import: types and functions that several of them use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from types import ModuleType
from typing import Any

from clip_saver_db import ChannelSnapshot

Sql = Callable[..., list[dict[str, Any]]]
"""Runs a statement of psycopg's with its parameters, and returns its rows."""

OLD = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""A time that no call of a test can have written."""


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


def is_utc(time: datetime) -> bool:
    """Whether it is an aware `datetime` in UTC."""
    return time.tzinfo is timezone.utc
