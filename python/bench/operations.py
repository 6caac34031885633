"""What is measured, and the targets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from data import BUSY_CHANNELS, BUSY_GUILD, SETTINGS, channel_id, channels, guild, guilds
from sides import Side

TASKS = 16
_GUILD = guild(BUSY_GUILD)
_GUILDS = guilds(1_000)
_CHANNELS = channels(500, 500)
_CHANNELS_WITH_SETTINGS = channels(500, 500, SETTINGS)
_calls = count()
"""A number that grows with each call of any side: channels are written in turn, and cursors move forward."""


@dataclass(frozen=True)
class Targets:
    """`before`: how many times faster than the code as it was; its CPU share. `expert`: ours divided by asyncpg's."""

    before: float
    before_cpu: float | None = None
    expert: float | None = None
    expert_cpu: float | None = None
    expert_uvloop: float | None = None
    """In place of `expert` and `expert_cpu` on uvloop."""


@dataclass(frozen=True)
class Operation:
    name: str
    run: Callable[[Side, int], Awaitable[None]]
    """Runs it as many times as it is told."""
    targets: Targets | None = None
    needs_settings: bool = False
    """Only for sides that store the settings of channels."""


async def _progress(side: Side) -> None:
    call = next(_calls)
    await side.progress(channel_id(BUSY_GUILD, call % BUSY_CHANNELS), str(1_000_000_000_000_000_000 + call), 1)


async def _upsert_guild(side: Side, times: int) -> None:
    for _ in range(times):
        await side.write_guild(_GUILD)


async def _update_channel_progress(side: Side, times: int) -> None:
    for _ in range(times):
        await _progress(side)


async def _tasks(side: Side, times: int) -> None:
    await asyncio.gather(*(_update_channel_progress(side, times) for _ in range(TASKS)))


async def lifecycle(side: Side, channel: str) -> None:
    """A worker's scan of five pages: 13 calls, each of which needs the answer before it."""
    run = await side.enqueue(channel)
    assert await side.start(run)
    for page in range(5):
        await side.scanned(run, 100, 7)
        await side.progress(channel, str(1_000_000_000_000_000_000 + next(_calls)), 100)
    assert await side.succeed(run)


async def _lifecycle(side: Side, times: int) -> None:
    for _ in range(times):
        await lifecycle(side, channel_id(BUSY_GUILD, next(_calls) % BUSY_CHANNELS))


async def _upsert_guilds(side: Side, times: int) -> None:
    for _ in range(times):
        await side.write_guilds(_GUILDS)


async def _upsert_channels(side: Side, times: int) -> None:
    for _ in range(times):
        await side.write_channels("500", _CHANNELS)


async def _upsert_channels_with_settings(side: Side, times: int) -> None:
    for _ in range(times):
        await side.write_channels("500", _CHANNELS_WITH_SETTINGS)


def _get_channels(rows: int) -> Callable[[Side, int], Awaitable[None]]:
    async def run(side: Side, times: int) -> None:
        for _ in range(times):
            assert len(await side.read_channels(str(rows))) == rows

    return run


_ONE = Targets(before=6, before_cpu=0.2, expert=0.75, expert_cpu=0.75, expert_uvloop=1.0)

OPERATIONS = [
    Operation("upsert_guild", _upsert_guild, _ONE),
    Operation("update_channel_progress", _update_channel_progress, _ONE),
    Operation("update_channel_progress, 16 tasks", _tasks, Targets(before=4, expert=0.6)),
    Operation("a scan's 13 calls", _lifecycle, Targets(before=4, expert=0.9)),
    Operation("upsert_guilds, 1,000 rows", _upsert_guilds, Targets(before=15, expert=0.8, expert_cpu=0.5)),
    Operation("upsert_channels_for_guild, 500 rows", _upsert_channels, Targets(before=15, expert=1.0, expert_cpu=0.5)),
    Operation("the same with settings", _upsert_channels_with_settings, needs_settings=True),
    Operation("get_channels_by_guild, 500 rows", _get_channels(500), Targets(before=3, expert=0.65)),
    Operation("get_channels_by_guild, 10,000 rows", _get_channels(10_000), Targets(before=3, expert=0.5)),
]
