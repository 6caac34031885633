"""A program of the psycopg3 generation works on the same database at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from support import Sql, add_channel, channel_row

from clip_saver_db import ChannelSnapshot, UserSnapshot

Old = psycopg.AsyncConnection[dict[str, Any]]


@pytest.fixture
async def old(database_url: str) -> AsyncIterator[Old]:
    """A session of the old program."""
    async with await Old.connect(database_url, row_factory=dict_row) as connection:
        yield connection


async def old_progress(old: Old, message: int, count: int) -> None:
    """As the old program wrote it, in a transaction of its own."""
    async with old.transaction():
        await old.execute(
            """
            update bot_channels
            set last_message_id = case
                  when last_message_id is null or %(seen)s::numeric > last_message_id::numeric then %(seen)s::text
                  else last_message_id end,
                message_count = message_count + %(count)s, last_scanned_at = now()
            where channel_id = '2001'
            """,
            {"seen": str(message), "count": count},
        )


async def test_progress_of_both_programs_adds_up(db: ModuleType, old: Old, sql: Sql) -> None:
    await add_channel(db)

    async def of_old() -> None:
        for number in range(50):
            await old_progress(old, 1000 + 2 * number, 1)

    ours = (db.update_channel_progress("2001", 1001 + 2 * number, 1) for number in range(50))
    await asyncio.gather(of_old(), *ours)
    row = channel_row(sql)
    assert (row["last_message_id"], row["message_count"]) == ("1099", 100)


async def test_a_row_of_the_old_program_is_read_and_written(db: ModuleType, old: Old, sql: Sql) -> None:
    await db.upsert_user(UserSnapshot("501", "ada"))
    async with old.transaction():
        await old.execute(
            """
            insert into bot_guilds (guild_id, name, icon, owner_user_id, joined_at, last_seen_at)
            values (%s, %s, %s, %s, now(), now())
            on conflict (guild_id) do update set name = excluded.name, icon = excluded.icon, last_seen_at = now()
            """,
            ("1001", "Old", None, "501"),
        )
        await old.execute(
            "insert into bot_channels (channel_id, guild_id, name, type) values ('2001', '1001', 'a', 'text')"
        )
        await old.execute("insert into guild_settings (guild_id, settings) values ('1001', %s)", (Jsonb({"a": [1]}),))
    assert (await db.get_guild("1001")).owner_user_id == "501"
    assert (await db.get_guild_settings("1001"))["settings"] == {"a": [1]}
    assert [channel["name"] for channel in await db.get_channels_by_guild("1001")] == ["a"]
    assert await db.upsert_channels_for_guild("1001", [ChannelSnapshot("2001", "b", "text")]) == 1
    cursor = await old.execute("select name from bot_channels")
    assert await cursor.fetchone() == {"name": "b"}


async def test_an_old_reader_that_is_idle_in_transaction_keeps_nobody_waiting(
    db: ModuleType, old: Old, sql: Sql
) -> None:
    """The old program's reads began transactions that nothing ended."""
    await add_channel(db)
    for table in ("guild_settings", "bot_channels", "bot_channel_scan_runs", "bot_guilds"):
        await old.execute(f"select * from {table}".encode())
    assert old.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS

    async def ours() -> None:
        await db.init_db()  # migrates nothing, and needs no lock that the reader stops
        await db.update_channel_progress("2001", "5", 1)
        await db.set_channel_settings("2001", {"a": 1})
        run_id = await db.enqueue_scan_run("2001")
        assert await db.mark_scan_started(run_id)
        await db.delete_guilds(["1001"])

    await asyncio.wait_for(ours(), 20)
    assert sql("select * from bot_channels") == []


async def test_an_old_writers_open_transaction_delays_its_row_only(db: ModuleType, old: Old, sql: Sql) -> None:
    await add_channel(db, "2001")
    await add_channel(db, "2002")
    await old.execute("update bot_channels set message_count = message_count + 5 where channel_id = '2001'")
    waiting = asyncio.ensure_future(db.increment_channel_message_count("2001", 1))
    await asyncio.wait_for(db.increment_channel_message_count("2002", 1), 20)
    assert not waiting.done()
    await old.commit()
    assert await asyncio.wait_for(waiting, 20) is True
    assert channel_row(sql, "2001")["message_count"] == 6


async def test_of_both_programs_one_starts_a_run(db: ModuleType, old: Old, sql: Sql) -> None:
    await add_channel(db)
    run_ids = [await db.enqueue_scan_run("2001") for _ in range(20)]

    async def of_old(run_id: object) -> bool:
        async with old.transaction():
            cursor = await old.execute(
                "update bot_channel_scan_runs set status = 'running', started_at = now()"
                " where id = %s and status = 'queued' returning id",
                (str(run_id),),
            )
            return await cursor.fetchone() is not None

    async def all_of_old() -> list[bool]:
        return [await of_old(run_id) for run_id in run_ids]

    theirs, *ours = await asyncio.gather(all_of_old(), *(db.mark_scan_started(run_id) for run_id in run_ids))
    assert [a != b for a, b in zip(theirs, ours, strict=True)] == [True] * 20


async def test_an_array_that_the_old_program_made_of_settings_is_mended_by_a_patch(
    db: ModuleType, old: Old, sql: Sql
) -> None:
    await db.ensure_guild_settings("1001", {"a": 1})
    async with old.transaction():
        await old.execute("update guild_settings set settings = settings || %s", (Jsonb([{"b": 2}]),))
    assert (await db.get_guild_settings("1001"))["settings"] == [{"a": 1}, {"b": 2}]
    assert (await db.update_guild_settings("1001", {"c": 3}))["settings"] == {"c": 3}
