"""The psycopg3 generation of the programs, in our words: one connection, a row a statement (batches as `executemany`), a
commit after each statement that returns no rows. One that returns rows leaves its transaction open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from clip_saver_db.types import ChannelSnapshot, GuildSnapshot
from psycopg.rows import dict_row

UPSERT_GUILD = """insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
values (%s, %s, %s, %s, coalesce(%s, now()), now())
on conflict (guild_id) do update
set name = excluded.name, icon = excluded.icon, owner_user_id = excluded.owner_user_id, last_seen_at = now()"""

UPSERT_CHANNEL = """insert into bot_channels (channel_id, guild_id, name, type, is_nsfw)
values (%s, %s, %s, %s, coalesce(%s, false))
on conflict (channel_id) do update
set guild_id = excluded.guild_id, name = excluded.name, type = excluded.type, is_nsfw = excluded.is_nsfw,
    updated_at = now()"""

GET_CHANNELS = "select * from bot_channels where guild_id = %s order by name nulls last, channel_id"

UPDATE_PROGRESS = """update bot_channels
set last_message_id = greatest(coalesce(nullif(last_message_id, '')::numeric, 0), %s::numeric)::text,
    last_scanned_at = now(), message_count = message_count + %s, updated_at = now()
where channel_id = %s"""

ENQUEUE = """insert into bot_channel_scan_runs (channel_id, after_message_id, status)
select channel_id, last_message_id, 'queued' from bot_channels where channel_id = %s and is_reading = true
returning id"""

START = """update bot_channel_scan_runs set status = 'running', started_at = now()
where id = %s and status = 'queued' returning id"""

SCANNED = """update bot_channel_scan_runs
set messages_scanned = messages_scanned + %s, messages_matched = messages_matched + %s
where id = %s returning messages_scanned, messages_matched"""

SUCCEED = """update bot_channel_scan_runs set status = 'succeeded', finished_at = now()
where id = %s and status in ('running', 'queued') returning id"""


class PsycopgBefore:
    name = "psycopg3 code as it was"
    writes_settings = False

    async def open(self, url: str) -> None:
        self.connection = await psycopg.AsyncConnection.connect(url, row_factory=dict_row)

    async def close(self) -> None:
        await self.connection.close()

    async def rest(self) -> None:
        await self.connection.commit()

    async def _execute(self, statement: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        async with self.connection.cursor() as cursor:
            await cursor.execute(statement, parameters)
            if cursor.description:
                return await cursor.fetchall()
            await self.connection.commit()
            return []

    async def _write_all(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        async with self.connection.transaction(), self.connection.cursor() as cursor:
            await cursor.executemany(statement, rows)

    async def write_guild(self, guild: GuildSnapshot) -> None:
        await self._execute(UPSERT_GUILD, (guild.id, guild.name, guild.icon, guild.owner_user_id, guild.joined_at))

    async def write_guilds(self, guilds: Sequence[GuildSnapshot]) -> None:
        await self._write_all(
            UPSERT_GUILD,
            [(guild.id, guild.name, guild.icon, guild.owner_user_id, guild.joined_at) for guild in guilds],
        )

    async def write_channels(self, guild_id: str, channels: Sequence[ChannelSnapshot]) -> None:
        await self._write_all(
            UPSERT_CHANNEL,
            [(channel.id, guild_id, channel.name, channel.type, channel.is_nsfw) for channel in channels],
        )

    async def read_channels(self, guild_id: str) -> list[dict[str, Any]]:
        return await self._execute(GET_CHANNELS, (guild_id,))

    async def progress(self, channel_id: str, message_id: str, count: int) -> None:
        await self._execute(UPDATE_PROGRESS, (message_id, count, channel_id))

    async def enqueue(self, channel_id: str) -> Any:
        rows = await self._execute(ENQUEUE, (channel_id,))
        return rows[0]["id"] if rows else None

    async def start(self, run: Any) -> bool:
        return bool(await self._execute(START, (run,)))

    async def scanned(self, run: Any, scanned: int, matched: int) -> Any:
        rows = await self._execute(SCANNED, (scanned, matched, run))
        return rows[0] if rows else None

    async def succeed(self, run: Any) -> bool:
        return bool(await self._execute(SUCCEED, (run,)))
