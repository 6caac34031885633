"""`init_db`, `configure_from_env`, `close_db`, and calls without them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow
from lifecycle.rig import locked
from support import Sql, add_guild, new_database, until, use_database

import clip_saver_db
from clip_saver_db import (
    DatabaseConfig,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    database,
    get_config,
    repositories,
)
from clip_saver_db.errors import InvalidConfig, PasswordFailed


@pytest.fixture(autouse=True)
async def closed_after(environment: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """No test leaves a database open to the next."""
    yield
    await clip_saver_db.close_db()


def tables(url: str) -> int:
    """How many tables a database has."""
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
        assert row is not None
        return int(row[0])


def sessions(sql: Sql) -> int:
    """How many sessions the package has at the test's own database."""
    condition = "datname = current_database() and pid <> pg_backend_pid()"
    (row,) = sql(f"select count(*) from pg_stat_activity where {condition}")
    return int(row["count"])


async def test_init_db_creates_the_tables(face: ModuleType, empty_database_url: str) -> None:
    assert await face.init_db() is None
    assert tables(empty_database_url) > 10
    await add_guild(face)


async def test_init_db_keeps_what_is_stored(face: ModuleType, database_url: str) -> None:
    await face.init_db()
    await add_guild(face)
    await face.close_db()
    await face.init_db()
    assert len(await face.get_guilds()) == 1


async def test_init_db_twice_is_no_error(face: ModuleType, database_url: str) -> None:
    await face.init_db()
    await add_guild(face)
    await face.init_db()
    assert len(await face.get_guilds()) == 1


async def test_init_db_many_times_at_once_migrates_once(face: ModuleType, empty_database_url: str) -> None:
    await asyncio.gather(*(face.init_db() for _ in range(10)))
    await add_guild(face)
    assert len(await face.get_guilds()) == 1


async def test_init_db_after_a_change_of_the_environment_goes_to_the_new_database(
    face: ModuleType, server_url: str, database_url: str, environment: pytest.MonkeyPatch
) -> None:
    await face.init_db()
    await add_guild(face)
    await face.close_db()
    with new_database(server_url) as other:
        use_database(environment, other)
        await face.init_db()
        assert await face.get_guilds() == []
        await face.close_db()


async def test_both_modules_use_the_one_database_of_the_process(database_url: str) -> None:
    await database.init_db()
    await add_guild(database)
    assert len(await repositories.get_guilds()) == 1
    await repositories.close_db()
    with pytest.raises(InterfaceError):
        await database.get_guilds()


@pytest.mark.parametrize("function", ["get_guilds", "health"])
async def test_a_call_before_init_db_says_what_to_do(face: ModuleType, database_url: str, function: str) -> None:
    with pytest.raises(InterfaceError, match=r"await init_db\(\) first"):
        await getattr(face, function)()


async def test_a_transaction_before_init_db_says_what_to_do(face: ModuleType, database_url: str) -> None:
    with pytest.raises(InterfaceError, match=r"await init_db\(\) first"):
        async with face.transaction():
            pass


async def test_a_call_after_close_db_is_an_interface_error(face: ModuleType, database_url: str) -> None:
    await face.init_db()
    await face.close_db()
    with pytest.raises(InterfaceError):
        await face.get_guilds()


async def test_close_db_waits_for_running_calls(face: ModuleType, database_url: str, sql: Sql) -> None:
    await face.init_db()
    writes = [asyncio.create_task(add_guild(face, str(number))) for number in range(100)]
    with locked(database_url):
        await asyncio.sleep(0)  # they run: some wait for the table, the others for a connection
        closing = asyncio.create_task(face.close_db())
        await asyncio.wait([closing], timeout=0.1)
        assert not closing.done()
    await closing
    assert await asyncio.gather(*writes) == [None] * 100
    assert sql("select count(*) from bot_guilds") == [{"count": 100}]


async def test_close_db_without_a_database_does_nothing(face: ModuleType, database_url: str) -> None:
    await face.close_db()
    await face.init_db()
    await face.close_db()
    await face.close_db()


