"""A canceled task gets its `CancelledError` at once, its statement ends on the server, and the pool loses nothing."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest

import clip_saver_db
from clip_saver_db import database
from clip_saver_db.errors import ConnectTimeout
from lifecycle.rig import Sessions, locked
from support import LIMIT, Sql, until

PROMPT = 5.0
"""Seconds. Without other programs on the machine it takes 0.1 ms."""


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancels a task that must end at once."""
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < PROMPT


async def all_of_the_pool_works(db: ModuleType) -> None:
    await asyncio.gather(*[db.touch_guild(number) for number in range(20)])


async def test_before_a_task_has_begun(db: ModuleType) -> None:
    task = asyncio.create_task(db.upsert_guild(guild_id=1, name="", icon=None))
    await cancel(task)
    assert await db.get_guild(1) is None


async def test_after_one_step(db: ModuleType) -> None:
    for _ in range(300):
        task = asyncio.create_task(db.touch_guild(1))
        await asyncio.sleep(0)
        await cancel(task)
    await all_of_the_pool_works(db)


@pytest.mark.parametrize(
    "call",
    [
        lambda db: db.touch_guild(1),
        lambda db: db.get_guild(1),
        lambda db: db.get_guilds(),
        lambda db: db.upsert_guilds([clip_saver_db.GuildSnapshot(number, "") for number in range(20_000)]),
    ],
    ids=["write", "shared_read", "list", "batch"],
)
async def test_while_the_statement_runs(
    call: Callable[[ModuleType], Awaitable[object]], db: ModuleType, database_url: str, sessions: Sessions
) -> None:
    for _ in range(3):
        with locked(database_url):
            task = asyncio.ensure_future(call(db))
            await until(lambda: sessions.waiting() == 1)
            await cancel(task)
            await until(lambda: sessions.waiting() == 0)
    await all_of_the_pool_works(db)


async def test_while_it_waits_for_a_connection(
    named: str, environment: pytest.MonkeyPatch, database_url: str, sessions: Sessions
) -> None:
    environment.setenv("DB_POOL_MAX", "1")
    await database.init_db()
    with locked(database_url):
        running = asyncio.create_task(database.touch_guild(1))
        await until(lambda: sessions.waiting() == 1)
        waiting = [asyncio.create_task(database.touch_guild(number)) for number in range(50)]
        await asyncio.sleep(0)
        for task in waiting:
            await cancel(task)
        assert sessions.waiting() == 1
    assert await running is False
    await all_of_the_pool_works(database)
    await database.close_db()


async def test_hundreds_at_once_exhaust_nothing(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    for _ in range(5):
        with locked(database_url):
            tasks = [asyncio.create_task(db.touch_guild(number)) for number in range(100)]
            await until(lambda: sessions.waiting() == 10)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results)
            await until(lambda: sessions.waiting() == 0)
    await all_of_the_pool_works(db)


