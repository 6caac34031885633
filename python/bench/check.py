"""Before anything is measured: all sides leave the same rows behind, and read the same dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from data import channel_id, channels, guild
from operations import lifecycle
from sides import Side

_TABLES = [
    "select guild_id, name, icon, owner_user_id from bot_guilds where guild_id in ('{0}', '{1}') order by 1",
    """select channel_id, guild_id, name, type, is_nsfw, is_reading, last_message_id is null, message_count, settings
    from bot_channels where guild_id = '{0}' order by 1""",
    """select channel_id, after_message_id, status, messages_scanned, messages_matched, started_at is null,
    finished_at is null from bot_channel_scan_runs join bot_channels using (channel_id) where guild_id = '{0}'""",
]


async def check(url: str, sides: Sequence[Side]) -> None:
    connection = await asyncpg.connect(url)
    try:
        stored = [await _rows_of(connection, side) for side in sides]
        for side, rows in zip(sides, stored, strict=True):
            assert rows == stored[0], f"{side.name} stores other rows: {rows} instead of {stored[0]}"
        read = [sorted(await side.read_channels("10"), key=lambda row: str(row["channel_id"])) for side in sides]
        for side, channels_read in zip(sides, read, strict=True):
            assert channels_read == read[0], f"{side.name} reads other channels: {channels_read[:1]}, not {read[0][:1]}"
            assert len(channels_read[0]) == 13
            await side.rest()
    finally:
        await connection.close()


async def _rows_of(connection: asyncpg.Connection, side: Side) -> list[list[Any]]:
    one, other = guild(901), guild(902)
    await connection.execute("delete from bot_guilds where guild_id in ($1, $2)", one.id, other.id)
    for _ in range(2):  # the second time the rows are there
        await side.write_guild(one)
        await side.write_guilds([one, other])
        await side.write_channels(str(one.id), channels(901, 3))
        await side.rest()
    await connection.execute("update bot_channels set is_reading = true where guild_id = $1", one.id)
    await lifecycle(side, channel_id(901, 0))
    await side.rest()
    return [[tuple(row) for row in await connection.fetch(table.format(one.id, other.id))] for table in _TABLES]
