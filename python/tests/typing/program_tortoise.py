"""A program of the Tortoise generation, for the type checkers: it is not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clip_saver_db import DatabaseConfig, close_db, get_config, init_db
from clip_saver_db import repositories as db
from clip_saver_db.types import ChannelSettings, GuildSettings

if TYPE_CHECKING:
    from typing_extensions import assert_type


async def store(tx: db.Functions) -> None:
    assert_type(await tx.touch_guild(1001), bool)


async def program() -> None:
    config = get_config()
    assert_type(config, DatabaseConfig)
    assert_type(config.get_connection_string(), str)
    await init_db(config, generate_schemas=False)
    assert_type(await db.set_guild_settings("1001", settings_dict={"a": 1}), GuildSettings)
    assert_type(await db.update_channel_settings("2001", {"a": 1}), ChannelSettings | dict[str, Any])
    run_id = await db.enqueue_scan_run(2001)
    assert_type(run_id, str | None)
    if run_id is not None:
        assert_type(await db.mark_scan_failed(run_id, "reason"), bool)
    async with db.transaction() as tx:
        await store(tx)
        assert_type(await tx.enqueue_scan_run("2001"), str | None)
    await close_db()
