"""A bot that keeps the database up to date with Discord.

`DATABASE_URL=postgresql://… python bot.py gateway.jsonl` replays gateway events, one JSON object a line, as discord.py gets them
from its socket. A real bot runs the same class with `ClipBot().run(token)` after `init_db`.

It stores guilds, channels, live messages with their clips, and deletions, and asks workers to scan what no event brought: what
was there before it, and what came while it had no session.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clips
import discord
from programs import ONE_ROW, delay, log, progress, retrying, run, say

from clip_saver_db import ChannelSnapshot, GuildSnapshot, UserSnapshot
from clip_saver_db import repositories as db
from clip_saver_db.types import ClipAuthor, ClipMessage, GuildSettings, ScanPage

DEFAULT_SETTINGS = {"scan_text_channels": True}

MISSED = 1
"""Scans of what the bot has missed come before scans of histories that nobody has read."""

AnyChannel = discord.abc.GuildChannel

CHANNEL_TYPES = {"news": "announcement", "stage_voice": "stage"}
"""How the database calls what discord.py calls otherwise."""


@dataclass
class Seen:
    """What the gateway's present session has seen of a channel."""

    newest_at_start: int | None = None
    """The channel's newest message when the session began to see it."""
    last: int | None = None
    """The last message that this session has stored, if it has stored everything since its first one."""


class ClipBot(discord.Client):
    """discord.py starts a task for each event. A lock keeps them in order: only so does a message prove that nothing was missed
    before it."""

    def __init__(self, guild_ready_timeout: float = 2.0) -> None:
        intents = discord.Intents(guilds=True, members=True, guild_messages=True, message_content=True)
        super().__init__(
            intents=intents, chunk_guilds_at_startup=False, guild_ready_timeout=guild_ready_timeout, max_messages=None
        )
        self.order = asyncio.Lock()
        self.seen: dict[int, Seen] = {}
        self.stored = self.ignored = self.skipped = 0

    async def store(self, name: str, work: Callable[[], Awaitable[bool]]) -> None:
        """Stores what an event changes. An error that concerns only this event does not stop the bot."""
        async with self.order:
            try:
                if await retrying(work):
                    self.stored += 1
                else:
                    self.ignored += 1
            except ONE_ROW as error:
                log.warning("skipping %s: %s", name, error)
                self.skipped += 1

    async def on_connect(self) -> None:
        """A new session: it knows nothing of what came before it. `on_resumed` needs nothing: Discord sends what was missed."""
        self.seen.clear()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """A guild comes at the start of a session, and after an outage."""
        # First: if the guild cannot be stored, the messages of an outage still count as missed.
        for channel in guild.channels:
            self.seen[channel.id] = Seen(newest_at_start=getattr(channel, "last_message_id", None))
        await self.store("a guild", lambda: self.join(guild))

    on_guild_join = on_guild_available

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Its settings stay: the bot may return."""

        async def remove() -> bool:
            return await db.delete_guilds([guild.id]) > 0

        await self.store("a removal", remove)

    async def on_guild_channel_create(self, channel: AnyChannel) -> None:
        await self.store("a channel", lambda: sync_channel(channel))

    async def on_guild_channel_update(self, before: AnyChannel, channel: AnyChannel) -> None:
        self.forget(channel.id)  # the bot may have had no access for a while
        await self.store("a channel", lambda: sync_channel(channel))

    async def on_guild_channel_delete(self, channel: AnyChannel) -> None:
        async def remove() -> bool:
            return await db.delete_channels([channel.id]) > 0

        await self.store("a channel's end", remove)

    async def on_message(self, message: discord.Message) -> None:
        await self.store("a message", lambda: self.create(message))

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        await self.store("a deletion", lambda: delete(event.channel_id, [event.message_id]))

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self.store("a deletion", lambda: delete(event.channel_id, sorted(event.message_ids)))

    def forget(self, channel: int) -> None:
        """A message may have been missed, or was not stored. The next one must not cover it."""
        self.seen.setdefault(channel, Seen()).last = None

    async def join(self, guild: discord.Guild) -> bool:
        """Stores a guild with its channels, its settings, and which channels are read; then asks for scans of what was not
        read."""
        owner = guild.owner
        async with db.transaction() as tx:
            if owner is not None:
                avatar = owner.avatar.key if owner.avatar else None
                await tx.upsert_user(UserSnapshot(owner.id, owner.name, owner.global_name, avatar))
            await tx.sync_guild(snapshot_of_guild(guild, with_owner=owner is not None))
            settings = await tx.ensure_guild_settings(guild.id, DEFAULT_SETTINGS)
            for channel in await tx.get_channels_by_guild(guild.id):
                if is_to_be_read(settings, channel["type"], channel["is_reading"], channel["settings"]):
                    await tx.set_channel_reading(channel["channel_id"], True)
        for reading in await db.get_reading_channels(guild.id):
            seen = self.seen.get(int(reading.channel_id))
            if seen is not None and seen.newest_at_start is not None:
                await request_gaps(reading.channel_id, None, seen.newest_at_start)
        return True

    async def create(self, message: discord.Message) -> bool:
        """Stores a live message; returns whether its channel is stored and read.

        The session's first message in a channel covers only itself. What may lie between it and the newest message that Discord
        named at the session's start is left to a worker.
        """
        channel = message.channel.id
        seen = self.seen.setdefault(channel, Seen())
        since = seen.last if seen.last is not None and seen.last < message.id else None
        seen.last, last = None, seen.last  # until it is stored
        page = ScanPage.live(message.id, clip_messages(message))
        async with db.transaction() as tx:
            stored = await tx.get_channel(channel)
            is_stored = stored is not None and stored.is_reading
            is_stored = is_stored and await tx.record_live_messages(channel, since, page) is not None
            # Last, because it locks the channel's row: a caller that holds this row and then records can deadlock with a page.
            await tx.touch_channel_activity(channel)
        if not is_stored:
            return False
        seen.last = max(message.id, last or 0)
        if since is None:
            await request_gaps(channel, seen.newest_at_start, message.id)
        return True


def snapshot_of_guild(guild: discord.Guild, with_owner: bool) -> GuildSnapshot:
    """Only what the database stores."""
    return GuildSnapshot(
        id=guild.id,
        name=guild.name,
        icon=guild.icon.key if guild.icon else None,
        owner_user_id=guild.owner_id if with_owner else None,
        joined_at=guild.me.joined_at if guild.me else None,
        channels=[snapshot_of_channel(channel) for channel in guild.channels],
    )


def snapshot_of_channel(channel: AnyChannel) -> ChannelSnapshot:
    kind = str(channel.type)
    return ChannelSnapshot(
        channel.id, channel.name, CHANNEL_TYPES.get(kind, kind), is_nsfw=bool(getattr(channel, "nsfw", False))
    )


async def sync_channel(channel: AnyChannel) -> bool:
    """Stores a new or changed channel."""
    async with db.transaction() as tx:
        await tx.upsert_channels_for_guild(channel.guild.id, [snapshot_of_channel(channel)])
        settings = await tx.ensure_guild_settings(channel.guild.id, DEFAULT_SETTINGS)
        stored = await tx.get_channel(channel.id)
        if stored and is_to_be_read(settings, stored.type, stored.is_reading, stored.settings):
            await tx.set_channel_reading(channel.id, True)
    return True


def is_to_be_read(settings: GuildSettings, kind: str | None, is_reading: bool, of_channel: dict[str, Any]) -> bool:
    """Whether reading is to be turned on: the guild wants its text channels read, and nobody has turned this one on or off.
    `set_channel_reading` stores its decision under `is_enabled`."""
    is_wanted = settings["settings"].get("scan_text_channels") is True
    return is_wanted and kind in ("text", "announcement") and not is_reading and "is_enabled" not in of_channel


def clip_messages(message: discord.Message) -> list[ClipMessage]:
    """The message, if it has clips. A member's nickname is the display name in the guild."""
    attachments = clips.of(message.attachments)
    if not attachments:
        return []
    author = message.author
    nickname = author.nick if isinstance(author, discord.Member) else None
    avatar = author.avatar.key if author.avatar else None
    return [ClipMessage(message.id, ClipAuthor(author.id, author.name, nickname or author.global_name, avatar), attachments)]


