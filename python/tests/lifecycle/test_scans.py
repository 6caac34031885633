"""What keeps workers on shared scans going: leases and wake-ups."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest

import clip_saver_db
from clip_saver_db.types import ScanClaim
from lifecycle.rig import Sessions
from support import LIMIT, Sql, until

PROMPT = 4
"""Seconds in which a worker is woken by work. Without it there is a wake-up every 5 seconds."""


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


async def claim_again(db: ModuleType, claim: ScanClaim) -> None:
    """Waits until another worker can claim the run."""
    worker = db.ScanWorker("two")
    (again,) = await until(lambda: db.claim_scan_runs(worker, 1, 600))
    assert again.run_id == claim.run_id


async def test_a_lease_is_kept_alive_and_completed(db: ModuleType, channel: int, sql: Sql) -> None:
    def ends() -> Any:
        (row,) = sql("select lease_until from bot_channel_scan_runs")
        return row["lease_until"]

    await db.request_scan(channel)
    claim = await claim_one(db, "one", 5)
    async with db.hold_scan(claim, 5) as lease:
        first_end = ends()
        await until(lambda: ends() > first_end)
        second_end = ends()
        await until(lambda: ends() > second_end)
        assert not lease.is_lost
        assert await lease.complete()
    run = await db.get_scan_run(claim.run_id)
    assert run.status == "succeeded"


async def test_a_lease_that_was_completed_is_not_lost(
    db: ModuleType, channel: int, caplog: pytest.LogCaptureFixture
) -> None:
    await db.request_scan(channel)
    async with db.hold_scan(await claim_one(db, "one", 5), 5) as lease:
        lost = asyncio.create_task(lease.lost())
        await asyncio.sleep(0)
        assert await lease.complete()
        assert not lease.is_lost
    await asyncio.wait_for(lost, LIMIT)  # nobody renews it any more
    assert not [record for record in caplog.records if "lost" in record.message]


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


@pytest.mark.parametrize(
    ("arguments", "exception"),
    [((ValueError("x"),), TypeError), (("x", datetime(2100, 1, 1)), clip_saver_db.InvalidInput)],
    ids=["reason", "naive_time"],
)
async def test_a_fail_that_is_refused_hands_the_run_back_at_the_end_of_the_block(
    arguments: tuple[Any, ...], exception: type[Exception], db: ModuleType, channel: int
) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 600)
    async with db.hold_scan(claim, 600) as lease:
        with pytest.raises(exception):
            await lease.fail(*arguments)
        assert not lease.is_lost
    assert (await claim_one(db, "two", 600)).run_id == claim.run_id


async def test_a_lease_that_is_dropped_hands_its_run_back(db: ModuleType, channel: int) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 600)
    lease = db.hold_scan(claim, 600)
    await lease.__aenter__()
    del lease
    await claim_again(db, claim)


@pytest.mark.parametrize("steps", range(4))
async def test_a_lease_that_nobody_takes_hands_its_run_back(steps: int, db: ModuleType, channel: int) -> None:
    """A task may be canceled when its lease is already on the way to it."""
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 600)
    task = asyncio.create_task(db.hold_scan(claim, 600).__aenter__())
    await asyncio.sleep(0)
    time.sleep(0.3)  # the event loop stands still: the lease is made meanwhile, and waits for it
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    del task
    await claim_again(db, claim)


async def test_a_lease_is_lost_when_the_run_is_taken_over(db: ModuleType, channel: int, sql: Sql) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 5)
    async with db.hold_scan(claim, 5) as lease:
        sql("update bot_channel_scan_runs set claim_token = claim_token + 1, worker = 'two'")
        await asyncio.wait_for(lease.lost(), LIMIT)
        assert lease.is_lost
        assert await lease.complete() is False


async def test_a_request_to_cancel_wakes_the_worker(db: ModuleType, channel: int) -> None:
    await db.request_scan(channel)
    claim = await claim_one(db, "one", 5)
    async with db.hold_scan(claim, 5) as lease:
        assert not lease.is_cancel_requested
        canceled = asyncio.create_task(lease.cancelled())
        assert await db.request_scan_cancel(claim.run_id)
        await asyncio.wait_for(canceled, LIMIT)
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


@pytest.fixture
async def wakeups(db: ModuleType, channel: int, sessions: Sessions) -> AsyncIterator[AsyncIterator[None]]:
    """Those of a worker that has nothing to do: the next one comes with work, or 5 seconds later."""
    wakeups = db.scan_wakeups()
    await asyncio.wait_for(anext(wakeups), LIMIT)
    await until(lambda: sessions.listening() == 1)
    with pytest.raises(asyncio.TimeoutError):
        while True:  # the connection that listens begins with a wake-up
            await asyncio.wait_for(anext(wakeups), 0.5)
    yield wakeups
    await wakeups.aclose()
    await until(lambda: sessions.listening() == 0)


async def test_work_that_is_enqueued_wakes(db: ModuleType, channel: int, wakeups: AsyncIterator[None]) -> None:
    waiting = asyncio.create_task(wait(wakeups))
    await asyncio.sleep(0)
    await db.request_scan(channel)
    await asyncio.wait_for(waiting, PROMPT)


async def test_a_canceled_wait_loses_no_wakeup(db: ModuleType, channel: int, wakeups: AsyncIterator[None]) -> None:
    waiting = asyncio.create_task(wait(wakeups))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await db.request_scan(channel)
    await asyncio.wait_for(anext(wakeups), PROMPT)


async def test_a_wait_that_times_out_loses_no_wakeup(
    db: ModuleType, channel: int, wakeups: AsyncIterator[None]
) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(anext(wakeups), 0.1)
    await db.request_scan(channel)
    await asyncio.wait_for(anext(wakeups), PROMPT)


async def test_a_wakeup_that_nobody_takes_is_not_lost(wakeups: AsyncIterator[None], sql: Sql) -> None:
    """A task may be canceled when its wake-up is already on the way to it."""
    waiting = asyncio.create_task(wait(wakeups))
    await asyncio.sleep(0.1)
    sql("notify clip_saver_scans")
    time.sleep(0.3)  # the event loop stands still
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(anext(wakeups), PROMPT)


async def wait(wakeups: AsyncIterator[None]) -> None:
    await anext(wakeups)


async def test_wakeups_that_are_closed_are_over(db: ModuleType) -> None:
    wakeups = db.scan_wakeups()
    await asyncio.wait_for(anext(wakeups), LIMIT)
    await wakeups.aclose()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(wakeups), LIMIT)


async def test_close_db_ends_wakeups(db: ModuleType) -> None:
    async def work() -> None:
        async for _ in db.scan_wakeups():
            is_woken.set()

    is_woken = asyncio.Event()
    working = asyncio.create_task(work())
    await asyncio.wait_for(is_woken.wait(), LIMIT)
    await clip_saver_db.close_db()
    await asyncio.wait_for(working, LIMIT)
