"""Stored times that Python cannot hold: an error for a row that is read alone, and a warning for one in a list."""

from __future__ import annotations

import logging
from types import ModuleType

import pytest

from clip_saver_db.errors import UnreadableRow
from support import Sql, add_channel, add_guild

BEYOND_PYTHON = ["10000-01-01 00:00:00+00", "0001-01-01 00:00:00+01", "4713-11-24 00:00:00+00 BC"]
BEYOND = [*BEYOND_PYTHON, "infinity", "-infinity", "294276-12-31 23:59:59+00"]


@pytest.mark.parametrize("stored", BEYOND)
async def test_read_alone_it_is_an_unreadable_row(db: ModuleType, sql: Sql, stored: str) -> None:
    await add_channel(db)
    await db.ensure_guild_settings("1001")
    sql("update bot_guilds set joined_at = %s", stored)
    sql("update bot_channels set last_scanned_at = %s", stored)
    sql("update guild_settings set updated_at = %s", stored)
    for function, key, column in (
        ("get_guild", "1001", "joined_at"),
        ("get_channel", "2001", "last_scanned_at"),
        ("get_guild_settings", "1001", "updated_at"),
    ):
        with pytest.raises(UnreadableRow) as unreadable:
            await getattr(db, function)(key)
        assert unreadable.value.function == function
        assert str(unreadable.value).startswith(f"{function}: ")
        if stored in BEYOND_PYTHON:
            assert unreadable.value.field == column
            assert f"`{column}` of {key}" in str(unreadable.value)


@pytest.mark.parametrize("stored", BEYOND)
async def test_in_a_list_it_is_left_out_and_logged(
    db: ModuleType, sql: Sql, stored: str, caplog: pytest.LogCaptureFixture
) -> None:
    await add_channel(db, "2001")
    await add_channel(db, "2002")
    await add_guild(db, "1002")
    sql("update bot_channels set last_activity_at = %s where channel_id = '2001'", stored)
    sql("update bot_guilds set joined_at = %s where guild_id = '1002'", stored)
    with caplog.at_level(logging.WARNING, "clip_saver_db"):
        channels = await db.get_channels_by_guild("1001")
        guilds = await db.get_guilds()
    assert [channel["channel_id"] for channel in channels] == ["2002"]
    assert [guild.guild_id for guild in guilds] == ["1001"]
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    if stored in BEYOND_PYTHON:
        assert "`last_activity_at` of 2001" in warnings[0].getMessage()
        assert "`joined_at` of 1002" in warnings[1].getMessage()
    assert all(record.name.startswith("clip_saver_db") for record in warnings)


@pytest.mark.parametrize("stored", ["0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"])
async def test_the_first_and_the_last_time_of_python_are_read(db: ModuleType, sql: Sql, stored: str) -> None:
    await add_guild(db)
    sql("update bot_guilds set joined_at = %s", stored)
    joined_at = (await db.get_guild("1001")).joined_at
    assert joined_at.isoformat(" ") == stored + ":00"
    assert sql("select joined_at = %s as equal from bot_guilds", joined_at) == [{"equal": True}]


async def test_an_intents_time_that_python_cannot_hold_is_an_unreadable_row(db: ModuleType, sql: Sql) -> None:
    sql("insert into users (discord_user_id) values ('501')")
    sql("insert into install_intents values ('state', '501', '1001', null, 'infinity')")
    with pytest.raises(UnreadableRow):
        await db.get_install_intent("state")
