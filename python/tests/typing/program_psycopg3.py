"""A program of the psycopg3 generation, for the type checkers: it is not run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import clip_saver_db.database as db
from clip_saver_db import ChannelSnapshot, GuildSnapshot, OperationalError
from clip_saver_db.types import (
    ChannelRow,
    ChannelSettings,
    ClipPage,
    GuildSettings,
    PageRecorded,
    ScanClaim,
    ScanTotals,
)

if TYPE_CHECKING:
    from typing_extensions import assert_type


async def bot(guild_id: int, overrides: Mapping[str, Any]) -> None:
    db.configure_from_env()
    await db.init_db()
    assert_type(await db.upsert_guild(guild_id=guild_id, name="Clips", icon=None), None)
    guild = GuildSnapshot(guild_id, "Clips", channels=(ChannelSnapshot("2001", "general", "text"),))
    assert_type(await db.upsert_guilds(guild for guild in [guild]), int)
    assert_type(await db.set_guild_settings(guild_id, settings=overrides), GuildSettings)
    assert_type(await db.get_guild_settings("1001"), GuildSettings | None)
    channels = await db.get_channels_by_guild(guild_id)
    assert_type(channels, list[ChannelRow])
    assert_type(channels[0]["last_message_id"], str | None)
    assert_type(channels[0]["settings"], dict[str, Any])
    assert_type(await db.set_channel_settings("2001", {"a": 1}), ChannelSettings | None)
    assert_type(await db.delete_channels(["2001", 2002]), int)


async def store(tx: db.Functions) -> None:
    assert_type(await tx.touch_guild(1001), bool)


async def worker(claim: ScanClaim) -> None:
    run_id = await db.enqueue_scan_run("2001")
    assert_type(run_id, UUID | None)
    if run_id is not None:
        assert_type(await db.mark_scan_started(run_id), bool)
        assert_type(await db.update_scan_progress(run_id, 10, matched_inc=2), ScanTotals | None)
    async for _ in db.scan_wakeups():
        async with db.hold_scan(claim, 30) as lease:
            assert_type(await lease.complete(), bool)
    assert_type(await db.record_scan_page(claim, db.ScanPage.live("1")), PageRecorded | None)
    assert_type(await db.get_clips("1001", limit=10), ClipPage)
    try:
        async with db.transaction() as tx:
            await store(tx)
            assert_type(await tx.enqueue_scan_run("2001"), UUID | None)
    except OperationalError as error:
        assert_type(error.sqlstate, str | None)
    await db.close_db()
