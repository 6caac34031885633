"""The contract of the guilds' functions."""

from __future__ import annotations

from types import ModuleType

from support import Sql


async def test_upsert_guild_stores_a_guild(db: ModuleType, sql: Sql) -> None:
    await db.upsert_guild(guild_id="1001", name="Clips", icon=None)
    (row,) = sql("select guild_id, name, icon from bot_guilds")
    assert row == {"guild_id": "1001", "name": "Clips", "icon": None}
