"""The values that go in and come out. Ids are decimal `str`, times aware `datetime` in UTC, a run's id is a `UUID`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

from . import _native

Id = str | int
"""A Discord snowflake: decimal digits, or the number, from 0 to 2**64 - 1."""

RunId = UUID | str
"""A scan run's id."""

ScanStatus = Literal["queued", "running", "succeeded", "failed", "canceled"]

LeaseState = Literal["held", "cancel_requested", "lost"]
"""`held`: until the lease's new end. `cancel_requested`: so, too, but hand the run back with `release_scan`. `lost`: stop, and
store nothing."""


# What goes in. Any object with these attributes will do.


@dataclass(slots=True)
class ChannelSnapshot:
    """A channel as Discord shows it."""

    id: Id
    name: str | None
    type: str | None
    is_nsfw: bool = False
    settings_overrides: Mapping[str, Any] | None = None
    """Merged into the stored settings; `None` keeps them."""


@dataclass(slots=True)
class GuildSnapshot:
    """A guild as Discord shows it."""

    id: Id
    name: str
    icon: str | None = None
    owner_user_id: Id | None = None
    joined_at: datetime | None = None
    """Aware. `None` is now. An update keeps the stored one."""
    channels: Iterable[ChannelSnapshot] = ()


@dataclass(slots=True)
class UserSnapshot:
    """A user as Discord shows it."""

    id: Id
    username: str | None
    global_name: str | None = None
    avatar: str | None = None
    last_login_at: datetime | None = None


@dataclass(slots=True)
class MessageInterval:
    """All ids from `first` to `last`, both included."""

    first: Id
    last: Id


@dataclass(slots=True)
class ClipAuthor:
    """Who posted a clip, as last seen in the guild."""

    id: Id
    name: str
    display_name: str | None = None
    avatar: str | None = None


@dataclass(slots=True)
class Attachment:
    """A clip: an attachment of a message. `size` is in bytes, `width` and `height` in pixels."""

    id: Id
    file_name: str
    size: int
    url: str
    content_type: str | None = None
    duration_seconds: float | None = None
    width: int | None = None
    height: int | None = None


@dataclass(slots=True)
class ClipMessage:
    """A message with clips."""

    id: Id
    author: ClipAuthor
    attachments: Sequence[Attachment]


@dataclass(slots=True)
class ScanPage:
    """What was read of a channel: the interval that the page proves read, never beyond the last message that was seen; the ids of
    all its messages, 1,000 at most; and those that hold clips."""

    covered: MessageInterval
    messages: Sequence[Id]
    clips: Sequence[ClipMessage] = ()

    @classmethod
    def after(cls, after: Id | None, messages: Iterable[Id], clips: Sequence[ClipMessage] = ()) -> ScanPage | None:
        """A page that was asked for with `after`, or from the beginning; `None` if it has no message."""
        covered = _native.covered_after(after, messages)
        if covered is None:
            return None
        first, last, numbers = covered
        return cls(MessageInterval(first, last), numbers, clips)

    @classmethod
    def before(cls, before: Id, messages: Iterable[Id], clips: Sequence[ClipMessage] = ()) -> ScanPage | None:
        """A page that was asked for with `before`; `None` if it has no message."""
        covered = _native.covered_before(before, messages)
        if covered is None:
            return None
        first, last, numbers = covered
        return cls(MessageInterval(first, last), numbers, clips)

    @classmethod
    def live(cls, message: Id, clips: Sequence[ClipMessage] = ()) -> ScanPage:
        """One message that came by the gateway."""
        return cls(MessageInterval(message, message), [message], clips)


# What comes out.


class SettingsRow(TypedDict):
    """Settings: `settings` is the stored JSON object."""

    settings: dict[str, Any]


class GuildSettings(SettingsRow):
    """The settings of a guild."""

    guild_id: str
    updated_at: datetime | None


class ChannelSettings(SettingsRow):
    """The settings of a channel."""

    channel_id: str
    updated_at: datetime


class ScanTotals(TypedDict):
    """A run's counters."""

    messages_scanned: int
    messages_matched: int


class ChannelRow(TypedDict):
    """A row of `bot_channels`."""

    channel_id: str
    guild_id: str
    name: str | None
    type: str | None
    is_nsfw: bool
    is_reading: bool
    last_message_id: str | None
    last_scanned_at: datetime | None
    last_activity_at: datetime | None
    message_count: int
    settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class User:
    """A row of `users`."""

    id: int
    discord_user_id: str
    username: str | None
    global_name: str | None
    avatar: str | None
    last_login_at: datetime | None


