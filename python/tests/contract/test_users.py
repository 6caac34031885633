"""Users, and rows that cannot be read."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from types import ModuleType

import pytest
from support import Sql, add_guild

from clip_saver_db import UserSnapshot
from clip_saver_db.errors import UnreadableRow as UnreadableRowError
from clip_saver_db.types import UnreadableRow, User

LOGIN = datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=9)))


async def test_a_user_is_written_and_read(db: ModuleType) -> None:
    assert await db.upsert_user(UserSnapshot(501, "ada", "Ada", "f64c48", LOGIN)) is None
    user = await db.get_user("501")
    assert user == User(user.id, "501", "ada", "Ada", "f64c48", LOGIN)
    assert type(user.id) is int
    assert await db.get_user("502") is None


async def test_users_are_written_together_and_the_last_of_one_id_counts(db: ModuleType) -> None:
    users = [UserSnapshot(501, "a"), UserSnapshot(502, "b"), UserSnapshot("501", "c")]
    assert await db.upsert_users(user for user in users) == 2
    assert (await db.get_user("501")).username == "c"
    assert await db.upsert_users([]) == 0


async def test_rows_that_cannot_be_read_are_left_out_logged_and_listed(
    db: ModuleType, sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    await add_guild(db)
    sql("insert into bot_guilds (guild_id, name) values ('abc', 'Clips')")
    with caplog.at_level(logging.WARNING, "clip_saver_db"):
        assert [guild.guild_id for guild in await db.get_guilds()] == ["1001"]
    assert "left out a row that cannot be read" in caplog.text
    reason = "is not a Discord snowflake"
    assert await db.get_unreadable_rows() == [UnreadableRow("bot_guilds", "abc", "guild_id", "abc", reason)]
    assert await db.get_unreadable_rows(limit=0) == []


async def test_a_row_that_cannot_be_read_alone_is_an_error(db: ModuleType, sql: Sql) -> None:
    sql("insert into users (discord_user_id) values ('501')")
    sql("insert into install_intents values ('state', '501', 'abc', now(), now())")
    with pytest.raises(UnreadableRowError) as failed:
        await db.get_install_intent("state")
    assert "guild_id" in str(failed.value.field)
