"""A server is killed in the middle of writes: no confirmed one is lost, and calls work again afterwards."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

import clip_saver_db
from clip_saver_db import database
from clip_saver_db.errors import OutcomeUnknown
from support import LIMIT, until

REPOSITORY = Path(__file__).parents[3]

TASKS = 16


class Server:
    """A server of the test's own."""

    def __init__(self) -> None:
        command = [str(REPOSITORY / "dev"), "server", "synchronous_commit=on"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._line()

    def do(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        assert self._line() == "ok"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate(timeout=LIMIT)


async def test_a_server_that_is_killed_in_the_middle_of_writes(environment: pytest.MonkeyPatch) -> None:
    server = await asyncio.to_thread(Server)
    try:
        environment.setenv("DATABASE_URL", server.url)
        await database.init_db()
        await database.upsert_guild(guild_id=1, name="", icon=None)
        channels = [clip_saver_db.ChannelSnapshot(number, "", "text") for number in range(TASKS)]
        await database.upsert_channels_for_guild(1, channels)
        is_over = asyncio.Event()
        writing = [asyncio.create_task(write(number, is_over)) for number in range(TASKS)]
        for _ in range(2):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.do, "kill")
            await asyncio.sleep(0.1)
            await asyncio.to_thread(server.do, "start")
            await until(is_back)
        await asyncio.sleep(0.3)
        is_over.set()
        ledgers = await asyncio.wait_for(asyncio.gather(*writing), LIMIT)
        stored = {int(row["channel_id"]): row["message_count"] for row in await database.get_channels_by_guild(1)}
        for number, (confirmed, unknown, _) in enumerate(ledgers):
            assert confirmed <= stored[number] <= confirmed + unknown
        assert sum(failed + unknown for _, unknown, failed in ledgers) > 0
        await database.close_db()
    finally:
        await asyncio.to_thread(server.close)


async def is_back() -> bool:
    try:
        return await database.touch_guild(1)
    except clip_saver_db.OperationalError:
        return False


async def write(channel: int, is_over: asyncio.Event) -> tuple[int, int, int]:
    """Counts the writes that were confirmed, those of which nobody knows, and those that failed."""
    confirmed = unknown = failed = 0
    while not is_over.is_set():
        try:
            assert await database.increment_channel_message_count(channel)
            confirmed += 1
        except OutcomeUnknown as error:
            assert error.is_outcome_unknown and not error.is_retryable
            unknown += 1
        except clip_saver_db.OperationalError as error:
            assert not error.is_outcome_unknown
            failed += 1
            await asyncio.sleep(0.01)
    return confirmed, unknown, failed