async def test_close_db_leaves_no_session(face: ModuleType, database_url: str, sql: Sql) -> None:
    await face.init_db()
    await asyncio.gather(*(face.get_guilds() for _ in range(20)))
    await face.close_db()
    await until(lambda: sessions(sql) == 0)  # a session ends a moment after its connection


async def test_generate_schemas_false_creates_nothing(empty_database_url: str) -> None:
    await repositories.init_db(generate_schemas=False)
    assert tables(empty_database_url) == 0
    with pytest.raises(ProgrammingError) as failed:
        await repositories.get_guilds()
    assert failed.value.sqlstate == "42P01"
    assert "migrations" in str(failed.value)
    await repositories.init_db()
    assert await repositories.get_guilds() == []


async def test_generate_schemas_is_a_bool(database_url: str) -> None:
    setting: Any = "no"
    with pytest.raises(TypeError, match="`generate_schemas` must be a bool, not str"):
        await repositories.init_db(generate_schemas=setting)


async def test_generate_schemas_false_works_on_a_database_that_was_migrated(database_url: str) -> None:
    await repositories.init_db(None, False)
    await add_guild(repositories)


async def test_init_db_of_the_tortoise_generation_takes_a_config(
    database_url: str, environment: pytest.MonkeyPatch
) -> None:
    config = get_config()
    environment.delenv("DATABASE_URL")
    await repositories.init_db(config=config)
    await add_guild(repositories)


async def test_init_db_with_another_config_closes_the_database_before(
    server_url: str, database_url: str, sql: Sql
) -> None:
    await repositories.init_db()
    await add_guild(repositories)
    with new_database(server_url) as other:
        await repositories.init_db(DatabaseConfig(dsn=other))
        assert await repositories.get_guilds() == []
        await until(lambda: sessions(sql) == 0)
        await repositories.close_db()


async def test_an_init_db_that_fails_leaves_the_database_that_was_open(
    database_url: str, environment: pytest.MonkeyPatch
) -> None:
    await repositories.init_db()
    await add_guild(repositories)
    environment.setenv("DB_CONNECT_TIMEOUT", "1")
    with pytest.raises(OperationalError):
        await repositories.init_db(DatabaseConfig(dsn="postgresql://ada@127.0.0.1:1/clips"))
    assert len(await repositories.get_guilds()) == 1