@dataclass(slots=True)
class Guild:
    """A row of `bot_guilds`."""

    guild_id: str
    name: str
    icon: str | None
    owner_user_id: str | None
    joined_at: datetime | None
    last_seen_at: datetime | None


@dataclass(slots=True)
class Channel:
    """A row of `bot_channels`, as `ChannelRow`."""

    channel_id: str
    guild_id: str
    name: str | None
    type: str | None
    is_nsfw: bool
    is_reading: bool
    last_message_id: str | None
    last_scanned_at: datetime | None
    last_activity_at: datetime | None
    message_count: int
    settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class InstallIntent:
    """A row of `install_intents`."""

    state: str
    user_id: str
    guild_id: str
    created_at: datetime | None
    expires_at: datetime


@dataclass(slots=True)
class ScanRun:
    """A row of `bot_channel_scan_runs`."""

    id: UUID
    channel_id: str
    after_message_id: str | None
    before_message_id: str | None
    last_message_id: str | None
    status: str
    messages_scanned: int
    messages_matched: int
    error_message: str | None
    started_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    priority: int
    not_before: datetime | None
    worker: str | None
    lease_until: datetime | None
    attempts: int
    takeovers: int
    cancel_requested_at: datetime | None


@dataclass(slots=True)
class ScanProgress:
    """A run's totals."""

    messages_scanned: int
    messages_matched: int


@dataclass(slots=True)
class ScanRequested:
    """What became of a request. `run_id` is `None` if there is no run."""

    outcome: Literal["enqueued", "already_active", "not_reading", "unknown_channel"]
    run_id: UUID | None


@dataclass(slots=True)
class ScanClaim:
    """A run that a worker owns. `token` grows with every claim of the run. `attempt` counts from 1. The interval to read lies
    between `after` and `before`, both excluded."""

    run_id: UUID
    token: int
    channel_id: str
    guild_id: str
    after: str | None
    before: str | None
    attempt: int


@dataclass(slots=True)
class ActiveScan:
    """A run that is queued or running."""

    run_id: UUID
    status: str
    worker: str | None
    lease_until: datetime | None
    progress: ScanProgress


@dataclass(slots=True)
class LastScan:
    """How a run ended."""

    status: str
    finished_at: datetime
    error_message: str | None


@dataclass(slots=True)
class ScanState:
    """A channel's scans. `gaps` counts the intervals that were not read, up to the last message that was."""

    channel_id: str
    name: str | None
    is_reading: bool
    message_count: int
    gaps: int
    active: ActiveScan | None
    last: LastScan | None


@dataclass(slots=True)
class ScanQueueStats:
    """The shared runs that are not finished. `oldest` is the wait of the oldest queued run, in seconds."""

    queued: int
    delayed: int
    running: int
    expired: int
    oldest: float | None


@dataclass(slots=True)
class PageRecorded:
    """What a page added, and the run's totals after it."""

    new_messages: int
    new_clips: int
    progress: ScanProgress
    is_cancel_requested: bool


@dataclass(slots=True)
class LiveMessagesRecorded:
    """What messages of the gateway added."""

    new_messages: int
    new_clips: int


@dataclass(slots=True)
class ClipKey:
    """Where a list of clips goes on."""

    message_id: str
    attachment_id: str


@dataclass(slots=True)
class Clip:
    """A stored clip. `size` is in bytes, `width` and `height` in pixels."""

    id: str
    message_id: str
    channel_id: str
    guild_id: str
    author: ClipAuthor
    file_name: str
    content_type: str | None
    size: int
    duration_seconds: float | None
    width: int | None
    height: int | None
    url: str
    url_expires_at: datetime | None
    first_seen_at: datetime


@dataclass(slots=True)
class ClipPage:
    """Clips, newest first, and the key of the next page; `None` after the last."""

    clips: list[Clip]
    next: ClipKey | None


@dataclass(slots=True)
class UnreadableRow:
    """A stored value that cannot be read."""

    table: str
    key: str
    column: str
    value: str
    reason: str


@dataclass(slots=True)
class Health:
    """The state of the pool and its server. `round_trip` is in seconds; `pooler` is `session` or `transaction` if a pooler
    stands between program and server."""

    round_trip: float
    is_read_only: bool
    connections: int
    most_connections: int
    waiting: int
    pooler: str | None
