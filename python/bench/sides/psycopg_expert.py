"""psycopg 3 as an expert writes it: a pool of 10, autocommit, statements prepared at once, `unnest`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from clip_saver_db.types import ChannelSnapshot, GuildSnapshot
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from sides import sql


def _named(statement: str) -> str:
    """psycopg's parameters for PostgreSQL's."""
    return re.sub(r"\$(\d)", r"%(p\1)s", statement)


UPSERT_GUILD = _named(sql.UPSERT_GUILD).replace("%(p5)s", "%(p5)s::timestamptz")
UPSERT_GUILDS = _named(sql.UPSERT_GUILDS)
UPSERT_CHANNELS = _named(sql.UPSERT_CHANNELS)
GET_CHANNELS = _named(sql.GET_CHANNELS)
UPDATE_PROGRESS = _named(sql.UPDATE_PROGRESS)
ENQUEUE = _named(sql.ENQUEUE)
START = _named(sql.START)
SCANNED = _named(sql.SCANNED)
SUCCEED = _named(sql.SUCCEED)


class Psycopg:
    name = "psycopg 3"
    writes_settings = True

    async def open(self, url: str) -> None:
        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        self.pool = AsyncConnectionPool(url, min_size=10, max_size=10, kwargs=options, open=False)
        await self.pool.open(wait=True)

    async def close(self) -> None:
        await self.pool.close()

    async def rest(self) -> None:
        pass

    async def _execute(self, statement: str, *parameters: Any) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(statement, {f"p{n}": value for n, value in enumerate(parameters, 1)})

    async def _one(self, statement: str, *parameters: Any) -> Any:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, {f"p{n}": value for n, value in enumerate(parameters, 1)})
            return await cursor.fetchone()

    async def write_guild(self, guild: GuildSnapshot) -> None:
        await self._execute(UPSERT_GUILD, guild.id, guild.name, guild.icon, guild.owner_user_id, guild.joined_at)

    async def write_guilds(self, guilds: Sequence[GuildSnapshot]) -> None:
        await self._execute(
            UPSERT_GUILDS,
            [guild.id for guild in guilds],
            [guild.name for guild in guilds],
            [guild.icon for guild in guilds],
            [guild.owner_user_id for guild in guilds],
            [guild.joined_at for guild in guilds],
        )

    async def write_channels(self, guild_id: str, channels: Sequence[ChannelSnapshot]) -> None:
        settings = [channel.settings_overrides for channel in channels]
        await self._execute(
            UPSERT_CHANNELS,
            guild_id,
            [channel.id for channel in channels],
            [channel.name for channel in channels],
            [channel.type for channel in channels],
            [channel.is_nsfw for channel in channels],
            [None if values is None else Jsonb(values) for values in settings],
        )

    async def read_channels(self, guild_id: str) -> list[dict[str, Any]]:
        async with self.pool.connection() as connection, connection.cursor(binary=True, row_factory=dict_row) as cursor:
            await cursor.execute(GET_CHANNELS, {"p1": guild_id})
            return await cursor.fetchall()

    async def progress(self, channel_id: str, message_id: str, count: int) -> None:
        await self._execute(UPDATE_PROGRESS, message_id, count, channel_id)

    async def enqueue(self, channel_id: str) -> Any:
        row = await self._one(ENQUEUE, channel_id)
        return row and row["id"]

    async def start(self, run: Any) -> bool:
        return await self._one(START, run) is not None

    async def scanned(self, run: Any, scanned: int, matched: int) -> Any:
        return await self._one(SCANNED, scanned, matched, run)

    async def succeed(self, run: Any) -> bool:
        return await self._one(SUCCEED, run) is not None
