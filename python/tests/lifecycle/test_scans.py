"""What keeps workers on shared scans going: leases and wake-ups."""

from __future__ import annotations

import asyncio
from types import ModuleType

import pytest

import clip_saver_db
from clip_saver_db import _database, _native
from clip_saver_db.types import ScanClaim
from lifecycle.rig import Sessions
from support import LIMIT, Sql, until

@pytest.fixture
async def channel(db: ModuleType) -> int:
    """A channel that is read."""
    await db.upsert_guild(guild_id=1, name="", icon=None)
    await db.upsert_channels_for_guild(1, [clip_saver_db.ChannelSnapshot(2, "clips", "text")])
    await db.set_channel_reading(2, True)
    return 2


async def claim_one(db: ModuleType, name: str, lease_seconds: float) -> ScanClaim:
    claims: list[ScanClaim] = await db.claim_scan_runs(db.ScanWorker(name), 1, lease_seconds)
    (claim,) = claims
    return claim


async def test_two_workers_share_runs(db: ModuleType, channel: int) -> None:
    for number in range(10):
        await db.request_scan(channel, after=number * 10, before=number * 10 + 9)
    one, two = db.ScanWorker("one"), db.ScanWorker("two")
    assert (one.name, two.name) == ("one", "two")
    claims = await asyncio.gather(*[db.claim_scan_runs(worker, 2, 30) for worker in (one, two) for _ in range(3)])
    runs = [claim.run_id for claimed in claims for claim in claimed]
    assert len(runs) == len(set(runs)) > 0


async def test_a_lease_is_kept_alive_and_completed(db: ModuleType, channel: int) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 1)
    async with db.hold_scan(claim, 1) as lease:
        await asyncio.sleep(2)
        assert await db.claim_scan_runs(db.ScanWorker("two"), 1, 1) == []
        assert not lease.is_lost
        assert await lease.complete()
    run = await db.get_scan_run(claim.run_id)
    assert run.status == "succeeded"


@pytest.mark.parametrize("is_failing", [False, True])
async def test_a_lease_hands_its_run_back_at_the_end_of_the_block(
    is_failing: bool, db: ModuleType, channel: int
) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 30)
    try:
        async with db.hold_scan(claim, 30):
            if is_failing:
                raise ZeroDivisionError
    except ZeroDivisionError:
        assert is_failing
    assert (await claim_one(db, "two", 30)).run_id == claim.run_id


async def test_a_lease_that_is_dropped_hands_its_run_back(db: ModuleType, channel: int) -> None:
    await db.request_scan(channel)
    lease = db.hold_scan(await claim_one(db, "one", 30), 30)
    await lease.__aenter__()
    del lease
    while not await db.claim_scan_runs(db.ScanWorker("two"), 1, 30):
        await asyncio.sleep(0.01)


async def test_a_lease_that_nobody_takes_hands_its_run_back(db: ModuleType, channel: int) -> None:
    """A task may be canceled when its lease is already on the way to it."""
    await db.request_scan(channel)
    for steps in range(1, 12):
        claim = await claim_one(db, "one", 600)
        task = asyncio.create_task(db.hold_scan(claim, 600).__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del task
        await db.release_scan(claim)  # of those that were canceled before they began


async def test_a_lease_is_lost_when_the_run_is_taken_over(db: ModuleType, channel: int, sql: Sql) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 2)
    async with asyncio.timeout(LIMIT), db.hold_scan(claim, 2) as lease:
        sql("update bot_channel_scan_runs set claim_token = claim_token + 1, worker = 'two'")
        await lease.lost()
        assert lease.is_lost
        assert await lease.complete() is False


async def test_a_request_to_cancel_wakes_the_worker(db: ModuleType, channel: int) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 1)
    async with asyncio.timeout(LIMIT), db.hold_scan(claim, 1) as lease:
        assert not lease.is_cancel_requested
        canceled = asyncio.create_task(lease.cancelled())
        assert await db.request_scan_cancel(claim.run_id)
        await canceled
        assert lease.is_cancel_requested
    run = await db.get_scan_run(claim.run_id)
    assert run.status == "canceled"


async def test_a_lease_is_used_in_its_block(db: ModuleType, channel: int) -> None:
    await db.request_scan(channel)
    lease = db.hold_scan(await claim_one(db, "one", 30), 30)
    with pytest.raises(clip_saver_db.InterfaceError, match="async with"):
        await lease.complete()
    async with lease:
        assert await lease.complete()
        with pytest.raises(clip_saver_db.InterfaceError, match="ended"):
            await lease.complete()
    with pytest.raises(clip_saver_db.InterfaceError, match="once"):
        await lease.__aenter__()


async def test_a_run_that_cannot_be_handed_back_hides_no_error_of_the_block(
    db: ModuleType, channel: int, sql: Sql
) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 30)
    sql("alter table bot_channel_scan_runs rename to away")
    with pytest.raises(ZeroDivisionError):
        async with db.hold_scan(claim, 30):
            raise ZeroDivisionError
    with pytest.raises(clip_saver_db.ProgrammingError):
        async with db.hold_scan(claim, 30):
            pass
    sql("alter table away rename to bot_channel_scan_runs")


async def test_work_that_is_enqueued_wakes(db: ModuleType, channel: int, sessions: Sessions) -> None:
    wakeups = db.scan_wakeups()
    async with asyncio.timeout(LIMIT):
        await anext(wakeups)
        await until(lambda: sessions.listening() == 1)
        waiting = asyncio.create_task(anext(wakeups))
        await asyncio.wait([waiting], timeout=0.5)  # the connection for notifications has begun
        if waiting.done():
            waiting = asyncio.create_task(anext(wakeups))
        began = asyncio.get_running_loop().time()
        await db.request_scan(channel)
        await waiting
        assert asyncio.get_running_loop().time() - began < 2, "the interval of 5 seconds has woken it"
    await wakeups.aclose()
    await until(lambda: sessions.listening() == 0)


async def test_a_canceled_wait_loses_no_wakeup(db: ModuleType) -> None:
    native = await _database.client().scan_wakeups()
    waiting = asyncio.ensure_future(wait(native))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await asyncio.wait_for(wait(native), LIMIT)


async def wait(native: _native.ScanWakeups) -> bool:
    return await native.next()


async def test_close_db_ends_wakeups(db: ModuleType) -> None:
    async def work() -> int:
        return len([None async for _ in db.scan_wakeups()])

    working = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    await clip_saver_db.close_db()
    assert await asyncio.wait_for(working, LIMIT) >= 0