@pytest.mark.parametrize("function", ["init_db", "get_guilds", "close_db"])
async def test_while_it_connects(function: str, environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment.setenv("DATABASE_URL", f"postgresql://a:b@127.0.0.1:{silent.getsockname()[1]}/c")
        database.configure_from_env()
        connecting = asyncio.create_task(database.init_db())
        connection, _ = await asyncio.to_thread(silent.accept)
        with connection:
            task = connecting if function == "init_db" else asyncio.create_task(getattr(database, function)())
            await asyncio.sleep(0)
            await cancel(task)
            if task is not connecting:
                await cancel(connecting)
    await database.close_db()


async def test_wait_for(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    with locked(database_url):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(db.touch_guild(1), 0.05)
        await until(lambda: sessions.waiting() == 0)
    assert await asyncio.wait_for(db.touch_guild(1), LIMIT) is False


async def test_gather(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    async def together() -> None:
        await asyncio.gather(*[db.touch_guild(number) for number in range(5)])

    with locked(database_url):
        task = asyncio.create_task(together())
        await until(lambda: sessions.waiting() == 5)
        await cancel(task)
        await until(lambda: sessions.waiting() == 0)


if sys.version_info >= (3, 11):

    async def test_timeout(db: ModuleType, database_url: str, sessions: Sessions) -> None:
        with locked(database_url):
            with pytest.raises(asyncio.TimeoutError):
                async with asyncio.timeout(0.05):
                    await db.touch_guild(1)
            await until(lambda: sessions.waiting() == 0)

    async def test_a_task_group(db: ModuleType, database_url: str, sessions: Sessions) -> None:
        async def together() -> None:
            async with asyncio.TaskGroup() as tasks:
                for number in range(5):
                    tasks.create_task(db.touch_guild(number))

        with locked(database_url):
            task = asyncio.create_task(together())
            await until(lambda: sessions.waiting() == 5)
            await cancel(task)
            await until(lambda: sessions.waiting() == 0)

    async def test_a_task_group_cancels_the_calls_beside_one_that_fails(
        db: ModuleType, database_url: str, sessions: Sessions
    ) -> None:
        waiting: list[asyncio.Task[bool]] = []
        with locked(database_url):
            with pytest.raises(ExceptionGroup) as failed:
                async with asyncio.TaskGroup() as tasks:
                    waiting.append(tasks.create_task(db.touch_guild(1)))
                    await until(lambda: sessions.waiting() == 1)
                    tasks.create_task(db.get_guild("x"))
            assert isinstance(failed.value.exceptions[0], clip_saver_db.InvalidId)
            assert waiting[0].cancelled()
            await until(lambda: sessions.waiting() == 0)


async def test_shield_lets_a_call_end(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    call = asyncio.create_task(db.upsert_guild(guild_id=1, name="", icon=None))

    async def shielded() -> None:
        await asyncio.shield(call)

    with locked(database_url):
        task = asyncio.create_task(shielded())
        await until(lambda: sessions.waiting() == 1)
        await cancel(task)
    await call
    assert await db.touch_guild(1)


async def test_a_transaction_is_rolled_back(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    async def transaction() -> None:
        async with db.transaction() as tx:
            await tx.upsert_guild(guild_id=1, name="", icon=None)
            await tx.touch_channel_activity(1)

    with locked(database_url, "bot_channels"):
        task = asyncio.create_task(transaction())
        await until(lambda: sessions.waiting() == 1)
        await cancel(task)
        await until(lambda: sessions.in_transaction() == 0)
    assert await db.get_guild(1) is None


async def test_while_a_transaction_begins(db: ModuleType, sessions: Sessions) -> None:
    for steps in list(range(8)) * 20:
        transaction = db.transaction()
        task = asyncio.create_task(transaction.__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
            await transaction.__aexit__(None, None, None)
        except asyncio.CancelledError:
            pass
        del transaction, task
    await until(lambda: sessions.in_transaction() == 0)
    await all_of_the_pool_works(db)


async def test_a_commit_that_waits_for_a_call_of_its_transaction(
    db: ModuleType, database_url: str, sessions: Sessions
) -> None:
    late: list[asyncio.Task[bool]] = []
    held = []

    async def transaction() -> None:
        async with db.transaction() as tx:
            held.append(tx)
            await tx.upsert_guild(guild_id=1, name="", icon=None)
            late.append(asyncio.create_task(tx.touch_channel_activity(1)))
            await asyncio.sleep(0)

    with locked(database_url, "bot_channels"):
        task = asyncio.create_task(transaction())
        await until(lambda: sessions.waiting() == 1)
        await cancel(task)
        await until(lambda: sessions.in_transaction() == 0)
        with pytest.raises(clip_saver_db.InterfaceError):
            await asyncio.wait_for(late[0], LIMIT)
    assert await db.get_guild(1) is None


async def test_a_commit_that_runs(db: ModuleType, database_url: str, sessions: Sessions, sql: Sql) -> None:
    sql("create table held (held int)")
    sql("""create function wait() returns trigger language plpgsql as
        $$ begin lock table held in access exclusive mode; return new; end $$""")
    sql("""create constraint trigger wait after insert on bot_guilds deferrable initially deferred
        for each row execute function wait()""")

    async def transaction() -> None:
        async with db.transaction() as tx:
            await tx.upsert_guild(guild_id=1, name="", icon=None)

    with locked(database_url, "held"):
        task = asyncio.create_task(transaction())
        await until(lambda: sessions.waiting() == 1)
        await cancel(task)
        await until(lambda: sessions.in_transaction() == 0)
    assert await db.get_guild(1) is None
    await all_of_the_pool_works(db)


async def test_a_rollback(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    async def transaction() -> None:
        async with db.transaction() as tx:
            await tx.upsert_guild(guild_id=1, name="", icon=None)
            call = asyncio.create_task(tx.touch_channel_activity(1))
            await until(lambda: sessions.waiting() == 1)
            asyncio.get_running_loop().call_soon(lambda: task.cancel())
            try:
                raise ZeroDivisionError
            finally:
                calls.append(call)

    calls: list[asyncio.Task[bool]] = []
    with locked(database_url, "bot_channels"):
        task = asyncio.create_task(transaction())
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: sessions.in_transaction() == 0)
        with pytest.raises(clip_saver_db.InterfaceError):
            await asyncio.wait_for(calls[0], LIMIT)
    assert await db.get_guild(1) is None
    await all_of_the_pool_works(db)


async def test_a_call_is_not_lost_beside_one_that_is_canceled(db: ModuleType) -> None:
    for _ in range(100):
        calls = [asyncio.create_task(db.touch_guild(number)) for number in range(10)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert results[1::2] == [False] * 5


async def test_calls_that_wait_for_one_that_connects_fail_with_it(environment: pytest.MonkeyPatch) -> None:
    """And not one after the other. The first one is canceled, which the others survive."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment.setenv("DATABASE_URL", f"postgresql://a:b@127.0.0.1:{silent.getsockname()[1]}/c")
        environment.setenv("DB_CONNECT_TIMEOUT", "5")
        database.configure_from_env()
        calls = [asyncio.create_task(database.get_guilds()) for _ in range(20)]
        connection, _ = await asyncio.to_thread(silent.accept)
        with connection:
            await cancel(calls[0])
            results = await asyncio.wait_for(asyncio.gather(*calls[1:], return_exceptions=True), LIMIT)
            assert {type(result) for result in results} == {ConnectTimeout}
        with pytest.raises(ConnectTimeout):
            await database.get_guilds()
    await database.close_db()
