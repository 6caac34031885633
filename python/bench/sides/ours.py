"""This package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import clip_saver_db.database as db
from clip_saver_db.types import ChannelSnapshot, GuildSnapshot


class Ours:
    name = "ours"
    writes_settings = True

    async def open(self, url: str) -> None:
        os.environ["DATABASE_URL"] = url
        db.configure_from_env()
        await db.init_db()

    async def close(self) -> None:
        await db.close_db()

    async def rest(self) -> None:
        pass

    async def write_guild(self, guild: GuildSnapshot) -> None:
        await db.upsert_guild(guild_id=guild.id, name=guild.name, icon=guild.icon, owner_user_id=guild.owner_user_id)

    async def write_guilds(self, guilds: Sequence[GuildSnapshot]) -> None:
        await db.upsert_guilds(guilds)

    async def write_channels(self, guild_id: str, channels: Sequence[ChannelSnapshot]) -> None:
        await db.upsert_channels_for_guild(guild_id, channels)

    async def read_channels(self, guild_id: str) -> list[dict[str, Any]]:
        return await db.get_channels_by_guild(guild_id)  # type: ignore[return-value]

    async def progress(self, channel_id: str, message_id: str, count: int) -> None:
        await db.update_channel_progress(channel_id, message_id, count)

    async def enqueue(self, channel_id: str) -> Any:
        return await db.enqueue_scan_run(channel_id)

    async def start(self, run: Any) -> bool:
        return await db.mark_scan_started(run)

    async def scanned(self, run: Any, scanned: int, matched: int) -> Any:
        return await db.update_scan_progress(run, scanned, matched)

    async def succeed(self, run: Any) -> bool:
        return await db.mark_scan_succeeded(run)
