"""Calls that the type checkers must refuse: an ignored error that is none is one to them."""

from __future__ import annotations

from decimal import Decimal

import clip_saver_db.database as psycopg3
import clip_saver_db.repositories as tortoise
from clip_saver_db import GuildSnapshot


async def mistakes() -> None:
    await psycopg3.touch_guild(1.5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await psycopg3.touch_guild(Decimal(1))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await psycopg3.upsert_guild(guild_id=1, name="a")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await psycopg3.upsert_guild(1, "a", None)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await psycopg3.set_channel_reading("1", "true")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await psycopg3.set_guild_settings(1, settings_dict={})  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await tortoise.set_guild_settings(1, settings={})  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    await tortoise.update_guild_settings(1, [])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    GuildSnapshot("1", None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
