"""The functions: names, defaults and documentation. What they do is in Rust."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from . import _native
from .types import (
    Channel,
    ChannelRow,
    ChannelSettings,
    ChannelSnapshot,
    Clip,
    ClipKey,
    ClipPage,
    Guild,
    GuildSettings,
    GuildSnapshot,
    Id,
    InstallIntent,
    LeaseState,
    LiveMessagesRecorded,
    MessageInterval,
    PageRecorded,
    RunId,
    ScanClaim,
    ScanPage,
    ScanQueueStats,
    ScanRequested,
    ScanRun,
    ScanState,
    ScanTotals,
    UnreadableRow,
    User,
    UserSnapshot,
)


class Functions:
    """What both generations share. Each call is one statement and one commit, or part of a transaction."""

    def __init__(self, client: Callable[[], _native.Client]) -> None:
        self._client = client

    # Guilds

    async def get_guild(self, guild_id: Id) -> Guild | None:
        """Returns a guild, or `None`."""
        return await _native.get_guild(self._client(), guild_id)

    async def get_guilds(self) -> list[Guild]:
        """Returns all guilds."""
        return await _native.get_guilds(self._client())

    async def upsert_guild(
        self,
        *,
        guild_id: Id,
        name: str,
        icon: str | None,
        owner_user_id: Id | None = None,
        joined_at: datetime | None = None,
    ) -> None:
        """Writes a guild. `None` clears icon and owner. `joined_at` is aware, `None` is now; an update keeps the stored one.

        Errors: `ForeignKeyViolation` if the owner is not in `users`.
        """
        await _native.upsert_guild(self._client(), guild_id, name, icon, owner_user_id, joined_at)

    async def upsert_guilds(self, guilds: Iterable[GuildSnapshot]) -> int:
        """Writes guilds, without their channels: all or none; the last of several with one id counts. Returns the rows written.

        Errors: as `upsert_guild`.
        """
        return await _native.upsert_guilds(self._client(), guilds)

    async def delete_guilds(self, guild_ids: Iterable[Id]) -> int:
        """Deletes guilds with their channels and scan runs; their settings stay. Returns the guilds deleted."""
        return await _native.delete_guilds(self._client(), guild_ids)

    async def touch_guild(self, guild_id: Id) -> bool:
        """Sets `last_seen_at` to now. Returns whether the guild exists."""
        return await _native.touch_guild(self._client(), guild_id)

    async def sync_guild(self, guild: GuildSnapshot) -> int:
        """Writes a guild with its channels, all or nothing. An owner who is not in `users` is added with only the id. Channels
        that `guild` does not name stay. Returns the channels written."""
        return await _native.sync_guild(self._client(), guild)

    # Guild settings: they may exist before the guild

    async def get_guild_settings(self, guild_id: Id) -> GuildSettings | None:
        """Returns `{"guild_id", "settings", "updated_at"}`, or `None`."""
        return await _native.get_guild_settings(self._client(), guild_id)

    async def ensure_guild_settings(self, guild_id: Id, defaults: Mapping[str, Any] | None = None) -> GuildSettings:
        """Returns the settings. If there are none, stores `defaults`; of concurrent callers one wins and all get the same."""
        return await _native.ensure_guild_settings(self._client(), guild_id, {} if defaults is None else defaults)

    async def update_guild_settings(self, guild_id: Id, values: Mapping[str, Any]) -> GuildSettings | None:
        """Replaces the top-level keys of `values`; `None` is stored as null. Returns the settings, or `None` if there are
        none."""
        return await _native.update_guild_settings(self._client(), guild_id, values)

    # Channels

    async def get_channel(self, channel_id: Id) -> Channel | None:
        """Returns a channel, or `None`."""
        return await _native.get_channel(self._client(), channel_id)

    async def get_channels_by_guild(self, guild_id: Id) -> list[ChannelRow]:
        """Returns a guild's channels by name, in the order of code points, those without a name last."""
        return await _native.get_channels_by_guild(self._client(), guild_id)

    async def get_reading_channels(self, guild_id: Id) -> list[Channel]:
        """Returns the channels that the worker reads."""
        return await _native.get_reading_channels(self._client(), guild_id)

    async def count_channels_by_guild(self, guild_id: Id) -> int:
        """Returns how many channels a guild has."""
        return await _native.count_channels_by_guild(self._client(), guild_id)

    async def total_message_count(self, guild_id: Id) -> int:
        """Returns the sum of the message counts of a guild's channels."""
        return await _native.total_message_count(self._client(), guild_id)

    async def upsert_channels_for_guild(self, guild_id: Id, channels: Iterable[ChannelSnapshot]) -> int:
        """Writes channels: all or none; the last of several with one id counts, and their overrides are merged. Overrides are
        merged into the stored settings. Returns the rows written.

        Errors: `ForeignKeyViolation` if the guild does not exist.
        """
        return await _native.upsert_channels_for_guild(self._client(), guild_id, channels)

    async def set_channel_reading(self, channel_id: Id, is_reading: bool) -> bool:
        """Sets whether the worker reads a channel, and its setting `is_enabled`. Returns whether the channel exists."""
        return await _native.set_channel_reading(self._client(), channel_id, is_reading)

    async def update_channel_cursor(self, channel_id: Id, last_message_id: Id | None) -> bool:
        """Sets the cursor as given, and `last_scanned_at` to now. Returns whether the channel exists."""
        return await _native.update_channel_cursor(self._client(), channel_id, last_message_id)

    async def update_channel_progress(self, channel_id: Id, last_seen_message_id: Id, ingested_count: int) -> bool:
        """Moves the cursor forward, never back, adds to the message count, sets `last_scanned_at` to now. Concurrent calls lose
        nothing. Returns whether the channel exists."""
        return await _native.update_channel_progress(self._client(), channel_id, last_seen_message_id, ingested_count)

    async def touch_channel_activity(self, channel_id: Id) -> bool:
        """Sets `last_activity_at` to now. Returns whether the channel exists."""
        return await _native.touch_channel_activity(self._client(), channel_id)

    async def increment_channel_message_count(self, channel_id: Id, by: int = 1) -> bool:
        """Adds to the message count; `by` may be negative. Returns whether the channel exists."""
        return await _native.increment_channel_message_count(self._client(), channel_id, by)

    async def delete_channels(self, channel_ids: Iterable[Id]) -> int:
        """Deletes channels with their scan runs. Returns the channels deleted."""
        return await _native.delete_channels(self._client(), channel_ids)

    # Scan runs

    async def get_scan_run(self, run_id: RunId) -> ScanRun | None:
        """Returns a run, or `None`."""
        return await _native.get_scan_run(self._client(), run_id)

    async def get_scan_runs(self, channel_id: Id, limit: int = 100) -> list[ScanRun]:
        """Returns a channel's runs, newest first, `limit` at most."""
        return await _native.get_scan_runs(self._client(), channel_id, limit)

    async def mark_scan_started(self, run_id: RunId) -> bool:
        """A queued run becomes running. Of concurrent callers exactly one gets true."""
        return await _native.mark_scan_started(self._client(), run_id)

    async def record_scan_progress(
        self, run_id: RunId, channel_id: Id, last_message_id: Id, scanned_inc: int = 0, matched_inc: int = 0
    ) -> ScanTotals | None:
        """Adds to a run's counters and moves its channel's progress, in one commit. Returns the totals, or `None` without such a
        run."""
        return await _native.record_scan_progress(
            self._client(), run_id, channel_id, last_message_id, scanned_inc, matched_inc
        )

    async def update_scan_progress(
        self, run_id: RunId, scanned_inc: int = 0, matched_inc: int = 0
    ) -> ScanTotals | None:
        """Adds to a run's counters. Returns `{"messages_scanned", "messages_matched"}`, or `None` without such a run."""
        return await _native.update_scan_progress(self._client(), run_id, scanned_inc, matched_inc)

    async def mark_scan_succeeded(self, run_id: RunId) -> bool:
        """Ends a run that is queued or running. Returns whether it was."""
        return await _native.mark_scan_succeeded(self._client(), run_id)

    async def mark_scan_failed(self, run_id: RunId, error_message: str) -> bool:
        """Ends a run that is queued or running. Returns whether it was."""
        return await _native.mark_scan_failed(self._client(), run_id, error_message)

    async def mark_scan_canceled(self, run_id: RunId) -> bool:
        """Ends a run that is queued or running. Returns whether it was."""
        return await _native.mark_scan_canceled(self._client(), run_id)

    # Scans that workers share

    async def request_scan(
        self,
        channel_id: Id,
        *,
        after: Id | None = None,
        before: Id | None = None,
        priority: int = 0,
        not_before: datetime | None = None,
    ) -> ScanRequested:
        """Enqueues a run between two messages, both excluded. Of concurrent equal requests one enqueues. `priority` is from
        -32768 to 32767: the highest is claimed first."""
        return await _native.request_scan(self._client(), channel_id, after, before, priority, not_before)

    async def claim_scan_runs(self, worker: _native.ScanWorker, limit: int, lease_seconds: float) -> list[ScanClaim]:
        """Claims up to `limit` runs for `lease_seconds`. Repeated after an unknown outcome, it returns the same claims."""
        return await _native.claim_scan_runs(self._client(), worker, limit, lease_seconds)

    async def renew_scan_lease(self, claim: ScanClaim, lease_seconds: float) -> LeaseState:
        """Renews a lease, for `lease_seconds` from now: `"held"`, `"cancel_requested"` or `"lost"`."""
        return await _native.renew_scan_lease(self._client(), claim, lease_seconds)

    async def complete_scan(self, claim: ScanClaim) -> bool:
        """Ends a run as succeeded. Returns whether the claim still held."""
        return await _native.complete_scan(self._client(), claim)

    async def complete_scans(self, claims: Iterable[ScanClaim]) -> list[UUID]:
        """Ends runs as succeeded. Returns those whose claims still held."""
        return await _native.complete_scans(self._client(), claims)

    async def fail_scan(self, claim: ScanClaim, reason: str, retry_at: datetime | None = None) -> bool:
        """Ends a run as failed or, with an aware `retry_at`, puts it back into the queue until then. Returns whether the claim
        still held."""
        return await _native.fail_scan(self._client(), claim, reason, retry_at)

    async def release_scan(self, claim: ScanClaim) -> bool:
        """Hands a run back, without counting as an attempt. Returns whether the claim still held."""
        return await _native.release_scan(self._client(), claim)

    async def request_scan_cancel(self, run_id: RunId) -> bool:
        """Cancels a queued run; tells the worker of a running one. Returns whether the run is not finished."""
        return await _native.request_scan_cancel(self._client(), run_id)

    async def cancel_scans_of_guild(self, guild_id: Id) -> int:
        """The same for all runs of a guild. Returns how many."""
        return await _native.cancel_scans_of_guild(self._client(), guild_id)

    async def cancel_scans_of_channels(self, channel_ids: Iterable[Id]) -> int:
        """The same for all runs of these channels. Returns how many."""
        return await _native.cancel_scans_of_channels(self._client(), channel_ids)

    async def get_scan_states(self, guild_id: Id) -> list[ScanState]:
        """Returns the state of the scans of each channel of a guild."""
        return await _native.get_scan_states(self._client(), guild_id)

    async def scan_queue_stats(self) -> ScanQueueStats:
        """Counts the shared runs that are not finished."""
        return await _native.scan_queue_stats(self._client())

    async def purge_finished_scan_runs(self, older_than_seconds: float, keep: int) -> int:
        """Deletes runs that finished longer ago, but not the newest `keep` of each channel. Returns how many."""
        return await _native.purge_finished_scan_runs(self._client(), older_than_seconds, keep)

    async def record_scan_page(self, claim: ScanClaim, page: ScanPage) -> PageRecorded | None:
        """Stores a page's clips and counts those of its messages that were not covered before. Returns what was new and the run's
        totals, or `None` if the claim is lost: then nothing was stored."""
        return await _native.record_scan_page(self._client(), claim, page)

    async def record_live_messages(
        self, channel_id: Id, since: Id | None, page: ScanPage
    ) -> LiveMessagesRecorded | None:
        """The same for messages of the gateway. `since` is the last id that this unbroken session saw in the channel, or `None`.
        Returns `None` for an unknown channel."""
        return await _native.record_live_messages(self._client(), channel_id, since, page)

    async def get_scan_coverage(self, channel_id: Id) -> list[MessageInterval]:
        """Returns what of a channel was read, ascending."""
        return await _native.get_scan_coverage(self._client(), channel_id)

    async def get_scan_gaps(self, channel_id: Id, up_to: Id) -> list[MessageInterval]:
        """Returns what of a channel was not read, from 0 to `up_to`, ascending."""
        return await _native.get_scan_gaps(self._client(), channel_id, up_to)

    # Clips

    async def get_clips(
        self,
        guild_id: Id,
        *,
        channel_id: Id | None = None,
        author_id: Id | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: ClipKey | None = None,
        limit: int = 50,
    ) -> ClipPage:
        """Returns clips, newest first. `since` is included, `until` is not. `after` is the `next` of the page before. `limit` is
        at least 1."""
        return await _native.get_clips(self._client(), guild_id, channel_id, author_id, since, until, after, limit)

    async def count_clips(
        self,
        guild_id: Id,
        *,
        channel_id: Id | None = None,
        author_id: Id | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Counts the clips that `get_clips` returns."""
        return await _native.count_clips(self._client(), guild_id, channel_id, author_id, since, until)

    async def get_clip(self, attachment_id: Id) -> Clip | None:
        """Returns a clip, or `None`."""
        return await _native.get_clip(self._client(), attachment_id)

    async def get_expiring_clips(self, within_seconds: float, limit: int) -> list[Clip]:
        """Returns clips whose URLs expire within that time, the soonest first."""
        return await _native.get_expiring_clips(self._client(), within_seconds, limit)

    async def refresh_clip_url(self, attachment_id: Id, url: str) -> bool:
        """Stores a URL if it expires later than the stored one. Returns whether it was newer."""
        return await _native.refresh_clip_url(self._client(), attachment_id, url)

    async def delete_messages(self, channel_id: Id, message_ids: Iterable[Id]) -> int:
        """Removes the clips of messages, for ever: a page that was read before does not bring them back. Returns the clips
        removed."""
        return await _native.delete_messages(self._client(), channel_id, message_ids)

    # Install intents

    async def create_install_intent(
        self, state: str, user_id: Id, guild_id: Id, lifetime_seconds: float
    ) -> InstallIntent:
        """Stores an intent that expires after `lifetime_seconds`.

        Errors: `UniqueViolation` if the state is taken, `ForeignKeyViolation` if the user is not in `users`.
        """
        return await _native.create_install_intent(self._client(), state, user_id, guild_id, lifetime_seconds)

    async def get_install_intent(self, state: str) -> InstallIntent | None:
        """Returns an intent, expired or not, or `None`."""
        return await _native.get_install_intent(self._client(), state)

    async def consume_install_intent(self, state: str) -> InstallIntent | None:
        """Deletes and returns an intent that has not expired: of concurrent callers one gets it."""
        return await _native.consume_install_intent(self._client(), state)

    async def purge_expired_install_intents(self, grace_seconds: float = 300) -> int:
        """Deletes intents that expired at least `grace_seconds` ago. Returns how many."""
        return await _native.purge_expired_install_intents(self._client(), grace_seconds)

    # Users

    async def get_user(self, user_id: Id) -> User | None:
        """Returns a user by the id that Discord gave, or `None`."""
        return await _native.get_user(self._client(), user_id)

    async def upsert_user(self, user: UserSnapshot) -> None:
        """Writes a user."""
        await _native.upsert_user(self._client(), user)

    async def upsert_users(self, users: Iterable[UserSnapshot]) -> int:
        """Writes users: all or none; the last of several with one id counts. Returns the rows written."""
        return await _native.upsert_users(self._client(), users)

    # What cannot be read

    async def get_unreadable_rows(self, limit: int = 100) -> list[UnreadableRow]:
        """Returns stored values that cannot be read, which lists leave out."""
        return await _native.get_unreadable_rows(self._client(), limit)


class Psycopg3Functions(Functions):
    """What the psycopg3 generation did in its own way."""

    async def set_guild_settings(self, guild_id: Id, settings: Mapping[str, Any]) -> GuildSettings:
        """Replaces the settings, or creates them."""
        return await _native.set_guild_settings(self._client(), guild_id, settings)

    async def update_channel_settings(self, channel_id: Id, values: Mapping[str, Any]) -> ChannelSettings | None:
        """Replaces the top-level keys of `values`. Returns `{"channel_id", "settings", "updated_at"}`, or `None` without such a
        channel."""
        return await _native.update_channel_settings(self._client(), channel_id, values)

    async def set_channel_settings(self, channel_id: Id, settings: Mapping[str, Any]) -> ChannelSettings | None:
        """Replaces the settings. Returns `{"channel_id", "settings", "updated_at"}`, or `None` without such a channel."""
        return await _native.set_channel_settings(self._client(), channel_id, settings)

    async def enqueue_scan_run(self, channel_id: Id) -> UUID | None:
        """Enqueues a run after the channel's cursor; `None` if the channel is unknown or not read."""
        return await _native.enqueue_scan_run(self._client(), channel_id)


class TortoiseFunctions(Functions):
    """What the Tortoise generation did in its own way."""

    async def set_guild_settings(self, guild_id: Id, settings_dict: Mapping[str, Any]) -> GuildSettings:
        """Replaces the settings, or creates them."""
        return await _native.set_guild_settings(self._client(), guild_id, settings_dict)

    async def update_channel_settings(
        self, channel_id: Id, values: Mapping[str, Any]
    ) -> ChannelSettings | dict[str, Any]:
        """Replaces the top-level keys of `values`. Returns `{"channel_id", "settings", "updated_at"}`, or `{}` without such a
        channel."""
        return await _native.update_channel_settings(self._client(), channel_id, values) or {}

    async def set_channel_settings(
        self, channel_id: Id, settings: Mapping[str, Any]
    ) -> ChannelSettings | dict[str, Any]:
        """Replaces the settings. Returns `{"channel_id", "settings", "updated_at"}`, or `{}` without such a channel."""
        return await _native.set_channel_settings(self._client(), channel_id, settings) or {}

    async def enqueue_scan_run(self, channel_id: Id) -> str | None:
        """Enqueues a run after the channel's cursor; `None` if the channel is unknown or not read."""
        run_id = await _native.enqueue_scan_run(self._client(), channel_id)
        return None if run_id is None else str(run_id)
