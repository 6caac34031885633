"""The Tortoise generation of the programs, in our words: rows are read, changed and saved one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from clip_saver_db.types import ChannelSnapshot, GuildSnapshot
from psycopg.conninfo import conninfo_to_dict
from tortoise import Tortoise

from sides.tortoise_models import Channel, Guild, ScanRun, ScanStatus

KEYS = (
    "channel_id",
    "guild_id",
    "name",
    "type",
    "is_nsfw",
    "is_reading",
    "last_message_id",
    "last_scanned_at",
    "last_activity_at",
    "message_count",
    "settings",
    "created_at",
    "updated_at",
)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class TortoiseBefore:
    name = "Tortoise code as it was"
    writes_settings = True

    async def open(self, url: str) -> None:
        parts = conninfo_to_dict(url)
        credentials = {
            "host": parts.get("host"),
            "port": int(parts.get("port") or 5432),
            "user": parts.get("user"),
            "password": parts.get("password") or "",
            "database": parts.get("dbname"),
        }
        await Tortoise.init(
            config={
                "connections": {"default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}},
                "apps": {"models": {"models": ["sides.tortoise_models"]}},
            },
        )

    async def close(self) -> None:
        await Tortoise.close_connections()

    async def rest(self) -> None:
        pass

    async def write_guild(self, guild: GuildSnapshot) -> None:
        await Guild.update_or_create(
            guild_id=guild.id,
            defaults={
                "name": guild.name,
                "icon": guild.icon,
                "owner_user_id": guild.owner_user_id,
                "joined_at": guild.joined_at or _now(),
                "last_seen_at": _now(),
            },
        )

    async def write_guilds(self, guilds: Sequence[GuildSnapshot]) -> None:
        for guild in guilds:
            await self.write_guild(guild)

    async def write_channels(self, guild_id: str, channels: Sequence[ChannelSnapshot]) -> None:
        for channel in channels:
            stored = await Channel.get_or_none(channel_id=channel.id)
            before = stored.settings if stored else {}
            await Channel.update_or_create(
                channel_id=channel.id,
                defaults={
                    "guild_id": guild_id,
                    "name": channel.name,
                    "type": channel.type,
                    "is_nsfw": channel.is_nsfw,
                    "settings": {**before, **(channel.settings_overrides or {})},
                },
            )

    async def read_channels(self, guild_id: str) -> list[dict[str, Any]]:
        channels = await Channel.filter(guild_id=guild_id).order_by("name", "channel_id")
        return [{key: getattr(channel, key) for key in KEYS} for channel in channels]

    async def progress(self, channel_id: str, message_id: str, count: int) -> None:
        channel = await Channel.get_or_none(channel_id=channel_id)
        if channel is None:
            return
        if int(message_id) > int(channel.last_message_id or 0):
            channel.last_message_id = message_id
        channel.last_scanned_at = _now()
        channel.message_count += count
        await channel.save()

    async def enqueue(self, channel_id: str) -> Any:
        channel = await Channel.get_or_none(channel_id=channel_id)
        if channel is None or not channel.is_reading:
            return None
        run = await ScanRun.create(channel_id=channel_id, after_message_id=channel.last_message_id)
        return str(run.id)

    async def start(self, run: Any) -> bool:
        runs = ScanRun.filter(id=run, status=ScanStatus.QUEUED)
        return await runs.update(status=ScanStatus.RUNNING, started_at=_now()) > 0

    async def scanned(self, run: Any, scanned: int, matched: int) -> Any:
        stored = await ScanRun.get_or_none(id=run)
        if stored is None:
            return None
        stored.messages_scanned += scanned
        stored.messages_matched += matched
        await stored.save()
        return {"messages_scanned": stored.messages_scanned, "messages_matched": stored.messages_matched}

    async def succeed(self, run: Any) -> bool:
        runs = ScanRun.filter(id=run, status__in=[ScanStatus.RUNNING, ScanStatus.QUEUED])
        return await runs.update(status=ScanStatus.SUCCEEDED, finished_at=_now()) > 0
