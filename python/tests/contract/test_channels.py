"""The contract of channels."""

from __future__ import annotations

import asyncio
from types import MappingProxyType, ModuleType
from typing import Any

import pytest
from support import OLD, Sql, add_channel, add_guild, channel_row, is_now, is_utc

from clip_saver_db import ChannelSnapshot, DataError, IntegrityError, database
from clip_saver_db.errors import ForeignKeyViolation
from clip_saver_db.types import Channel

COLUMNS = [
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
]


async def test_get_channels_by_guild_answers_dictionaries_of_13_keys(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    (row,) = await db.get_channels_by_guild(1001)
    assert type(row) is dict
    assert list(row) == COLUMNS
    assert row == channel_row(sql)
    assert is_utc(row["created_at"]) and is_utc(row["updated_at"])
    assert (type(row["is_nsfw"]), type(row["is_reading"]), type(row["message_count"])) == (bool, bool, int)


async def test_an_unknown_guild_has_no_channels(db: ModuleType) -> None:
    assert await db.get_channels_by_guild("1001") == []


async def test_channels_come_by_name_in_code_points_then_without_a_name_then_by_id(db: ModuleType) -> None:
    await add_guild(db)
    names = {10: "b", 9: "b", 11: "B", 12: "ä", 13: None, 14: "", 15: "a", 2: None}
    await db.upsert_channels_for_guild("1001", [ChannelSnapshot(id, name, "text") for id, name in names.items()])
    rows = await db.get_channels_by_guild("1001")
    assert [row["channel_id"] for row in rows] == ["14", "11", "15", "9", "10", "12", "2", "13"]


@pytest.mark.parametrize("cursor", ["", "abc", "NaN", "1e4", " 1 ", "１", "-1", "18446744073709551616", "9" * 500])
async def test_a_stored_cursor_that_is_no_id_reads_as_none(db: ModuleType, sql: Sql, cursor: str) -> None:
    await add_channel(db)
    sql("update bot_channels set last_message_id = %s", cursor)
    (row,) = await db.get_channels_by_guild("1001")
    assert row["last_message_id"] is None
    assert (await db.get_channel("2001")).last_message_id is None


async def test_upsert_replaces_name_type_and_nsfw_and_moves_the_channel(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    await add_guild(db, "1002")
    before = channel_row(sql)
    assert await db.upsert_channels_for_guild(1002, [ChannelSnapshot(2001, "clips", "voice", is_nsfw=True)]) == 1
    row = channel_row(sql)
    assert row.pop("updated_at") > before.pop("updated_at")
    assert row == before | {"guild_id": "1002", "name": "clips", "type": "voice", "is_nsfw": True}


@pytest.mark.parametrize("overrides", [None, {}])
async def test_no_overrides_keep_the_settings(db: ModuleType, sql: Sql, overrides: dict[str, Any] | None) -> None:
    await add_channel(db)
    await db.set_channel_settings("2001", {"a": 1})
    snapshot = ChannelSnapshot("2001", "general", "text", settings_overrides=overrides)
    await db.upsert_channels_for_guild("1001", [snapshot])
    assert channel_row(sql)["settings"] == {"a": 1}


async def test_overrides_are_merged_into_the_settings(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    await db.set_channel_settings("2001", {"a": {"x": 1}, "b": 2})
    overrides = MappingProxyType({"a": {"y": 1}, "c": None})
    snapshot = ChannelSnapshot("2001", "general", "text", settings_overrides=overrides)
    await db.upsert_channels_for_guild("1001", [snapshot])
    assert channel_row(sql)["settings"] == {"a": {"y": 1}, "b": 2, "c": None}


async def test_of_several_channels_with_one_id_the_last_counts_and_overrides_merge(db: ModuleType, sql: Sql) -> None:
    await add_guild(db)
    first = ChannelSnapshot("2001", "first", "text", settings_overrides={"a": 1, "b": 1})
    last = ChannelSnapshot(2001, "last", "voice", settings_overrides={"b": 2})
    assert await db.upsert_channels_for_guild("1001", [first, last]) == 1
    row = channel_row(sql)
    assert (row["name"], row["type"], row["settings"]) == ("last", "voice", {"a": 1, "b": 2})


async def test_no_channels_are_no_error_even_for_an_unknown_guild(db: ModuleType) -> None:
    assert await db.upsert_channels_for_guild("1001", []) == 0
    assert await db.upsert_channels_for_guild("1001", iter(())) == 0


async def test_channels_of_an_unknown_guild_are_a_foreign_key_error(db: ModuleType, sql: Sql) -> None:
    with pytest.raises(ForeignKeyViolation) as refused:
        await db.upsert_channels_for_guild("1001", [ChannelSnapshot("2001", "general", "text")])
    assert isinstance(refused.value, IntegrityError)
    assert refused.value.constraint_name == "bot_channels_guild_id_fkey"
    assert refused.value.sqlstate == "23503"
    assert sql("select * from bot_channels") == []


@pytest.mark.parametrize("size", [2, 10_001])
async def test_a_batch_with_one_bad_channel_stores_nothing(db: ModuleType, sql: Sql, size: int) -> None:
    await add_guild(db)
    sql("alter table bot_channels add constraint no_voice check (type <> 'voice')")
    channels = [ChannelSnapshot(number, "general", "text") for number in range(1, size)]
    with pytest.raises(IntegrityError) as refused:
        await db.upsert_channels_for_guild("1001", [*channels, ChannelSnapshot(size, "general", "voice")])
    assert refused.value.constraint_name == "no_voice"
    assert sql("select * from bot_channels") == []


async def test_upsert_takes_a_generator(db: ModuleType, sql: Sql) -> None:
    await add_guild(db)
    channels = (ChannelSnapshot(number, "general", "text") for number in range(3))
    assert await db.upsert_channels_for_guild("1001", channels) == 3
    assert sql("select count(*) from bot_channels") == [{"count": 3}]


async def test_opposite_batches_at_once_do_not_deadlock(db: ModuleType) -> None:
    await add_guild(db)
    channels = [ChannelSnapshot(number, "general", "text") for number in range(100, 300)]
    batches = [channels, channels[::-1]] * 10
    written = await asyncio.gather(*(db.upsert_channels_for_guild("1001", batch) for batch in batches))
    assert written == [200] * 20


@pytest.mark.parametrize("is_reading", [True, False])
async def test_set_channel_reading_also_sets_is_enabled(db: ModuleType, sql: Sql, is_reading: bool) -> None:
    await add_channel(db)
    await db.set_channel_settings("2001", {"a": 1})
    assert await db.set_channel_reading("2001", is_reading) is True
    row = channel_row(sql)
    assert (row["is_reading"], row["settings"]) == (is_reading, {"a": 1, "is_enabled": is_reading})


@pytest.mark.parametrize("cursor", ["1000", 1000, "999", 0, 2**64 - 1, None])
async def test_update_channel_cursor_sets_it_as_given(db: ModuleType, sql: Sql, cursor: str | int | None) -> None:
    await add_channel(db)
    sql("update bot_channels set last_message_id = '1000', last_scanned_at = %s", OLD)
    assert await db.update_channel_cursor("2001", cursor) is True
    row = channel_row(sql)
    assert row["last_message_id"] == (None if cursor is None else str(cursor))
    assert is_now(sql, row["last_scanned_at"])


async def test_update_channel_cursor_wants_the_cursor(db: ModuleType) -> None:
    with pytest.raises(TypeError, match="last_message_id"):
        await db.update_channel_cursor("2001")


@pytest.mark.parametrize(
    ("stored", "given", "kept"),
    [
        (None, 999, "999"),
        ("999", "1000", "1000"),
        ("1000", "999", "1000"),
        ("", "5", "5"),
        ("NaN", "5", "5"),
        ("99999999999999999999", "5", "5"),
        ("18446744073709551615", "5", "18446744073709551615"),
    ],
)
async def test_update_channel_progress_moves_the_cursor_forward_only(
    db: ModuleType, sql: Sql, stored: str | None, given: str | int, kept: str
) -> None:
    await add_channel(db)
    sql("update bot_channels set last_message_id = %s, message_count = 10, last_scanned_at = %s", stored, OLD)
    assert await db.update_channel_progress("2001", given, 5) is True
    row = channel_row(sql)
    assert (row["last_message_id"], row["message_count"]) == (kept, 15)
    assert is_now(sql, row["last_scanned_at"])


async def test_50_calls_of_update_channel_progress_at_once_lose_nothing(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    await asyncio.gather(*(db.update_channel_progress("2001", 1000 + number, 2) for number in range(50)))
    row = channel_row(sql)
    assert (row["last_message_id"], row["message_count"]) == ("1049", 100)


async def test_touch_channel_activity_sets_last_activity_at(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    sql("update bot_channels set last_activity_at = %s", OLD)
    assert await db.touch_channel_activity("2001") is True
    assert is_now(sql, channel_row(sql)["last_activity_at"])


async def test_increment_channel_message_count_adds_one_or_what_is_given(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    assert await db.increment_channel_message_count("2001") is True
    assert await db.increment_channel_message_count("2001", 10) is True
    assert await db.increment_channel_message_count("2001", by=-4) is True
    assert channel_row(sql)["message_count"] == 7


async def test_a_message_count_beyond_64_bits_is_an_error(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    await db.increment_channel_message_count("2001", 2**63 - 1)
    with pytest.raises(DataError) as refused:
        await db.increment_channel_message_count("2001")
    assert refused.value.sqlstate == "22003"
    assert channel_row(sql)["message_count"] == 2**63 - 1


@pytest.mark.parametrize("function", ["update_channel_settings", "set_channel_settings"])
async def test_channel_settings_answer_a_dictionary_of_three_keys(db: ModuleType, sql: Sql, function: str) -> None:
    await add_channel(db)
    row = await getattr(db, function)(2001, {"a": [1.5, "ä", None, True]})
    assert type(row) is dict
    assert list(row) == ["channel_id", "settings", "updated_at"]
    assert row["channel_id"] == "2001"
    assert row["settings"]["a"] == [1.5, "ä", None, True]
    assert is_utc(row["updated_at"]) and is_now(sql, row["updated_at"])


async def test_update_channel_settings_merges_and_set_replaces(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    await db.set_channel_settings("2001", {"a": {"x": 1}, "b": 2})
    updated = await db.update_channel_settings("2001", {"a": {"y": 1}, "b": None})
    assert updated["settings"] == {"a": {"y": 1}, "b": None}
    replaced = await db.set_channel_settings("2001", {"c": 3})
    assert replaced["settings"] == channel_row(sql)["settings"] == {"c": 3}


@pytest.mark.parametrize("function", ["update_channel_settings", "set_channel_settings"])
async def test_without_the_channel_psycopg3_answered_none_and_tortoise_an_empty_dictionary(
    db: ModuleType, sql: Sql, function: str
) -> None:
    assert await getattr(db, function)("2001", {"a": 1}) == (None if db is database else {})
    assert sql("select * from bot_channels") == []


async def test_a_stored_array_is_replaced_by_the_patch(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    sql("update bot_channels set settings = '[1]'")
    assert (await db.update_channel_settings("2001", {"a": 1}))["settings"] == {"a": 1}


async def test_50_patches_at_once_lose_nothing(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    await db.set_channel_settings("2001", {})
    await asyncio.gather(*(db.update_channel_settings("2001", {str(number): number}) for number in range(50)))
    assert channel_row(sql)["settings"] == {str(number): number for number in range(50)}


async def test_delete_channels_takes_their_runs_along(db: ModuleType, sql: Sql) -> None:
    await add_channel(db, "2001")
    await add_channel(db, "2002")
    await db.enqueue_scan_run("2001")
    kept = await db.enqueue_scan_run("2002")
    assert await db.delete_channels(number for number in [2001, "2001", 2003]) == 1
    assert sql("select channel_id from bot_channels") == [{"channel_id": "2002"}]
    assert [str(row["id"]) for row in sql("select id from bot_channel_scan_runs")] == [str(kept)]
    assert await db.delete_channels([]) == 0


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("set_channel_reading", (True,)),
        ("update_channel_cursor", ("5",)),
        ("update_channel_progress", ("5", 1)),
        ("touch_channel_activity", ()),
        ("increment_channel_message_count", ()),
    ],
)
async def test_a_write_tells_that_there_is_no_such_channel(
    db: ModuleType, sql: Sql, function: str, arguments: tuple[Any, ...]
) -> None:
    assert await getattr(db, function)("2001", *arguments) is False
    assert sql("select * from bot_channels") == []


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("set_channel_reading", (True,)),
        ("update_channel_cursor", ("5",)),
        ("update_channel_progress", ("5", 1)),
        ("touch_channel_activity", ()),
        ("increment_channel_message_count", ()),
        ("update_channel_settings", ({},)),
        ("set_channel_settings", ({},)),
    ],
)
async def test_every_write_sets_updated_at(db: ModuleType, sql: Sql, function: str, arguments: tuple[Any, ...]) -> None:
    await add_channel(db)
    before = channel_row(sql)["updated_at"]
    await getattr(db, function)("2001", *arguments)
    row = channel_row(sql)
    assert row["updated_at"] > before and is_now(sql, row["updated_at"])


async def test_reads_of_one_channel_and_counts(db: ModuleType) -> None:
    await add_channel(db, "2001")
    await add_guild(db)
    await db.upsert_channels_for_guild("1001", [ChannelSnapshot("2002", "clips", "text")])
    await db.increment_channel_message_count("2001", 3)
    await db.increment_channel_message_count("2002", 4)
    channel = await db.get_channel(2001)
    assert type(channel) is Channel
    assert (channel.channel_id, channel.name, channel.type, channel.message_count) == ("2001", "general", "text", 3)
    assert await db.get_reading_channels("1001") == [channel]
    assert await db.count_channels_by_guild("1001") == 2
    assert await db.total_message_count("1001") == 7
    assert await db.get_channel("2003") is None
