"""Calls leave nothing behind: no memory, descriptor, thread, task or session.

`CALLS=100000` makes that many, instead of 6,000.
"""

from __future__ import annotations

import os

from lifecycle.rig import end, python

CALLS = int(os.environ.get("CALLS", "6000"))

PROGRAM = """
import gc, warnings
CALLS = int(sys.argv[1])

async def succeeding():
    await asyncio.gather(*[db.touch_guild(number) for number in range(20)])

async def listing():
    assert len(await db.get_guilds()) == 20
    await db.upsert_guilds([clip_saver_db.GuildSnapshot(number, "name") for number in range(20)])

async def failing():
    refused = [db.create_install_intent("state", 1, 2, 60) for _ in range(10)] + [db.get_guild("x") for _ in range(10)]
    results = await asyncio.gather(*refused, return_exceptions=True)
    assert all(isinstance(result, clip_saver_db.Error) for result in results)

async def canceled():
    tasks = [asyncio.create_task(db.touch_guild(number)) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

async def in_transactions():
    async with db.transaction() as tx:
        await asyncio.gather(*[tx.touch_guild(number) for number in range(8)])
    try:
        async with db.transaction() as tx:
            await tx.touch_guild(1)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    await (await db.transaction().__aenter__()).touch_guild(1)

async def in_loops_of_their_own():
    await asyncio.to_thread(asyncio.run, succeeding())

KINDS = [succeeding, listing, failing, canceled, in_transactions, in_loops_of_their_own]

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def usage():
    await asyncio.sleep(0.5)  # what was canceled ends on the server
    gc.collect()
    return {
        "bytes": resident(),
        "objects": len(gc.get_objects()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "tasks": len(asyncio.all_tasks()),
    }

async def make(calls):
    for number in range(calls // 20):
        await KINDS[number % len(KINDS)]()

async def main():
    clip_saver_db.report_metrics(lambda *_: None)
    await db.init_db()
    await db.upsert_guilds([clip_saver_db.GuildSnapshot(number, "name") for number in range(20)])
    await make(max(CALLS // 5, 2000))
    before = await usage()
    await make(CALLS)
    after = await usage()
    print(before, after, (after["bytes"] - before["bytes"]) / CALLS, "bytes a call")
    # each kind is made 50 times or more: one object of one kind is too much
    limits = {"bytes": 1 << 20, "objects": 20, "descriptors": 12, "threads": 1, "tasks": 0}
    for what, most in limits.items():
        assert after[what] - before[what] <= most, what
    await db.close_db()

asyncio.run(main())
"""


def test_calls_leave_nothing_behind() -> None:
    code, output, errors = end(python(PROGRAM.replace("sys.argv[1]", str(CALLS))), limit=30 + CALLS // 100)
    assert (code, errors) == (0, ""), f"{code}: {output} {errors}"
    print(output)