async def delete(channel: int, messages: Sequence[int]) -> bool:
    """Removes deleted messages; returns whether there were any to remove. Those that nobody has read yet stay deleted when a
    worker reads them. In a channel that is not read, only what was read before is removed: every other id would add an interval
    to the coverage, and no worker needs it."""
    stored = await db.get_channel(channel)
    if stored is None or not stored.is_reading:
        covered = await db.get_scan_coverage(channel)
        messages = [id for id in messages if any(int(part.first) <= id <= int(part.last) for part in covered)]
    await db.delete_messages(channel, messages)
    return bool(messages)


async def request_gaps(channel: int | str, after: int | None, up_to: int) -> None:
    """Asks for one scan of all gaps between two messages: its worker reads only what is not covered. A request that was made
    before enqueues nothing."""
    gaps = [gap for gap in await db.get_scan_gaps(channel, up_to) if after is None or after < int(gap.last)]
    if gaps:
        first = int(gaps[0].first) - 1
        begin = max((id for id in (after, first) if id is not None and id >= 0), default=None)
        priority = 0 if begin is None else MISSED
        await db.request_scan(channel, after=begin, before=int(gaps[-1].last) + 1, priority=priority)


async def replay(stop: asyncio.Event, path: str) -> None:
    """Hands the lines of a file to discord.py as if they came from its socket, and waits for what the bot does with each."""
    lines = [line for line in Path(path).read_bytes().split(b"\n") if line]
    async with ClipBot(guild_ready_timeout=0.01) as bot:
        parsers: dict[str, Callable[[Any], None]] = bot._connection.parsers  # where discord.py's socket hands its events
        for number, line in enumerate(lines, 1):
            if stop.is_set():
                break
            before = asyncio.all_tasks()
            name = "(unreadable)"
            try:
                event = json.loads(line)
                name = event.get("t") or "(no dispatch)"
                if parser := parsers.get(name):
                    parser(event["d"])
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                log.warning("skipping a line: %r", error)
                bot.skipped += 1
                for seen in bot.seen.values():  # nobody knows which message it was
                    seen.last = None
            while handlers := asyncio.all_tasks() - before:
                await asyncio.wait(handlers)
            progress(number, len(lines), name)
            await asyncio.sleep(delay())
        say(f"summary events={len(lines)} stored={bot.stored} ignored={bot.ignored} skipped={bot.skipped}")


async def work(stop: asyncio.Event) -> None:
    if len(sys.argv) != 2:
        raise ValueError("usage: bot.py FILE, and DELAY_MS in the environment for a pause after each event")
    await replay(stop, sys.argv[1])


if __name__ == "__main__":
    sys.exit(run(work))
