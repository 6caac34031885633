"""What is in the database before a round, and what the sides write."""

from __future__ import annotations

from typing import Any

from clip_saver_db.types import ChannelSnapshot, GuildSnapshot

OWNER = "53908232506183680"
SETTINGS: dict[str, Any] = {
    "is_enabled": True,
    "threshold": 5,
    "tags": ["clips", "highlights"],
    "quality": "1080p",
}

BUSY_GUILD = 77
"""The guild whose channels are written one by one, in turn."""
BUSY_CHANNELS = 1_000

_NAMES = ["general", "clips", "memes", "off-topic", "announcements", "music", "highlights", "support", "bots", "art"]


def guild(number: int) -> GuildSnapshot:
    return GuildSnapshot(str(number), f"guild {number}", "f64c48f9ba0a1b1b0a8f1d1d1b1f5e0e", OWNER)


def guilds(count: int) -> list[GuildSnapshot]:
    return [guild(100_000 + number) for number in range(count)]


def channel_id(guild_id: int, number: int) -> str:
    return str(1_000_000_000_000_000_000 + guild_id * 10_000_000 + number)


def channels(guild_id: int, count: int, settings: dict[str, Any] | None = None) -> list[ChannelSnapshot]:
    return [
        ChannelSnapshot(
            channel_id(guild_id, number), f"{_NAMES[number % len(_NAMES)]}-{number}", "text", False, settings
        )
        for number in range(count)
    ]
