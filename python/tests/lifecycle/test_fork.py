"""A child of a fork has a pool of its own, and leaves its parent's sessions and transactions alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lifecycle.rig import Sessions, run
from support import LIMIT, Sql

CHILD = """
async def call(count=5):
    return await asyncio.gather(*[db.touch_guild(1) for _ in range(count)])

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    return child

def ended(*children):
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, status
"""


def test_children_call_outside_and_inside_of_a_running_loop() -> None:
    run(CHILD + """
async def main():
    await db.init_db()
    await call()
    ended(in_child(lambda: asyncio.run(call())))
    await call()
async def preload():
    await db.init_db()
    await call()
asyncio.run(preload())
ended(in_child(lambda: asyncio.run(call())))
asyncio.run(main())
""")


def test_eight_children_of_a_parent_that_has_preloaded_the_database_call() -> None:
    run(CHILD + """
asyncio.run(db.init_db())
ended(*[in_child(lambda: asyncio.run(call(50))) for _ in range(8)])
asyncio.run(call())
""")


def test_children_end_while_the_parent_has_calls_in_flight() -> None:
    """A lock that a thread of the parent held at the fork would stop a child for ever."""
    run(CHILD + """
clip_saver_db.report_metrics(lambda *_: None)
logging.getLogger("clip_saver_db").setLevel(logging.DEBUG)
async def main():
    await db.init_db()
    for _ in range(40):
        calls = [asyncio.create_task(call(1)) for _ in range(50)]
        await asyncio.sleep(0)
        child = in_child(lambda: asyncio.run(call()))
        await asyncio.gather(*calls)
        await asyncio.to_thread(ended, child)
asyncio.run(main())
""")


def test_a_child_has_sessions_of_its_own(sql: Sql) -> None:
    sql("create table pids (pid int)")
    sql("""create function note_pid() returns trigger language plpgsql as
        $$ begin insert into pids values (pg_backend_pid()); return new; end $$""")
    sql("create trigger note after insert or update on bot_guilds for each row execute function note_pid()")
    run(CHILD + """
async def write():
    await db.upsert_guild(guild_id=1, name="", icon=None)
asyncio.run(db.init_db())
asyncio.run(write())
ended(in_child(lambda: asyncio.run(write())))
asyncio.run(write())
""")
    first, child, last = (row["pid"] for row in sql("select pid from pids"))
    assert first == last != child


def test_a_child_that_drops_what_it_inherited_leaves_the_parents_transaction_alone(sql: Sql) -> None:
    run(CHILD + """
import gc
async def hold():
    await db.init_db()
    await db.upsert_guild(guild_id=2, name="", icon=None)
    await db.upsert_channels_for_guild(2, [clip_saver_db.ChannelSnapshot(3, "clips", "text")])
    await db.set_channel_reading(3, True)
    await db.request_scan(3)
    (claim,) = await db.claim_scan_runs(clip_saver_db.ScanWorker("one"), 1, 30)
    held.append(lease := db.hold_scan(claim, 30))
    await lease.__aenter__()
    held.append(transaction := db.transaction())
    held.append(tx := await transaction.__aenter__())
    await tx.upsert_guild(guild_id=1, name="", icon=None)
    held.append(stream := db.scan_wakeups())
    await stream.__anext__()
    held.append(clip_saver_db._native.touch_guild(tx._client(), 1))
async def let_go():
    lease, transaction, tx, stream, call = held
    assert await call
    assert await tx.touch_guild(1)
    await transaction.__aexit__(None, None, None)
    await stream.aclose()
    assert await db.touch_guild(1)
    assert await lease.complete()
held = []
loop = asyncio.new_event_loop()
loop.run_until_complete(hold())
if (child := os.fork()) == 0:
    held.clear()
    gc.collect()
    asyncio.run(call())
    sys.exit(7)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
loop.run_until_complete(let_go())
loop.close()
""")
    assert sql("select guild_id from bot_guilds order by guild_id") == [{"guild_id": "1"}, {"guild_id": "2"}]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_of_multiprocessing_call(method: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("""
import asyncio, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from clip_saver_db import database as db

async def call():
    await asyncio.gather(*[db.touch_guild(1) for _ in range(20)])

def work(_=None):
    db.configure_from_env()
    asyncio.run(call())

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    asyncio.run(db.init_db())
    processes = [context.Process(target=work) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    with ProcessPoolExecutor(2, context) as pool:
        list(pool.map(work, range(4)))
    asyncio.run(call())
""")
    completed = subprocess.run([sys.executable, program, method], capture_output=True, text=True, timeout=LIMIT)
    assert (completed.returncode, completed.stderr) == (0, "")


def test_a_fork_leaves_no_session_behind(sessions: Sessions) -> None:
    run(CHILD + """
asyncio.run(db.init_db())
ended(*[in_child(lambda: asyncio.run(call())) for _ in range(3)])
""")
    assert sessions.open() == 0
