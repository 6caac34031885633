"""asyncpg as an expert writes it: a pool of 10 whose connections are not reset, cached statements, `unnest`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from clip_saver_db.types import ChannelSnapshot, GuildSnapshot

from sides import sql


class Connection(asyncpg.Connection):  # type: ignore[misc]
    async def reset(self, *, timeout: float | None = None) -> None:
        """Nothing of these programs stays in a session."""


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


class Asyncpg:
    name = "asyncpg"
    writes_settings = True

    async def open(self, url: str) -> None:
        self.pool = await asyncpg.create_pool(url, min_size=10, max_size=10, connection_class=Connection, init=_prepare)

    async def close(self) -> None:
        await self.pool.close()

    async def rest(self) -> None:
        pass

    async def write_guild(self, guild: GuildSnapshot) -> None:
        async with self.pool.acquire() as connection:
            await connection.execute(
                sql.UPSERT_GUILD, guild.id, guild.name, guild.icon, guild.owner_user_id, guild.joined_at
            )

    async def write_guilds(self, guilds: Sequence[GuildSnapshot]) -> None:
        async with self.pool.acquire() as connection:
            await connection.execute(
                sql.UPSERT_GUILDS,
                [guild.id for guild in guilds],
                [guild.name for guild in guilds],
                [guild.icon for guild in guilds],
                [guild.owner_user_id for guild in guilds],
                [guild.joined_at for guild in guilds],
            )

    async def write_channels(self, guild_id: str, channels: Sequence[ChannelSnapshot]) -> None:
        async with self.pool.acquire() as connection:
            await connection.execute(
                sql.UPSERT_CHANNELS,
                guild_id,
                [channel.id for channel in channels],
                [channel.name for channel in channels],
                [channel.type for channel in channels],
                [channel.is_nsfw for channel in channels],
                [channel.settings_overrides for channel in channels],
            )

    async def read_channels(self, guild_id: str) -> list[dict[str, Any]]:
        async with self.pool.acquire() as connection:
            return [dict(row) for row in await connection.fetch(sql.GET_CHANNELS, guild_id)]

    async def progress(self, channel_id: str, message_id: str, count: int) -> None:
        async with self.pool.acquire() as connection:
            await connection.execute(sql.UPDATE_PROGRESS, message_id, count, channel_id)

    async def enqueue(self, channel_id: str) -> Any:
        async with self.pool.acquire() as connection:
            return await connection.fetchval(sql.ENQUEUE, channel_id)

    async def start(self, run: Any) -> bool:
        async with self.pool.acquire() as connection:
            return await connection.fetchval(sql.START, run) is not None

    async def scanned(self, run: Any, scanned: int, matched: int) -> Any:
        async with self.pool.acquire() as connection:
            row = await connection.fetchrow(sql.SCANNED, scanned, matched, run)
            return row and dict(row)

    async def succeed(self, run: Any) -> bool:
        async with self.pool.acquire() as connection:
            return await connection.fetchval(sql.SUCCEED, run) is not None
