"""Event loops of all kinds work, one after the other and at once. A closed or dropped one leaves nothing."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import ModuleType

import pytest
import uvloop

import clip_saver_db
from clip_saver_db import _database, _native, database
from lifecycle.rig import Sessions, locked, run
from support import Sql, until

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


async def call(count: int = 20) -> None:
    """Makes calls at the same time."""
    assert await asyncio.gather(*[database.touch_guild(number) for number in range(count)]) == [False] * count


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest, named: str) -> asyncio.AbstractEventLoop:
    """A new event loop."""
    return LOOPS[request.param]()


def test_every_way_to_await(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        await database.init_db()
        assert await asyncio.create_task(database.touch_guild(1)) is False
        assert await asyncio.wait_for(database.touch_guild(1), 10) is False
        assert await asyncio.shield(database.touch_guild(1)) is False
        for done in asyncio.as_completed([database.touch_guild(number) for number in range(20)]):
            assert await done is False
        await call()
        await clip_saver_db.close_db()

    loop.run_until_complete(main())
    loop.close()


def test_loops_one_after_the_other(named: str) -> None:
    asyncio.run(database.init_db())
    for number in range(50):
        with closing(list(LOOPS.values())[number % 2]()) as loop:
            loop.run_until_complete(call())
    asyncio.run(clip_saver_db.close_db())


def test_two_loops_that_alternate_in_a_thread(named: str) -> None:
    with closing(asyncio.new_event_loop()) as one, closing(uvloop.new_event_loop()) as other:
        one.run_until_complete(database.init_db())
        for _ in range(50):
            one.run_until_complete(call())
            other.run_until_complete(call())
        other.run_until_complete(clip_saver_db.close_db())


def test_a_thread_with_a_loop_each(named: str) -> None:
    async def many() -> None:
        for _ in range(20):
            await call()

    def work(new_event_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        with closing(new_event_loop()) as loop:
            loop.run_until_complete(many())

    asyncio.run(database.init_db())
    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(work, list(LOOPS.values()) * 4):
            pass
    asyncio.run(clip_saver_db.close_db())


def test_loops_that_are_closed_leave_no_descriptor(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(database.init_db())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        asyncio.run(call(1))
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
    loop.run_until_complete(clip_saver_db.close_db())
    loop.close()


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "only_dropped"])
def test_a_loop_with_pending_calls_can_be_collected(is_closed: bool, named: str) -> None:
    """Its calls end on the server."""
    run(f"""
    import gc, warnings, weakref
    warnings.simplefilter("ignore", ResourceWarning)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    def abandon():
        loop = asyncio.new_event_loop()
        tasks = [loop.create_task(db.touch_guild(number)) for number in range(20)]
        loop.run_until_complete(asyncio.sleep(0))
        if {is_closed}:
            loop.close()
        return [weakref.ref(tasks[0]), weakref.ref(loop)]
    asyncio.run(db.init_db())
    dropped = [abandon() for _ in range(20)]
    gc.collect()
    left = [reference() for pair in dropped for reference in pair if reference() is not None]
    assert not left, left
    asyncio.run(clip_saver_db.close_db())
    """)


def test_debug_mode_warns_of_nothing(named: str) -> None:
    run(
        """
        async def main():
            await db.init_db()
            await asyncio.gather(*[db.touch_guild(number) for number in range(50)])
            async with db.transaction() as tx:
                await tx.get_guilds()
            stream = db.scan_wakeups()
            await stream.__anext__()
            await stream.aclose()
            task = asyncio.create_task(db.touch_guild(1))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await db.close_db()
        logging.getLogger("asyncio").addFilter(lambda record: "took" not in record.getMessage())
        asyncio.run(main(), debug=True)
        """,
        "-X",
        "dev",
        "-W",
        "error",
    )


async def test_a_call_is_awaited_once(db: ModuleType) -> None:
    native = _native.touch_guild(_database.client(), 1)
    assert await native is False
    with pytest.raises(RuntimeError, match="awaited twice"):
        await native


async def test_two_tasks_cannot_await_one_call(db: ModuleType) -> None:
    native = _native.touch_guild(_database.client(), 1)

    async def wait() -> bool:
        return await native

    first, second = await asyncio.gather(wait(), wait(), return_exceptions=True)
    assert (first, type(second)) == (False, RuntimeError)


async def test_a_coroutine_that_is_never_awaited_sends_nothing(db: ModuleType) -> None:
    coroutine = db.upsert_guild(guild_id=1, name="", icon=None)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        del coroutine
        gc.collect()
    assert await db.get_guild(1) is None


async def test_a_call_that_nobody_awaits_is_canceled(db: ModuleType, database_url: str, sessions: Sessions) -> None:
    with locked(database_url):
        native = _native.touch_guild(_database.client(), 1)
        await until(lambda: sessions.waiting() == 1)
        del native
        await until(lambda: sessions.waiting() == 0)


def test_a_thread_without_a_loop_is_refused(named: str) -> None:
    asyncio.run(database.init_db())
    with pytest.raises(RuntimeError, match="no running event loop"):
        _native.touch_guild(_database.client(), 1)
    with pytest.raises(RuntimeError, match="no running event loop"):
        database.touch_guild(1).send(None)
    asyncio.run(clip_saver_db.close_db())


async def test_calls_need_init_db(named: str) -> None:
    with pytest.raises(clip_saver_db.InterfaceError, match="init_db"):
        await database.get_guilds()
    await clip_saver_db.close_db()


async def test_an_answer_that_python_cannot_hold_is_an_exception_of_its_call(db: ModuleType, sql: Sql) -> None:
    await db.set_guild_settings(1, {})
    sql("update guild_settings set updated_at = '20000-01-01'")
    with pytest.raises(clip_saver_db.DataError):
        await db.get_guild_settings(1)
    assert await db.touch_guild(1) is False


def test_opening_and_closing_leaves_nothing_behind(named: str, sessions: Sessions) -> None:
    run("""
    async def main():
        for number in range(40):
            await db.init_db()
            await asyncio.gather(*[db.touch_guild(1) for _ in range(5)])
            await db.close_db()
            if number == 5:
                before = usage()
        await asyncio.sleep(0.1)
        assert usage() <= before, (before, usage())
        for _ in range(20):
            db.configure_from_env()
            await db.touch_guild(1)
        await db.close_db()
        deadline = time.monotonic() + 10
        while usage() > before:
            assert time.monotonic() < deadline, (before, usage())
            await asyncio.sleep(0.01)
    def usage():
        return len(os.listdir("/proc/self/fd")) + len(os.listdir("/proc/self/task"))
    asyncio.run(main())
    """)
    assert sessions.open() == 0


if sys.platform == "linux":

    def test_the_thread_of_a_single_call_runs_on_the_core_of_its_event_loop(named: str) -> None:
        """Beside other calls it runs everywhere."""
        output = run("""
        everywhere, tasks = os.sched_getaffinity(0), "/proc/self/task"
        def cores():
            threads = [int(task) for task in os.listdir(tasks) if open(f"{tasks}/{task}/comm").read() == "clip-saver-db\\n"]
            return [os.sched_getaffinity(thread) for thread in threads]
        async def call_on(core):
            os.sched_setaffinity(0, {core})
            await db.touch_guild(1)
            return cores() == [{core}]
        async def main():
            for _ in range(2):
                print([await call_on(core) for core in sorted(everywhere) * 2])
                os.sched_setaffinity(0, everywhere)
                await asyncio.gather(*[db.touch_guild(number) for number in range(20)])
                print(cores() == [everywhere])
        os.sched_setaffinity(0, {min(everywhere)})  # the runtime begins here
        asyncio.run(db.init_db())
        asyncio.run(main())
        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        thread.join()
        """)
        assert output.count("True") >= 8 and "False" not in output, output
