"""The contract of guilds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from types import ModuleType

import pytest
from support import OLD, Sql, add_channel, add_guild, is_now

from clip_saver_db import ChannelSnapshot, GuildSnapshot, IntegrityError, UserSnapshot
from clip_saver_db.errors import CheckViolation, ForeignKeyViolation
from clip_saver_db.types import Guild

JOINED = datetime(2024, 5, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=-4)))


async def test_upsert_guild_stores_a_guild_and_the_time_it_was_joined(db: ModuleType, sql: Sql) -> None:
    await db.upsert_user(UserSnapshot("501", "ada"))
    await db.upsert_guild(guild_id="1001", name="Clips", icon="f64c48", owner_user_id="501", joined_at=JOINED)
    (row,) = sql("select * from bot_guilds")
    assert is_now(sql, row.pop("last_seen_at"))
    assert row == {"guild_id": "1001", "name": "Clips", "icon": "f64c48", "owner_user_id": "501", "joined_at": JOINED}


async def test_a_guild_without_the_time_it_was_joined_was_joined_now(db: ModuleType, sql: Sql) -> None:
    await db.upsert_guild(guild_id="1001", name="Clips", icon=None)
    (row,) = sql("select joined_at from bot_guilds")
    assert is_now(sql, row["joined_at"])


async def test_upsert_guild_replaces_name_icon_and_owner_and_keeps_joined_at(db: ModuleType, sql: Sql) -> None:
    await db.upsert_user(UserSnapshot("501", "ada"))
    await db.upsert_guild(guild_id="1001", name="Clips", icon="f64c48", owner_user_id="501", joined_at=JOINED)
    sql("update bot_guilds set last_seen_at = %s", OLD)
    await db.upsert_guild(guild_id="1001", name="More clips", icon=None, joined_at=OLD)
    (row,) = sql("select * from bot_guilds")
    assert is_now(sql, row.pop("last_seen_at"))
    assert row == {"guild_id": "1001", "name": "More clips", "icon": None, "owner_user_id": None, "joined_at": JOINED}


async def test_upsert_guild_answers_none(db: ModuleType) -> None:
    assert await db.upsert_guild(guild_id="1001", name="Clips", icon=None) is None


async def test_upsert_guild_wants_the_icon_and_takes_keywords_only(db: ModuleType) -> None:
    with pytest.raises(TypeError, match="icon"):
        await db.upsert_guild(guild_id="1001", name="Clips")
    with pytest.raises(TypeError, match="positional"):
        await db.upsert_guild("1001", "Clips", None)


async def test_an_unknown_owner_is_a_foreign_key_error_and_nothing_is_stored(db: ModuleType, sql: Sql) -> None:
    with pytest.raises(ForeignKeyViolation) as refused:
        await db.upsert_guild(guild_id="1001", name="Clips", icon=None, owner_user_id="501")
    assert isinstance(refused.value, IntegrityError)
    assert refused.value.constraint_name == "bot_guilds_owner_user_id_fkey"
    assert refused.value.sqlstate == "23503"
    assert refused.value.function == "upsert_guild"
    assert not refused.value.is_retryable
    assert sql("select * from bot_guilds") == []


async def test_upsert_guilds_returns_the_rows_written(db: ModuleType, sql: Sql) -> None:
    assert await db.upsert_guilds([GuildSnapshot("1001", "a"), GuildSnapshot(1002, "b")]) == 2
    rows = sql("select guild_id, name from bot_guilds order by guild_id")
    assert rows == [{"guild_id": "1001", "name": "a"}, {"guild_id": "1002", "name": "b"}]


async def test_of_several_guilds_with_one_id_the_last_counts(db: ModuleType, sql: Sql) -> None:
    assert await db.upsert_guilds([GuildSnapshot("1001", "first"), GuildSnapshot(1001, "last", "icon")]) == 1
    assert sql("select name, icon from bot_guilds") == [{"name": "last", "icon": "icon"}]


async def test_a_batch_of_guilds_keeps_joined_at(db: ModuleType, sql: Sql) -> None:
    await db.upsert_guilds([GuildSnapshot("1001", "a", joined_at=JOINED)])
    await db.upsert_guilds([GuildSnapshot("1001", "a", joined_at=OLD)])
    assert sql("select joined_at from bot_guilds") == [{"joined_at": JOINED}]


@pytest.mark.parametrize("size", [3, 10_001])
async def test_a_batch_with_one_bad_guild_stores_nothing(db: ModuleType, sql: Sql, size: int) -> None:
    guilds = [GuildSnapshot(number, "a") for number in range(1, size)] + [GuildSnapshot(size, "a", None, "501")]
    with pytest.raises(ForeignKeyViolation) as refused:
        await db.upsert_guilds(guilds)
    assert refused.value.constraint_name == "bot_guilds_owner_user_id_fkey"
    assert sql("select * from bot_guilds") == []


async def test_a_large_batch_is_stored_whole(db: ModuleType, sql: Sql) -> None:
    assert await db.upsert_guilds(GuildSnapshot(number, "a") for number in range(1, 10_002)) == 10_001
    assert sql("select count(*) from bot_guilds") == [{"count": 10_001}]


async def test_upsert_guilds_takes_a_generator(db: ModuleType) -> None:
    assert await db.upsert_guilds(guild for guild in [GuildSnapshot("1001", "a")]) == 1


async def test_upsert_guilds_takes_any_object_with_the_attributes(db: ModuleType, sql: Sql) -> None:
    class DiscordGuild:
        id = 1001
        name = "Clips"
        icon = None
        owner_user_id = None
        joined_at = None
        channels = ()

    assert await db.upsert_guilds([DiscordGuild()]) == 1
    assert sql("select guild_id from bot_guilds") == [{"guild_id": "1001"}]


async def test_upsert_guilds_stores_no_channels(db: ModuleType, sql: Sql) -> None:
    await db.upsert_guilds([GuildSnapshot("1001", "a", channels=[ChannelSnapshot("2001", "general", "text")])])
    assert sql("select * from bot_channels") == []


async def test_an_empty_batch_writes_nothing(db: ModuleType) -> None:
    assert await db.upsert_guilds([]) == 0
    assert await db.upsert_guilds(iter(())) == 0
    assert await db.delete_guilds([]) == 0


async def test_delete_guilds_takes_channels_and_runs_along_and_keeps_settings(db: ModuleType, sql: Sql) -> None:
    await add_channel(db, "2001", "1001")
    await add_channel(db, "2002", "1002")
    await db.enqueue_scan_run("2001")
    await db.ensure_guild_settings("1001", {"prefix": "!"})
    assert await db.delete_guilds(["1001", 1001, "1003"]) == 1
    assert sql("select guild_id from bot_guilds") == [{"guild_id": "1002"}]
    assert sql("select channel_id from bot_channels") == [{"channel_id": "2002"}]
    assert sql("select * from bot_channel_scan_runs") == []
    assert sql("select guild_id from guild_settings") == [{"guild_id": "1001"}]


@pytest.mark.parametrize("kind", [list, tuple, set, dict.fromkeys, iter])
async def test_delete_guilds_takes_any_iterable(db: ModuleType, kind: Callable[[list[str]], Iterable[str]]) -> None:
    await add_guild(db, "1001")
    assert await db.delete_guilds(kind(["1001"])) == 1


async def test_touch_guild_sets_last_seen_at_and_tells_whether_the_guild_exists(db: ModuleType, sql: Sql) -> None:
    await add_guild(db, "1001")
    sql("update bot_guilds set last_seen_at = %s", OLD)
    assert await db.touch_guild("1001") is True
    assert await db.touch_guild("1002") is False
    (row,) = sql("select last_seen_at from bot_guilds")
    assert is_now(sql, row["last_seen_at"])


async def test_get_guild_and_get_guilds_read_what_was_stored(db: ModuleType) -> None:
    await db.upsert_guild(guild_id="1001", name="Clips", icon="f64c48", joined_at=JOINED)
    guild = await db.get_guild(1001)
    assert guild == Guild("1001", "Clips", "f64c48", None, JOINED, guild.last_seen_at)
    assert await db.get_guilds() == [guild]
    assert await db.get_guild("1002") is None


async def test_sync_guild_writes_a_guild_with_its_channels(db: ModuleType, sql: Sql) -> None:
    channels = (ChannelSnapshot(number, "general", "text") for number in (2001, 2002))
    assert await db.sync_guild(GuildSnapshot("1001", "Clips", channels=channels)) == 2
    assert sql("select channel_id from bot_channels order by 1") == [{"channel_id": "2001"}, {"channel_id": "2002"}]


async def test_sync_guild_adds_an_owner_who_is_not_stored(db: ModuleType, sql: Sql) -> None:
    assert await db.sync_guild(GuildSnapshot("1001", "a", None, owner_user_id="501")) == 0
    assert sql("select owner_user_id from bot_guilds") == [{"owner_user_id": "501"}]
    assert sql("select discord_user_id, username from users") == [{"discord_user_id": "501", "username": None}]


async def test_sync_guild_stores_all_or_nothing(db: ModuleType, sql: Sql) -> None:
    sql("alter table bot_channels add constraint no_text_channel check (type <> 'text')")
    with pytest.raises(CheckViolation) as refused:
        await db.sync_guild(GuildSnapshot("1001", "a", channels=[ChannelSnapshot("2001", "b", "text")]))
    assert refused.value.constraint_name == "no_text_channel"
    assert sql("select * from bot_guilds") == []
    assert sql("select * from bot_channels") == []
