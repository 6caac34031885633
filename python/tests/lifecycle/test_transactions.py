"""A transaction of Python stores all of its calls or none, however its block ends."""

from __future__ import annotations

import asyncio
import gc
import re
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest

import clip_saver_db
from clip_saver_db import database
from clip_saver_db.errors import Conflict, PoolTimeout, TransactionAborted
from lifecycle.rig import Sessions, locked
from support import LIMIT, until


async def guilds(db: ModuleType) -> list[int]:
    return sorted(int(guild.guild_id) for guild in await db.get_guilds())


async def write(target: ModuleType, guild_id: int) -> None:
    await target.upsert_guild(guild_id=guild_id, name="", icon=None)


async def test_it_stores_all_of_its_calls(db: ModuleType) -> None:
    async with db.transaction() as tx:
        await write(tx, 1)
        await asyncio.gather(*[write(tx, number) for number in range(2, 20)])
        assert await guilds(db) == []
    assert await guilds(db) == list(range(1, 20))


async def test_an_exception_rolls_it_back_and_leaves_the_block(db: ModuleType, sessions: Sessions) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await write(tx, 1)
            raise ZeroDivisionError
    assert await guilds(db) == []
    assert sessions.in_transaction() == 0


async def test_an_error_that_is_swallowed_inside_aborts_it(db: ModuleType) -> None:
    with pytest.raises(TransactionAborted):
        async with db.transaction() as tx:
            await write(tx, 1)
            with pytest.raises(clip_saver_db.IntegrityError):
                await tx.upsert_channels_for_guild(2, [clip_saver_db.ChannelSnapshot(3, "", "text")])
    assert await guilds(db) == []


async def test_a_refused_argument_does_not_abort_it(db: ModuleType) -> None:
    async with db.transaction() as tx:
        await write(tx, 1)
        with pytest.raises(clip_saver_db.InvalidId):
            await tx.get_guild("x")
    assert await guilds(db) == [1]


async def test_after_its_end_it_is_refused(db: ModuleType) -> None:
    transaction = db.transaction()
    async with transaction as tx:
        pass
    with pytest.raises(clip_saver_db.InterfaceError, match="ended"):
        await tx.get_guilds()
    with pytest.raises(clip_saver_db.InterfaceError, match="used once"):
        async with transaction:
            pass


async def test_it_is_not_nested(db: ModuleType) -> None:
    transaction = db.transaction()
    async with transaction as tx:
        with pytest.raises(clip_saver_db.InterfaceError, match="used once"):
            await transaction.__aenter__()
        assert not hasattr(tx, "transaction")
        await write(tx, 1)
    assert await guilds(db) == [1]


async def test_one_that_is_dropped_is_rolled_back(db: ModuleType, sessions: Sessions) -> None:
    tx = await db.transaction().__aenter__()
    await write(tx, 1)
    assert sessions.in_transaction() == 1
    del tx
    gc.collect()
    await until(lambda: sessions.in_transaction() == 0)
    assert await guilds(db) == []


async def test_the_commit_waits_for_a_call_that_runs(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    async def transaction() -> None:
        async with db.transaction() as tx:
            calls.append(asyncio.create_task(write(tx, 1)))
            await asyncio.sleep(0)

    calls: list[asyncio.Task[None]] = []
    with locked(database_url):
        block = asyncio.create_task(transaction())
        await until(lambda: sessions.waiting() == 1)
        assert not block.done()
    await block
    await calls[0]
    assert await guilds(db) == [1]


async def test_a_rollback_ends_a_call_that_runs(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    calls: list[asyncio.Task[None]] = []
    with locked(database_url):
        with pytest.raises(ZeroDivisionError):
            async with db.transaction() as tx:
                calls.append(asyncio.create_task(write(tx, 1)))
                await until(lambda: sessions.waiting() == 1)
                raise ZeroDivisionError
        with pytest.raises(clip_saver_db.InterfaceError, match="ended"):
            await asyncio.wait_for(calls[0], LIMIT)
        await until(lambda: sessions.in_transaction() == 0)


async def test_a_conflict_is_an_operational_error_that_says_to_repeat_it(db: ModuleType) -> None:
    """Two transactions that wait for each other."""

    async def transaction(first: int, then: int, has_begun: asyncio.Event, has_other_begun: asyncio.Event) -> None:
        async with db.transaction() as tx:
            await tx.touch_guild(first)
            has_begun.set()
            await has_other_begun.wait()
            await tx.touch_guild(then)

    await asyncio.gather(write(db, 1), write(db, 2))
    one, two = asyncio.Event(), asyncio.Event()
    blocks = asyncio.gather(transaction(1, 2, one, two), transaction(2, 1, two, one), return_exceptions=True)
    (error,) = [error for error in await blocks if error is not None]
    assert isinstance(error, clip_saver_db.OperationalError)
    assert isinstance(error, Conflict) and error.is_retryable and error.sqlstate == "40P01"


async def test_it_cannot_begin_while_the_pool_is_exhausted(named: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_POOL_MAX", "1")
    environment.setenv("DB_ACQUIRE_TIMEOUT", "1")
    await database.init_db()
    async with database.transaction():
        with pytest.raises(PoolTimeout):
            async with database.transaction():
                pass
    async with database.transaction() as tx:
        assert await tx.get_guilds() == []
    await clip_saver_db.close_db()


async def test_gathered_calls_are_sent_before_any_of_them_is_answered(
    database_url: str, environment: pytest.MonkeyPatch
) -> None:
    """A proxy holds the server's answers back until it has seen every call."""
    calls = 10
    proxy = Proxy(parse_qs(urlsplit(database_url).query), database_url)
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        path = urlsplit(database_url).path
        environment.setenv("DATABASE_URL", f"postgresql://postgres@127.0.0.1:{port}{path}?sslmode=disable")
        await database.init_db()
        async with database.transaction() as tx:
            await tx.touch_guild(0)  # prepares the statement
            proxy.hold(calls)
            await asyncio.wait_for(asyncio.gather(*[tx.touch_guild(number) for number in range(calls)]), LIMIT)
            assert proxy.seen >= calls
        await clip_saver_db.close_db()
        proxy.close()


class Proxy:
    """Passes bytes on between the package and the server's socket."""

    def __init__(self, query: dict[str, list[str]], url: str) -> None:
        host = re.sub("%2F", "/", urlsplit(url).netloc.split("@")[-1], flags=re.IGNORECASE)
        self._socket = f"{query.get('host', [host])[0]}/.s.PGSQL.{query.get('port', ['5432'])[0]}"
        self._answers = asyncio.Event()
        self._answers.set()
        self._awaited = 0
        self._writers: list[asyncio.StreamWriter] = []
        self.seen = 0

    def hold(self, calls: int) -> None:
        """Holds answers back until this many calls were sent."""
        self._answers.clear()
        self._awaited = calls

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        self._writers += [writer, to_server]
        await asyncio.gather(self._send(reader, to_server), self._answer(from_server, writer))

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self._answers.is_set():
                self.seen += data.count(b"S\0\0\0\4")  # the message Sync, at the end of each call
                if self.seen >= self._awaited:
                    self._answers.set()
            writer.write(data)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._answers.wait()
            writer.write(data)
        writer.close()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()
