"""The contract's first section: what holds for every function."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from datetime import timedelta, timezone
from types import ModuleType
from typing import Any

import pytest
from samples import fill, functions
from support import Sql, add_channel, add_guild

from clip_saver_db import ChannelSnapshot, Error, GuildSnapshot, InvalidId, ProgrammingError, database, repositories
from clip_saver_db._functions import Functions

OF_THE_GENERATIONS = {
    "upsert_guild": ["*guild_id", "*name", "*icon", "*owner_user_id=None", "*joined_at=None"],
    "upsert_guilds": ["guilds"],
    "delete_guilds": ["guild_ids"],
    "touch_guild": ["guild_id"],
    "get_guild_settings": ["guild_id"],
    "ensure_guild_settings": ["guild_id", "defaults=None"],
    "update_guild_settings": ["guild_id", "values"],
    "purge_expired_install_intents": ["grace_seconds=300"],
    "upsert_channels_for_guild": ["guild_id", "channels"],
    "get_channels_by_guild": ["guild_id"],
    "set_channel_reading": ["channel_id", "is_reading"],
    "update_channel_cursor": ["channel_id", "last_message_id"],
    "update_channel_progress": ["channel_id", "last_seen_message_id", "ingested_count"],
    "touch_channel_activity": ["channel_id"],
    "increment_channel_message_count": ["channel_id", "by=1"],
    "update_channel_settings": ["channel_id", "values"],
    "set_channel_settings": ["channel_id", "settings"],
    "delete_channels": ["channel_ids"],
    "enqueue_scan_run": ["channel_id"],
    "mark_scan_started": ["run_id"],
    "update_scan_progress": ["run_id", "scanned_inc=0", "matched_inc=0"],
    "mark_scan_succeeded": ["run_id"],
    "mark_scan_failed": ["run_id", "error_message"],
    "mark_scan_canceled": ["run_id"],
}
"""The arguments of the 25 functions but `set_guild_settings`, whose name differs. `*` is one that is given by keyword only."""


def described(function: Any) -> list[str]:
    """The arguments as above."""
    parameters = inspect.signature(function).parameters.values()
    return [
        ("*" if parameter.kind is parameter.KEYWORD_ONLY else "")
        + parameter.name
        + ("" if parameter.default is parameter.empty else f"={parameter.default}")
        for parameter in parameters
    ]


@pytest.mark.parametrize("name", OF_THE_GENERATIONS)
def test_each_of_the_25_takes_what_it_took(face: ModuleType, name: str) -> None:
    assert described(getattr(face, name)) == OF_THE_GENERATIONS[name]


def test_both_modules_export_every_function(face: ModuleType) -> None:
    names = {name for name, _ in inspect.getmembers(Functions, inspect.isfunction) if not name.startswith("_")}
    assert names < set(face.__all__)
    assert all(inspect.iscoroutinefunction(getattr(face, name)) for name in names)
    assert all(inspect.getdoc(getattr(face, name)) for name in names)
    assert all(hasattr(face, name) for name in face.__all__)


async def test_a_call_leaves_no_connection_idle_in_transaction(db: ModuleType, sql: Sql) -> None:
    await fill(db, sql)
    for function in functions():
        try:
            await function.call()
        except Error:
            pass  # a run that was deleted, an intent that was consumed
        states = sql(
            "select state from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        assert all(row["state"] == "idle" for row in states), function


async def test_times_are_utc_whatever_the_session_and_the_process_have(
    new_york: None, db: ModuleType, sql: Sql
) -> None:
    assert sql("show timezone") == [{"TimeZone": "America/New_York"}]
    await add_channel(db)
    await db.touch_channel_activity("2001")
    (channel,) = await db.get_channels_by_guild("1001")
    settings = await db.ensure_guild_settings("1001")
    guild = await db.get_guild("1001")
    for time in (channel["last_activity_at"], channel["created_at"], settings["updated_at"], guild.joined_at):
        assert time.tzinfo is timezone.utc
        (row,) = sql("select now() - %s as age", time)
        assert timedelta(0) <= row["age"] < timedelta(minutes=1)


async def test_a_naive_time_is_refused_under_any_time_zone(new_york: None, db: ModuleType, sql: Sql) -> None:
    (now,) = sql("select now()::timestamp as now")
    with pytest.raises(ValueError, match="`joined_at` has no time zone"):
        await db.upsert_guild(guild_id="1", name="Clips", icon=None, joined_at=now["now"])


async def test_an_error_tells_function_sqlstate_and_whether_to_repeat_and_survives_pickling(
    db: ModuleType, sql: Sql
) -> None:
    sql("drop table install_intents")
    with pytest.raises(ProgrammingError) as failed:
        await db.purge_expired_install_intents()
    error = failed.value
    assert (error.function, error.sqlstate, error.is_retryable) == ("purge_expired_install_intents", "42P01", False)
    assert str(error).startswith("purge_expired_install_intents: ")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


async def test_a_refused_argument_is_a_value_error_that_names_it(db: ModuleType) -> None:
    with pytest.raises(InvalidId) as refused:
        await db.upsert_channels_for_guild(
            "1001", [ChannelSnapshot("2001", "a", "text"), ChannelSnapshot("x", "b", "text")]
        )
    assert (refused.value.function, refused.value.field) == ("upsert_channels_for_guild", "channels[1].id")
    assert isinstance(refused.value, ValueError)


async def test_calls_run_as_tasks_together_and_with_a_limit_of_time(db: ModuleType) -> None:
    await add_channel(db)
    task = asyncio.create_task(db.get_guild("1001"))
    guild, count, settings = await asyncio.gather(
        asyncio.wait_for(task, 10), db.count_channels_by_guild("1001"), db.get_guild_settings("1001")
    )
    assert (guild.guild_id, count, settings) == ("1001", 1, None)


async def test_a_transaction_has_the_functions_of_its_module(db: ModuleType, sql: Sql) -> None:
    async with db.transaction() as tx:
        await tx.upsert_guilds([GuildSnapshot("1001", "Clips")])
        assert await tx.set_channel_settings("2001", {}) == (None if db is database else {})
        assert sql("select * from bot_guilds") == []
    assert sql("select guild_id from bot_guilds") == [{"guild_id": "1001"}]
    assert repositories is not database


async def test_a_failing_block_stores_nothing(db: ModuleType, sql: Sql) -> None:
    with pytest.raises(KeyError):
        async with db.transaction() as tx:
            await add_guild(tx)
            raise KeyError
    assert sql("select * from bot_guilds") == []
