"""SQLAlchemy 2 Core on asyncpg: statements built once, a pool of 10, batches as lists of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clip_saver_db.types import ChannelSnapshot, GuildSnapshot
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import BigInteger, Boolean, Column, MetaData, Numeric, Table, Text, URL, Uuid, bindparam, cast, func
from sqlalchemy import insert as plain_insert
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import ENUM, JSONB, TIMESTAMP, insert
from sqlalchemy.ext.asyncio import create_async_engine

metadata = MetaData()
guilds_table = Table(
    "bot_guilds",
    metadata,
    Column("guild_id", Text, primary_key=True),
    Column("name", Text),
    Column("icon", Text),
    Column("owner_user_id", Text),
    Column("joined_at", TIMESTAMP(timezone=True)),
    Column("last_seen_at", TIMESTAMP(timezone=True)),
)
channels_table = Table(
    "bot_channels",
    metadata,
    Column("channel_id", Text, primary_key=True),
    Column("guild_id", Text),
    Column("name", Text),
    Column("type", Text),
    Column("is_nsfw", Boolean),
    Column("is_reading", Boolean),
    Column("last_message_id", Text),
    Column("last_scanned_at", TIMESTAMP(timezone=True)),
    Column("last_activity_at", TIMESTAMP(timezone=True)),
    Column("message_count", BigInteger),
    Column("settings", JSONB),
    Column("created_at", TIMESTAMP(timezone=True)),
    Column("updated_at", TIMESTAMP(timezone=True)),
)
runs_table = Table(
    "bot_channel_scan_runs",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("channel_id", Text),
    Column("after_message_id", Text),
    Column("status", ENUM("queued", "running", "succeeded", "failed", "canceled", name="scan_status")),
    Column("messages_scanned", BigInteger),
    Column("messages_matched", BigInteger),
    Column("started_at", TIMESTAMP(timezone=True)),
    Column("finished_at", TIMESTAMP(timezone=True)),
)

_guild = insert(guilds_table).values(
    guild_id=bindparam("guild_id"),
    name=bindparam("name"),
    icon=bindparam("icon"),
    owner_user_id=bindparam("owner_user_id"),
    joined_at=func.coalesce(bindparam("joined_at", type_=TIMESTAMP(timezone=True)), func.now()),
    last_seen_at=func.now(),
)
UPSERT_GUILD = _guild.on_conflict_do_update(
    index_elements=["guild_id"],
    set_={key: _guild.excluded[key] for key in ("name", "icon", "owner_user_id", "last_seen_at")},
)
_channel = insert(channels_table).values(
    channel_id=bindparam("channel_id"),
    guild_id=bindparam("guild_id"),
    name=bindparam("name"),
    type=bindparam("type"),
    is_nsfw=bindparam("is_nsfw"),
    settings=bindparam("settings"),
)
UPSERT_CHANNEL = _channel.on_conflict_do_update(
    index_elements=["channel_id"],
    set_={
        **{key: _channel.excluded[key] for key in ("guild_id", "name", "type", "is_nsfw")},
        "settings": channels_table.c.settings.op("||")(_channel.excluded.settings),
    },
)
GET_CHANNELS = (
    select(channels_table)
    .where(channels_table.c.guild_id == bindparam("guild_id"))
    .order_by(channels_table.c.name.collate("C"), channels_table.c.channel_id.collate("C"))
)
UPDATE_PROGRESS = (
    update(channels_table)
    .where(channels_table.c.channel_id == bindparam("channel"))
    .values(
        last_message_id=cast(
            func.greatest(
                cast(channels_table.c.last_message_id, Numeric), cast(bindparam("message", type_=Text), Numeric)
            ),
            Text,
        ),
        message_count=channels_table.c.message_count + bindparam("count"),
        last_scanned_at=func.now(),
    )
)
ENQUEUE = (
    plain_insert(runs_table)
    .from_select(
        ["channel_id", "after_message_id"],
        select(channels_table.c.channel_id, channels_table.c.last_message_id)
        .where(channels_table.c.channel_id == bindparam("channel"), channels_table.c.is_reading)
        .with_for_update(read=True, key_share=True),
    )
    .returning(runs_table.c.id)
)
_run = runs_table.c.id == bindparam("run")
START = (
    update(runs_table)
    .where(_run, runs_table.c.status == "queued")
    .values(status="running", started_at=func.now())
    .returning(runs_table.c.id)
)
SCANNED = (
    update(runs_table)
    .where(_run)
    .values(
        messages_scanned=runs_table.c.messages_scanned + bindparam("scanned"),
        messages_matched=runs_table.c.messages_matched + bindparam("matched"),
    )
    .returning(runs_table.c.messages_scanned, runs_table.c.messages_matched)
)
SUCCEED = (
    update(runs_table)
    .where(_run, runs_table.c.status.in_(["queued", "running"]))
    .values(status="succeeded", finished_at=func.now())
    .returning(runs_table.c.id)
)


def _row(guild: GuildSnapshot) -> dict[str, Any]:
    return {
        "guild_id": guild.id,
        "name": guild.name,
        "icon": guild.icon,
        "owner_user_id": guild.owner_user_id,
        "joined_at": guild.joined_at,
    }


class SqlAlchemy:
    name = "SQLAlchemy 2 Core + asyncpg"
    writes_settings = True

    async def open(self, url: str) -> None:
        parts = conninfo_to_dict(url)
        address = URL.create(
            "postgresql+asyncpg",
            username=str(parts.get("user")),
            password=str(parts["password"]) if parts.get("password") else None,
            database=str(parts.get("dbname")),
            query={"host": str(parts.get("host")), "port": str(parts.get("port") or 5432)},
        )
        # Single statements need no transaction of their own.
        self.engine = create_async_engine(address, pool_size=10, max_overflow=0, isolation_level="AUTOCOMMIT")

    async def close(self) -> None:
        await self.engine.dispose()

    async def rest(self) -> None:
        pass

    async def _execute(self, statement: Any, parameters: Any) -> None:
        async with self.engine.connect() as connection:
            await connection.execute(statement, parameters)

    async def _one(self, statement: Any, parameters: Any) -> Any:
        async with self.engine.connect() as connection:
            return (await connection.execute(statement, parameters)).mappings().one_or_none()

    async def write_guild(self, guild: GuildSnapshot) -> None:
        await self._execute(UPSERT_GUILD, _row(guild))

    async def write_guilds(self, guilds: Sequence[GuildSnapshot]) -> None:
        await self._execute(UPSERT_GUILD, [_row(guild) for guild in guilds])

    async def write_channels(self, guild_id: str, channels: Sequence[ChannelSnapshot]) -> None:
        rows = [
            {
                "channel_id": channel.id,
                "guild_id": guild_id,
                "name": channel.name,
                "type": channel.type,
                "is_nsfw": channel.is_nsfw,
                "settings": channel.settings_overrides or {},
            }
            for channel in channels
        ]
        await self._execute(UPSERT_CHANNEL, rows)

    async def read_channels(self, guild_id: str) -> list[dict[str, Any]]:
        async with self.engine.connect() as connection:
            rows = (await connection.execute(GET_CHANNELS, {"guild_id": guild_id})).mappings()
            return [dict(row) for row in rows]

    async def progress(self, channel_id: str, message_id: str, count: int) -> None:
        await self._execute(UPDATE_PROGRESS, {"channel": channel_id, "message": message_id, "count": count})

    async def enqueue(self, channel_id: str) -> Any:
        row = await self._one(ENQUEUE, {"channel": channel_id})
        return row and row["id"]

    async def start(self, run: Any) -> bool:
        return await self._one(START, {"run": run}) is not None

    async def scanned(self, run: Any, scanned: int, matched: int) -> Any:
        row = await self._one(SCANNED, {"run": run, "scanned": scanned, "matched": matched})
        return row and dict(row)

    async def succeed(self, run: Any) -> bool:
        return await self._one(SUCCEED, {"run": run}) is not None
