"""The contract of scan runs."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest
from support import OLD, Sql, add_channel, is_now, is_utc

from clip_saver_db import database
from clip_saver_db.types import ScanRun

ENDS = {"mark_scan_succeeded": "succeeded", "mark_scan_failed": "failed", "mark_scan_canceled": "canceled"}
STATUSES = ["queued", "running", "succeeded", "failed", "canceled"]


async def end(db: ModuleType, function: str, run_id: Any) -> bool:
    """Calls a function that ends a run."""
    arguments = ("reason",) if function == "mark_scan_failed" else ()
    ended: bool = await getattr(db, function)(run_id, *arguments)
    return ended


async def run_of_status(db: ModuleType, sql: Sql, status: str) -> UUID:
    """A new run, brought to a status by the functions."""
    await add_channel(db)
    run_id = UUID(str(await db.enqueue_scan_run("2001")))
    if status != "queued":
        await db.mark_scan_started(run_id)
    for function, ended in ENDS.items():
        if ended == status:
            await end(db, function, run_id)
    assert run_row(sql, run_id)["status"] == status
    return run_id


def run_row(sql: Sql, run_id: UUID) -> dict[str, Any]:
    """A run as it is stored."""
    (row,) = sql("select * from bot_channel_scan_runs where id = %s", run_id)
    return row


async def test_enqueue_answers_a_uuid_to_psycopg3_and_its_text_to_tortoise(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    run_id = await db.enqueue_scan_run(2001)
    assert type(run_id) is (UUID if db is database else str)
    row = run_row(sql, UUID(str(run_id)))
    assert (row["channel_id"], row["status"], row["started_at"]) == ("2001", "queued", None)


async def test_a_run_starts_after_the_channels_cursor(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    await db.update_channel_cursor("2001", 999)
    await db.enqueue_scan_run("2001")
    assert sql("select after_message_id from bot_channel_scan_runs") == [{"after_message_id": "999"}]


@pytest.mark.parametrize("cursor", [None, "NaN", ""])
async def test_a_cursor_that_is_no_id_is_not_copied_into_a_run(db: ModuleType, sql: Sql, cursor: str | None) -> None:
    await add_channel(db)
    sql("update bot_channels set last_message_id = %s", cursor)
    await db.enqueue_scan_run("2001")
    assert sql("select after_message_id from bot_channel_scan_runs") == [{"after_message_id": None}]


async def test_there_is_no_run_for_a_channel_that_is_unknown_or_not_read(db: ModuleType, sql: Sql) -> None:
    await add_channel(db)
    await db.set_channel_reading("2001", False)
    assert await db.enqueue_scan_run("2001") is None
    assert await db.enqueue_scan_run("2002") is None
    assert sql("select * from bot_channel_scan_runs") == []


async def test_mark_scan_started_sets_status_and_time(db: ModuleType, sql: Sql) -> None:
    run_id = await run_of_status(db, sql, "queued")
    assert await db.mark_scan_started(run_id) is True
    row = run_row(sql, run_id)
    assert row["status"] == "running"
    assert is_now(sql, row["started_at"])


async def test_of_50_callers_one_starts_a_run(db: ModuleType, sql: Sql) -> None:
    run_id = await run_of_status(db, sql, "queued")
    started = await asyncio.gather(*(db.mark_scan_started(run_id) for _ in range(50)))
    assert sorted(started) == [False] * 49 + [True]


async def test_of_many_callers_one_ends_a_run(db: ModuleType, sql: Sql) -> None:
    run_id = await run_of_status(db, sql, "running")
    ended = await asyncio.gather(*(end(db, function, run_id) for function in [*ENDS] * 10))
    assert sorted(ended) == [False] * 29 + [True]


@pytest.mark.parametrize("status", STATUSES)
async def test_only_a_queued_run_is_started(db: ModuleType, sql: Sql, status: str) -> None:
    run_id = await run_of_status(db, sql, status)
    before = run_row(sql, run_id)
    assert await db.mark_scan_started(run_id) is (status == "queued")
    if status != "queued":
        assert run_row(sql, run_id) == before


@pytest.mark.parametrize("function", ENDS)
@pytest.mark.parametrize("status", ["queued", "running"])
async def test_a_queued_or_running_run_is_ended(db: ModuleType, sql: Sql, status: str, function: str) -> None:
    run_id = await run_of_status(db, sql, status)
    assert await end(db, function, run_id) is True
    row = run_row(sql, run_id)
    assert row["status"] == ENDS[function]
    assert is_now(sql, row["finished_at"])
    assert row["error_message"] == ("reason" if function == "mark_scan_failed" else None)


@pytest.mark.parametrize("function", ENDS)
@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
async def test_a_finished_run_never_changes_again(db: ModuleType, sql: Sql, status: str, function: str) -> None:
    run_id = await run_of_status(db, sql, status)
    sql("update bot_channel_scan_runs set finished_at = %s", OLD)
    before = run_row(sql, run_id)
    assert await end(db, function, run_id) is False
    assert run_row(sql, run_id) == before


@pytest.mark.parametrize("status", STATUSES)
async def test_update_scan_progress_adds_in_any_status(db: ModuleType, sql: Sql, status: str) -> None:
    run_id = await run_of_status(db, sql, status)
    assert await db.update_scan_progress(run_id, 10, 2) == {"messages_scanned": 10, "messages_matched": 2}
    totals = await db.update_scan_progress(run_id, scanned_inc=5, matched_inc=1)
    assert type(totals) is dict
    assert totals == {"messages_scanned": 15, "messages_matched": 3}
    assert await db.update_scan_progress(run_id) == totals
    assert run_row(sql, run_id)["status"] == status


async def test_50_calls_of_update_scan_progress_at_once_lose_nothing(db: ModuleType, sql: Sql) -> None:
    run_id = await run_of_status(db, sql, "running")
    totals = await asyncio.gather(*(db.update_scan_progress(run_id, 2, 1) for _ in range(50)))
    assert sorted(row["messages_scanned"] for row in totals) == list(range(2, 102, 2))
    assert run_row(sql, run_id)["messages_matched"] == 50


async def test_an_unknown_run_is_told_so(db: ModuleType) -> None:
    assert await db.mark_scan_started(uuid4()) is False
    for function in ENDS:
        assert await end(db, function, str(uuid4())) is False
    assert await db.update_scan_progress(uuid4(), 1, 1) is None
    assert await db.record_scan_progress(uuid4(), "2001", 1, 1) is None
    assert await db.get_scan_run(uuid4()) is None


@pytest.mark.parametrize("kind", [UUID, str, lambda run_id: str(run_id).upper()])
async def test_a_runs_id_is_a_uuid_or_its_text(db: ModuleType, sql: Sql, kind: Any) -> None:
    run_id = await run_of_status(db, sql, "queued")
    assert await db.mark_scan_started(kind(str(run_id))) is True


async def test_reads_of_runs(db: ModuleType, sql: Sql) -> None:
    run_id = await run_of_status(db, sql, "failed")
    run = await db.get_scan_run(run_id)
    assert type(run) is ScanRun
    assert (run.id, run.channel_id, run.status, run.error_message) == (run_id, "2001", "failed", "reason")
    assert is_utc(run.finished_at) and run.finished_at == run_row(sql, run_id)["finished_at"]
    assert await db.get_scan_runs("2001") == [run]
    assert await db.get_scan_runs("2001", limit=0) == []


async def test_record_scan_progress_moves_channel_and_run_together(db: ModuleType, sql: Sql) -> None:
    run_id = await run_of_status(db, sql, "running")
    totals = await db.record_scan_progress(run_id, "2001", 999, 10, 2)
    assert totals == {"messages_scanned": 10, "messages_matched": 2}
    assert sql("select last_message_id, message_count from bot_channels") == [
        {"last_message_id": "999", "message_count": 10}
    ]
