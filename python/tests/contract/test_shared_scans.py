"""Scans that workers share."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from support import OLD, Sql, add_channel, is_utc, until

from clip_saver_db import InvalidInput, ScanWorker
from clip_saver_db.types import ActiveScan, LastScan, ScanClaim, ScanProgress, ScanQueueStats, ScanRequested, ScanState


async def claimed(db: ModuleType, worker: str = "worker") -> ScanClaim:
    """A run of a new channel that a worker owns."""
    await add_channel(db)
    await db.request_scan("2001")
    (claim,) = await db.claim_scan_runs(ScanWorker(worker), 1, 600)
    assert isinstance(claim, ScanClaim)
    return claim


async def test_of_equal_requests_at_once_one_enqueues(db: ModuleType) -> None:
    await add_channel(db)
    requests = await asyncio.gather(*(db.request_scan("2001", after=1, before="9") for _ in range(20)))
    assert sorted(request.outcome for request in requests) == ["already_active"] * 19 + ["enqueued"]
    assert len({request.run_id for request in requests}) == 1
    assert type(requests[0]) is ScanRequested and type(requests[0].run_id) is UUID


async def test_there_is_no_run_for_a_channel_that_is_unknown_or_not_read(db: ModuleType) -> None:
    await add_channel(db)
    await db.set_channel_reading("2001", False)
    assert await db.request_scan("2001") == ScanRequested("not_reading", None)
    assert await db.request_scan("2002") == ScanRequested("unknown_channel", None)


async def test_a_claim_has_the_runs_interval(db: ModuleType) -> None:
    await add_channel(db)
    requested = await db.request_scan(2001, after="10", before=20)
    (claim,) = await db.claim_scan_runs(ScanWorker("worker"), 10, 600)
    assert claim == ScanClaim(requested.run_id, claim.token, "2001", "1001", "10", "20", 1)
    assert claim.token > 0
    assert await db.claim_scan_runs(ScanWorker("other"), 10, 600) == []


async def test_the_highest_priority_is_claimed_first_and_a_delayed_run_later(db: ModuleType) -> None:
    for channel in ("2001", "2002", "2003"):
        await add_channel(db, channel)
    await db.request_scan("2001", priority=-5)
    await db.request_scan("2002", priority=5)
    await db.request_scan("2003", not_before=datetime.now(timezone.utc) + timedelta(hours=1))
    claims = await db.claim_scan_runs(ScanWorker("worker"), 10, 600)
    assert [claim.channel_id for claim in claims] == ["2002", "2001"]


async def test_workers_at_once_claim_each_run_once(db: ModuleType) -> None:
    for channel in range(2001, 2021):
        await add_channel(db, str(channel))
        await db.request_scan(channel)
    claims = await asyncio.gather(*(db.claim_scan_runs(ScanWorker(f"worker {n}"), 2, 600) for n in range(10)))
    run_ids = [claim.run_id for each in claims for claim in each]
    assert len(run_ids) == len(set(run_ids)) == 20


async def test_a_lease_is_held_renewed_and_lost(db: ModuleType, sql: Sql) -> None:
    claim = await claimed(db)
    assert await db.renew_scan_lease(claim, 600) == "held"
    assert await db.request_scan_cancel(claim.run_id) is True
    assert await db.renew_scan_lease(claim, 600.5) == "cancel_requested"
    assert await db.release_scan(claim) is True
    assert await db.renew_scan_lease(claim, 600) == "lost"


async def test_an_expired_claim_is_taken_over_and_its_token_counts_no_more(db: ModuleType, sql: Sql) -> None:
    old = await claimed(db, "dead")
    sql("update bot_channel_scan_runs set lease_until = %s", OLD)
    worker = ScanWorker("worker")
    (claim,) = await until(lambda: db.claim_scan_runs(worker, 1, 600))  # found at the latest a second later
    assert claim.token > old.token
    assert await db.complete_scan(old) is False
    assert await db.fail_scan(old, "reason") is False
    assert await db.release_scan(old) is False
    assert await db.complete_scan(claim) is True


@pytest.mark.parametrize(
    ("function", "arguments", "status"),
    [
        ("complete_scan", (), "succeeded"),
        ("fail_scan", ("reason",), "failed"),
        ("fail_scan", ("reason", datetime(2100, 1, 1, tzinfo=timezone.utc)), "queued"),
        ("release_scan", (), "queued"),
    ],
)
async def test_a_claim_ends(db: ModuleType, sql: Sql, function: str, arguments: tuple[Any, ...], status: str) -> None:
    claim = await claimed(db)
    assert await getattr(db, function)(claim, *arguments) is True
    run = await db.get_scan_run(claim.run_id)
    assert run.status == status
    assert run.error_message == (arguments[0] if arguments else None)
    assert run.not_before == (arguments[1] if len(arguments) == 2 else None)


async def test_complete_scans_tells_which_claims_held(db: ModuleType) -> None:
    claim = await claimed(db)
    lost = ScanClaim(claim.run_id, claim.token + 1, "2001", "1001", None, None, 1)
    assert await db.complete_scans([lost]) == []
    assert await db.complete_scans(each for each in [claim]) == [claim.run_id]
    assert await db.complete_scans([]) == []


async def test_scans_are_canceled_by_run_guild_and_channels(db: ModuleType) -> None:
    for channel in ("2001", "2002", "2003"):
        await add_channel(db, channel)
        await db.request_scan(channel)
    requested = await db.request_scan("2001")
    assert await db.request_scan_cancel(str(requested.run_id)) is True
    assert await db.request_scan_cancel(requested.run_id) is False
    assert await db.cancel_scans_of_channels(["2001", 2002]) == 1
    assert await db.cancel_scans_of_guild("1001") == 1
    assert await db.claim_scan_runs(ScanWorker("worker"), 10, 600) == []


async def test_get_scan_states_describes_each_channel(db: ModuleType) -> None:
    await add_channel(db, "2002")
    claim = await claimed(db)
    with_run, without = await db.get_scan_states("1001")
    assert type(with_run) is ScanState and type(with_run.active) is ActiveScan
    active = with_run.active
    assert (active.run_id, active.status, active.worker) == (claim.run_id, "running", "worker")
    assert is_utc(active.lease_until) and active.progress == ScanProgress(0, 0)
    assert without == ScanState("2002", "general", True, 0, 0, None, None)
    await db.fail_scan(claim, "reason")
    ended = (await db.get_scan_states("1001"))[0]
    assert ended.active is None
    assert ended.last == LastScan("failed", ended.last.finished_at, "reason")


async def test_scan_queue_stats_counts_the_shared_runs(db: ModuleType) -> None:
    assert await db.scan_queue_stats() == ScanQueueStats(0, 0, 0, 0, None)
    await claimed(db)
    await add_channel(db, "2002")
    await db.request_scan("2002")
    stats = await db.scan_queue_stats()
    assert (stats.queued, stats.delayed, stats.running, stats.expired) == (1, 0, 1, 0)
    assert type(stats.oldest) is float and 0 <= stats.oldest < 60


async def test_purge_keeps_the_newest_of_each_channel(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    for _ in range(5):
        await db.mark_scan_succeeded(await db.enqueue_scan_run("2001"))
    assert await db.purge_finished_scan_runs(3600, 0) == 0
    sql("update bot_channel_scan_runs set finished_at = %s", OLD)
    assert await db.purge_finished_scan_runs(0.5, 2) == 3
    assert sql("select count(*) from bot_channel_scan_runs") == [{"count": 2}]


@pytest.mark.parametrize(("limit", "lease", "field"), [(0, 600, "limit"), (101, 600, "limit"), (1, 0, "lease_seconds")])
async def test_a_claim_without_a_limit_or_a_lease_is_refused(
    db: ModuleType, limit: int, lease: float, field: str
) -> None:
    with pytest.raises(InvalidInput, match=f"claim_scan_runs: `{field}`") as refused:
        await db.claim_scan_runs(ScanWorker("worker"), limit, lease)
    assert refused.value.field == field


def test_a_worker_has_a_name() -> None:
    assert ScanWorker("worker").name == "worker"
    with pytest.raises(TypeError, match="ScanWorker: `name` must be a str, not int"):
        ScanWorker(1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def test_a_held_scan_is_completed_in_its_block_or_handed_back(db: ModuleType, sql: Sql) -> None:
    claim = await claimed(db)
    async with db.hold_scan(claim, 600) as lease:
        assert (lease.claim, lease.is_lost, lease.is_cancel_requested) == (claim, False, False)
    assert (await db.get_scan_run(claim.run_id)).status == "queued"
    (again,) = await db.claim_scan_runs(ScanWorker("worker"), 1, 600)
    async with db.hold_scan(again, 600) as lease:
        assert await lease.complete() is True
    assert (await db.get_scan_run(claim.run_id)).status == "succeeded"