@contextmanager
def migrating(url: str) -> Generator[psycopg.Connection[TupleRow]]:
    """Another program migrates a database in this block, on this connection."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [int.from_bytes(b"clip-db", "big")])
        yield connection


async def package_waits(migration: psycopg.Connection[TupleRow]) -> None:
    """Returns when the package has connected to the database that is migrated. It leaves it once that has ended."""
    others = (
        "select 1 from pg_stat_activity where datname = current_database()"
        " and backend_type = 'client backend' and pid <> pg_backend_pid()"
    )
    await until(lambda: migration.execute(others).fetchone() is not None)


async def test_calls_go_to_the_database_that_is_open_until_another_one_is(
    server_url: str, database_url: str, sql: Sql
) -> None:
    await repositories.init_db()
    with new_database(server_url) as other:
        with migrating(other) as migration:
            opening = asyncio.create_task(repositories.init_db(DatabaseConfig(dsn=other)))
            await package_waits(migration)
            await add_guild(repositories)
            async with repositories.transaction() as tx:
                await tx.upsert_guild(guild_id="1002", name="Clips", icon=None)
        await opening
        await add_guild(repositories, "1003")
        await repositories.close_db()
        assert sql("select guild_id from bot_guilds") == [{"guild_id": "1001"}, {"guild_id": "1002"}]


@pytest.mark.parametrize("is_canceled", [False, True])
async def test_calls_go_to_the_database_that_is_open_while_and_after_an_init_db_fails(
    is_canceled: bool, server_url: str, database_url: str, sql: Sql
) -> None:
    await repositories.init_db()
    with new_database(server_url) as other, migrating(other) as migration:
        opening = asyncio.create_task(repositories.init_db(DatabaseConfig(dsn=other)))
        await package_waits(migration)
        await add_guild(repositories)
        if is_canceled:
            opening.cancel()
        else:
            migration.execute("create table bot_guilds ()")  # which no migration expects
            migration.close()
        with pytest.raises(asyncio.CancelledError if is_canceled else clip_saver_db.Error):
            await opening
        await add_guild(repositories, "1002")
    assert sql("select guild_id from bot_guilds") == [{"guild_id": "1001"}, {"guild_id": "1002"}]


@pytest.mark.parametrize(
    ("path", "error", "sqlstate"),
    [("/no_such_database", OperationalError, "3D000"), ("/postgres?user=nobody", PasswordFailed, "28000")],
)
async def test_a_refused_login_is_an_operational_error(
    server_url: str, path: str, error: type[OperationalError], sqlstate: str
) -> None:
    with pytest.raises(error) as refused:
        await repositories.init_db(DatabaseConfig(dsn=server_url.rsplit("/", 1)[0] + path))
    assert refused.value.sqlstate == sqlstate and not refused.value.is_retryable


async def test_a_configuration_of_another_type_is_refused(database_url: str) -> None:
    url: Any = database_url
    with pytest.raises(TypeError, match="init_db: `config` must be a DatabaseConfig, not str"):
        await repositories.init_db(url)


async def test_a_first_init_db_that_fails_leaves_none(face: ModuleType, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", "postgresql://ada@127.0.0.1:1/clips")
    environment.setenv("DB_CONNECT_TIMEOUT", "1")
    with pytest.raises(OperationalError) as failed:
        await face.init_db()
    assert failed.value.is_retryable
    with pytest.raises(InterfaceError):
        await face.get_guilds()


async def test_first_init_dbs_at_once_that_fail_leave_none(face: ModuleType, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", "postgresql://ada@127.0.0.1:1/clips")
    environment.setenv("DB_CONNECT_TIMEOUT", "1")
    failed = await asyncio.gather(face.init_db(), face.init_db(), return_exceptions=True)
    assert [isinstance(failure, OperationalError) for failure in failed] == [True, True]
    with pytest.raises(InterfaceError):
        await face.get_guilds()


@pytest.mark.parametrize(
    ("name", "value"), [("DB_POOL_MAX", "none"), ("DATABASE_URL", "http://db"), ("DB_POOL_MAX", "0")]
)
async def test_a_wrong_variable_is_named(
    face: ModuleType, database_url: str, environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(InvalidConfig, match=name) as refused:
        await face.init_db()
    assert refused.value.field == name
    assert isinstance(refused.value, InterfaceError)


async def test_configure_from_env_connects_with_the_first_call(database_url: str, sql: Sql) -> None:
    assert database.configure_from_env() is None  # type: ignore[func-returns-value]
    assert sessions(sql) == 0
    await add_guild(database)
    assert sql("select guild_id from bot_guilds") == [{"guild_id": "1001"}]


async def test_init_db_connects_as_configure_from_env_said(
    database_url: str, environment: pytest.MonkeyPatch, sql: Sql
) -> None:
    database.configure_from_env()
    environment.setenv("DATABASE_URL", "postgresql://ada@127.0.0.1:1/clips")
    await database.init_db()
    await add_guild(database)
    assert sql("select guild_id from bot_guilds") == [{"guild_id": "1001"}]


async def test_configure_from_env_names_a_wrong_variable(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_STATEMENT_TIMEOUT", "soon")
    with pytest.raises(InvalidConfig, match="DB_STATEMENT_TIMEOUT"):
        database.configure_from_env()


async def test_health_describes_the_pool(db: ModuleType) -> None:
    health = await db.health()
    assert health.round_trip > 0
    assert (health.is_read_only, health.pooler, health.most_connections) == (False, None, 10)
