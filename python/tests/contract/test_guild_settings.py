"""The contract of guild settings."""

from __future__ import annotations

import asyncio
import inspect
from types import MappingProxyType, ModuleType

import pytest
from support import OLD, Sql, is_now, is_utc

from clip_saver_db import database, repositories


async def test_get_guild_settings_answers_a_dictionary_of_three_keys(db: ModuleType, sql: Sql) -> None:
    await db.set_guild_settings("1001", {"prefix": "!", "roles": [1, None, 2.5]})
    row = await db.get_guild_settings(1001)
    assert type(row) is dict
    assert list(row) == ["guild_id", "settings", "updated_at"]
    assert is_utc(row["updated_at"]) and is_now(sql, row["updated_at"])
    assert row["guild_id"] == "1001"
    assert row["settings"] == {"prefix": "!", "roles": [1, None, 2.5]}


async def test_a_guild_without_settings_has_none(db: ModuleType) -> None:
    assert await db.get_guild_settings("1001") is None


async def test_ensure_guild_settings_stores_the_defaults_without_a_guild(db: ModuleType, sql: Sql) -> None:
    row = await db.ensure_guild_settings("1001", {"prefix": "!"})
    assert row == await db.get_guild_settings("1001")
    assert sql("select guild_id, settings from guild_settings") == [{"guild_id": "1001", "settings": {"prefix": "!"}}]


@pytest.mark.parametrize("defaults", [(), (None,), ({},)])
async def test_ensure_guild_settings_without_defaults_stores_an_empty_object(
    db: ModuleType, defaults: tuple[None]
) -> None:
    assert (await db.ensure_guild_settings("1001", *defaults))["settings"] == {}


async def test_ensure_guild_settings_leaves_an_existing_row_untouched(db: ModuleType, sql: Sql) -> None:
    sql("insert into guild_settings values ('1001', '{\"prefix\": \"!\"}', %s)", OLD)
    row = await db.ensure_guild_settings("1001", {"prefix": "?"})
    assert row == {"guild_id": "1001", "settings": {"prefix": "!"}, "updated_at": OLD}
    assert await db.get_guild_settings("1001") == row


async def test_of_50_callers_one_stores_its_defaults_and_all_get_them(db: ModuleType) -> None:
    rows = await asyncio.gather(*(db.ensure_guild_settings("1001", {"caller": number}) for number in range(50)))
    assert all(row == rows[0] for row in rows)
    assert await db.get_guild_settings("1001") == rows[0]


async def test_update_guild_settings_replaces_top_level_keys_only(db: ModuleType) -> None:
    await db.set_guild_settings("1001", {"a": {"x": 1}, "b": 2, "c": 3})
    row = await db.update_guild_settings("1001", {"a": {"y": 1}, "b": None})
    assert row["settings"] == {"a": {"y": 1}, "b": None, "c": 3}
    assert await db.get_guild_settings("1001") == row


async def test_update_guild_settings_creates_nothing(db: ModuleType, sql: Sql) -> None:
    assert await db.update_guild_settings("1001", {"a": 1}) is None
    assert sql("select * from guild_settings") == []


async def test_an_empty_patch_bumps_updated_at(db: ModuleType, sql: Sql) -> None:
    sql("insert into guild_settings values ('1001', '{\"a\": 1}', %s)", OLD)
    row = await db.update_guild_settings("1001", {})
    assert row["settings"] == {"a": 1}
    assert is_now(sql, row["updated_at"])


@pytest.mark.parametrize("stored", ["[1, 2]", '"text"', "7", "null"])
async def test_a_stored_value_that_is_no_object_is_replaced_by_the_patch(db: ModuleType, sql: Sql, stored: str) -> None:
    sql("insert into guild_settings values ('1001', %s)", stored)
    row = await db.update_guild_settings("1001", {"a": 1})
    assert row["settings"] == {"a": 1}


async def test_50_patches_at_once_lose_nothing(db: ModuleType) -> None:
    await db.ensure_guild_settings("1001")
    await asyncio.gather(*(db.update_guild_settings("1001", {str(number): number}) for number in range(50)))
    row = await db.get_guild_settings("1001")
    assert row["settings"] == {str(number): number for number in range(50)}


async def test_set_guild_settings_replaces_all_or_creates(db: ModuleType, sql: Sql) -> None:
    created = await db.set_guild_settings("1001", {"a": 1, "b": 2})
    assert created["settings"] == {"a": 1, "b": 2}
    sql("update guild_settings set updated_at = %s", OLD)
    replaced = await db.set_guild_settings("1001", {"c": 3})
    assert replaced == await db.get_guild_settings("1001")
    assert replaced["settings"] == {"c": 3}
    assert is_now(sql, replaced["updated_at"])


async def test_settings_are_any_mapping(db: ModuleType) -> None:
    row = await db.set_guild_settings("1001", MappingProxyType({"a": 1}))
    assert row["settings"] == {"a": 1}


def test_the_generations_name_the_parameter_differently() -> None:
    assert list(inspect.signature(database.set_guild_settings).parameters) == ["guild_id", "settings"]
    assert list(inspect.signature(repositories.set_guild_settings).parameters) == ["guild_id", "settings_dict"]


async def test_each_generation_takes_its_own_keyword(database_url: str) -> None:
    await database.init_db()
    try:
        assert (await database.set_guild_settings("1001", settings={"a": 1}))["settings"] == {"a": 1}
        assert (await repositories.set_guild_settings("1001", settings_dict={"b": 1}))["settings"] == {"b": 1}
    finally:
        await database.close_db()
