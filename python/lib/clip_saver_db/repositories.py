"""The functions as the Tortoise generation had them: `from clip_saver_db import repositories as db`.

Run ids are `str`, and a missing channel is `{}`.
"""

from __future__ import annotations

from . import _database
from ._database import Transaction, close_db, health, hold_scan, scan_wakeups
from ._functions import TortoiseFunctions as Functions
from ._native import ScanWorker
from .config import DatabaseConfig, get_config, in_config
from .errors import InvalidConfig
from .types import (
    Attachment,
    ChannelSnapshot,
    ClipAuthor,
    ClipKey,
    ClipMessage,
    GuildSnapshot,
    MessageInterval,
    ScanClaim,
    ScanPage,
    UserSnapshot,
)

__all__ = [
    "Attachment",
    "ChannelSnapshot",
    "ClipAuthor",
    "ClipKey",
    "ClipMessage",
    "DatabaseConfig",
    "Functions",
    "GuildSnapshot",
    "MessageInterval",
    "ScanClaim",
    "ScanPage",
    "ScanWorker",
    "UserSnapshot",
    "cancel_scans_of_channels",
    "cancel_scans_of_guild",
    "claim_scan_runs",
    "close_db",
    "complete_scan",
    "complete_scans",
    "consume_install_intent",
    "count_channels_by_guild",
    "count_clips",
    "create_install_intent",
    "delete_channels",
    "delete_guilds",
    "delete_messages",
    "enqueue_scan_run",
    "ensure_guild_settings",
    "fail_scan",
    "get_channel",
    "get_channels_by_guild",
    "get_clip",
    "get_clips",
    "get_config",
    "get_expiring_clips",
    "get_guild",
    "get_guild_settings",
    "get_guilds",
    "get_install_intent",
    "get_reading_channels",
    "get_scan_coverage",
    "get_scan_gaps",
    "get_scan_run",
    "get_scan_runs",
    "get_scan_states",
    "get_unreadable_rows",
    "get_user",
    "health",
    "hold_scan",
    "increment_channel_message_count",
    "init_db",
    "mark_scan_canceled",
    "mark_scan_failed",
    "mark_scan_started",
    "mark_scan_succeeded",
    "purge_expired_install_intents",
    "purge_finished_scan_runs",
    "record_live_messages",
    "record_scan_page",
    "record_scan_progress",
    "refresh_clip_url",
    "release_scan",
    "renew_scan_lease",
    "request_scan",
    "request_scan_cancel",
    "scan_queue_stats",
    "scan_wakeups",
    "set_channel_reading",
    "set_channel_settings",
    "set_guild_settings",
    "sync_guild",
    "total_message_count",
    "touch_channel_activity",
    "touch_guild",
    "transaction",
    "update_channel_cursor",
    "update_channel_progress",
    "update_channel_settings",
    "update_guild_settings",
    "update_scan_progress",
    "upsert_channels_for_guild",
    "upsert_guild",
    "upsert_guilds",
    "upsert_user",
    "upsert_users",
]


async def init_db(config: DatabaseConfig | None = None, generate_schemas: bool = True) -> None:
    """Connects, as `config` or else the environment says. Unless `generate_schemas` is false, brings the schema up to date.

    Errors: `InvalidConfig`, `ConnectTimeout`, `ConnectionFailed`, `PasswordFailed`, `TlsFailed`, `MigrationFailed`.
    """
    if not isinstance(config, DatabaseConfig | None):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"init_db: `config` must be a DatabaseConfig, not {type(config).__name__}")
    if not isinstance(generate_schemas, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"init_db: `generate_schemas` must be a bool, not {type(generate_schemas).__name__}")
    if config is None:
        await _database.start(None, migrate=generate_schemas)
        return
    variables = config.variables()
    try:
        await _database.start(variables, migrate=generate_schemas)
    except InvalidConfig as error:
        raise in_config(error, variables) from None


def transaction() -> Transaction[Functions]:
    """Stores all calls of a block, or none of them: see `Transaction`. `Functions` is the type of the block's `tx`."""
    return Transaction(Functions)


_functions = Functions(_database.client)

get_guild = _functions.get_guild
get_guilds = _functions.get_guilds
upsert_guild = _functions.upsert_guild
upsert_guilds = _functions.upsert_guilds
delete_guilds = _functions.delete_guilds
touch_guild = _functions.touch_guild
sync_guild = _functions.sync_guild
get_guild_settings = _functions.get_guild_settings
ensure_guild_settings = _functions.ensure_guild_settings
update_guild_settings = _functions.update_guild_settings
set_guild_settings = _functions.set_guild_settings
get_channel = _functions.get_channel
get_channels_by_guild = _functions.get_channels_by_guild
get_reading_channels = _functions.get_reading_channels
count_channels_by_guild = _functions.count_channels_by_guild
total_message_count = _functions.total_message_count
upsert_channels_for_guild = _functions.upsert_channels_for_guild
set_channel_reading = _functions.set_channel_reading
update_channel_cursor = _functions.update_channel_cursor
update_channel_progress = _functions.update_channel_progress
touch_channel_activity = _functions.touch_channel_activity
increment_channel_message_count = _functions.increment_channel_message_count
update_channel_settings = _functions.update_channel_settings
set_channel_settings = _functions.set_channel_settings
delete_channels = _functions.delete_channels
get_scan_run = _functions.get_scan_run
get_scan_runs = _functions.get_scan_runs
enqueue_scan_run = _functions.enqueue_scan_run
mark_scan_started = _functions.mark_scan_started
record_scan_progress = _functions.record_scan_progress
update_scan_progress = _functions.update_scan_progress
mark_scan_succeeded = _functions.mark_scan_succeeded
mark_scan_failed = _functions.mark_scan_failed
mark_scan_canceled = _functions.mark_scan_canceled
request_scan = _functions.request_scan
claim_scan_runs = _functions.claim_scan_runs
renew_scan_lease = _functions.renew_scan_lease
complete_scan = _functions.complete_scan
complete_scans = _functions.complete_scans
fail_scan = _functions.fail_scan
release_scan = _functions.release_scan
request_scan_cancel = _functions.request_scan_cancel
cancel_scans_of_guild = _functions.cancel_scans_of_guild
cancel_scans_of_channels = _functions.cancel_scans_of_channels
get_scan_states = _functions.get_scan_states
scan_queue_stats = _functions.scan_queue_stats
purge_finished_scan_runs = _functions.purge_finished_scan_runs
record_scan_page = _functions.record_scan_page
record_live_messages = _functions.record_live_messages
get_scan_coverage = _functions.get_scan_coverage
get_scan_gaps = _functions.get_scan_gaps
get_clips = _functions.get_clips
count_clips = _functions.count_clips
get_clip = _functions.get_clip
get_expiring_clips = _functions.get_expiring_clips
refresh_clip_url = _functions.refresh_clip_url
delete_messages = _functions.delete_messages
create_install_intent = _functions.create_install_intent
get_install_intent = _functions.get_install_intent
consume_install_intent = _functions.consume_install_intent
purge_expired_install_intents = _functions.purge_expired_install_intents
get_user = _functions.get_user
upsert_user = _functions.upsert_user
upsert_users = _functions.upsert_users
get_unreadable_rows = _functions.get_unreadable_rows
