"""The contract of install intents."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import ModuleType

import pytest
from support import Sql, is_now, is_utc

from clip_saver_db import UserSnapshot
from clip_saver_db.errors import ForeignKeyViolation, UniqueViolation
from clip_saver_db.types import InstallIntent


def add_intent(sql: Sql, state: str, age: str) -> None:
    """Stores an intent that expired some time ago, as the column holds it: in UTC without saying so."""
    sql("insert into users (discord_user_id) values ('501') on conflict do nothing")
    statement = (
        "insert into install_intents values (%s, '501', '1001', null, (now() at time zone 'utc') - %s::interval)"
    )
    sql(statement, state, age)


def states(sql: Sql) -> list[str]:
    return [row["state"] for row in sql("select state from install_intents order by state")]


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ({}, ["1 minute", "4 minutes", "in an hour"]),
        ({"grace_seconds": 300}, ["1 minute", "4 minutes", "in an hour"]),
        ({"grace_seconds": 90.5}, ["1 minute", "in an hour"]),
        ({"grace_seconds": 0}, ["in an hour"]),
        ({"grace_seconds": 10**9}, ["1 minute", "4 minutes", "6 minutes", "in an hour"]),
    ],
)
async def test_purge_deletes_what_expired_before_the_grace_and_counts_it(
    db: ModuleType, sql: Sql, arguments: dict[str, float], kept: list[str]
) -> None:
    for age in ("1 minute", "4 minutes", "6 minutes"):
        add_intent(sql, age, age)
    add_intent(sql, "in an hour", "-1 hour")
    assert await db.purge_expired_install_intents(**arguments) == 4 - len(kept)
    assert states(sql) == kept


async def test_purge_does_not_depend_on_the_time_zone(new_york: None, db: ModuleType, sql: Sql) -> None:
    add_intent(sql, "expired", "10 minutes")
    add_intent(sql, "valid", "-10 minutes")
    assert await db.purge_expired_install_intents(grace_seconds=300) == 1
    assert states(sql) == ["valid"]


async def test_an_intents_times_do_not_depend_on_the_time_zone(new_york: None, db: ModuleType, sql: Sql) -> None:
    await db.upsert_user(UserSnapshot("501", "ada"))
    intent = await db.create_install_intent("state", "501", "1001", 600)
    assert is_utc(intent.created_at) and is_now(sql, intent.created_at)
    assert intent.expires_at - intent.created_at == timedelta(seconds=600)
    assert await db.get_install_intent("state") == intent


async def test_an_intent_is_created_read_and_consumed_once(db: ModuleType, sql: Sql) -> None:
    await db.upsert_user(UserSnapshot("501", "ada"))
    intent = await db.create_install_intent("state", 501, 1001, 0.25 + 600)
    assert type(intent) is InstallIntent
    assert (intent.state, intent.user_id, intent.guild_id) == ("state", "501", "1001")
    consumed = await asyncio.gather(*(db.consume_install_intent("state") for _ in range(20)))
    assert [answer for answer in consumed if answer is not None] == [intent]
    assert await db.get_install_intent("state") is None
    assert states(sql) == []


async def test_an_expired_intent_is_read_but_not_consumed(db: ModuleType, sql: Sql) -> None:
    add_intent(sql, "state", "1 second")
    assert (await db.get_install_intent("state")).state == "state"
    assert await db.consume_install_intent("state") is None
    assert states(sql) == ["state"]


async def test_a_state_is_taken_once_and_its_user_must_exist(db: ModuleType, sql: Sql) -> None:
    with pytest.raises(ForeignKeyViolation) as refused:
        await db.create_install_intent("state", "501", "1001", 600)
    assert refused.value.constraint_name == "install_intents_user_id_fkey"
    await db.upsert_user(UserSnapshot("501", "ada"))
    await db.create_install_intent("state", "501", "1001", 600)
    with pytest.raises(UniqueViolation) as taken:
        await db.create_install_intent("state", "501", "1001", 600)
    assert (taken.value.constraint_name, taken.value.sqlstate) == ("install_intents_pkey", "23505")
    assert states(sql) == ["state"]
