"""A worker that looks for clips: it claims scan runs, reads their channels page by page, and stores the clips.

`DATABASE_URL=postgresql://… python worker.py --workers 4`: sample messages stand in for Discord. Run as many of these as you
like: they share the queue, and if one dies, others take over its runs when their leases expire. It works until Ctrl-C, which
hands its runs back to the queue, or with `--until-idle` until the queue is empty.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import clips
from programs import ONE_ROW, delay, is_temporary, log, progress, retrying, run, say

from clip_saver_db import Error, ScanLease, ScanWorker
from clip_saver_db import repositories as db
from clip_saver_db.types import ClipAuthor, ClipMessage, MessageInterval, PageRecorded, ScanClaim, ScanPage

DATA = Path(__file__).parents[2] / "examples" / "data"

PAGE = 100
"""The most messages that Discord returns in one page."""

LARGEST = 2**63 - 1
"""The largest id of messages that the database stores."""

LONGEST_WAIT = 10.0
"""A worker does something else while a rate limit lasts longer than this, in seconds."""

MOST_SERVER_ERRORS = 10
"""So many server errors in a row count as a refusal for good."""

IDLE_CHECK = 0.2
"""How often `--until-idle` looks whether other processes have ended their runs, which wakes nobody, in seconds."""


class Refused(Exception):
    """Discord's answer if it returns no messages."""

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"Discord answered {status}: {message}")
        self.status = status
        self.rate_limit = 60.0 if retry_after is None else retry_after

    def pause(self, server_errors_in_a_row: int) -> float | None:
        """How long to wait before the same request is sent again, in seconds. `None`: not worth waiting."""
        if self.status == 429 and self.rate_limit <= LONGEST_WAIT:
            return self.rate_limit
        if self.status >= 500 and server_errors_in_a_row < MOST_SERVER_ERRORS:
            return 0.25 * 2.0 ** (server_errors_in_a_row - 1)
        return None

    def retry_at(self) -> datetime | None:
        """When the run is to be claimed again. `None`: Discord refuses for good."""
        return datetime.now(timezone.utc) + timedelta(seconds=self.rate_limit) if self.status == 429 else None


class History:
    """A stand-in for Discord's API: returns the messages of a file in pages, and refuses some requests as Discord does."""

    def __init__(self, messages: Path, refusals: Path) -> None:
        self.channels: dict[int, list[dict[str, Any]]] = {}
        for line in messages.read_text().splitlines():
            message = json.loads(line)
            self.channels.setdefault(int(message["channel_id"]), []).append(message)
        for history in self.channels.values():
            history.sort(key=number_of)
        self.refusals = {int(channel): refusals for channel, refusals in json.loads(refusals.read_text()).items()}

    async def messages(self, channel: int, *, after: int | None, before: int | None) -> list[dict[str, Any]]:
        """The oldest messages after one, or the newest before one."""
        await asyncio.sleep(delay())
        self.refuse(channel)
        history = self.channels.get(channel)
        if history is None:
            raise Refused(404, "Unknown Channel")
        if after is not None:
            start = bisect_right(history, after, key=number_of)
            return history[start : start + PAGE]
        end = len(history) if before is None else bisect_left(history, before, key=number_of)
        return history[max(0, end - PAGE) : end]

    def refuse(self, channel: int) -> None:
        """Refuses the channel's next request. A refusal for good comes every time."""
        refusals = self.refusals.get(channel)
        if not refusals:
            return
        refusal = refusals[0]
        if refusal is None or refusal["status"] == 429 or refusal["status"] >= 500:
            del refusals[0]
        if refusal is not None:
            raise Refused(refusal["status"], refusal["body"]["message"], refusal["body"].get("retry_after"))


@dataclass
class File:
    """An attachment, as discord.py has it."""

    id: int
    filename: str
    content_type: str | None
    size: int
    duration: float | None
    width: int | None
    height: int | None
    url: str


def number_of(message: dict[str, Any]) -> int:
    return int(message["id"])


@dataclass
class Gap:
    """An interval of a channel that was not read. `is_open`: the message behind it was not read, either, so that new messages may
    still come into it."""

    first: int
    last: int
    is_open: bool

    def place(self) -> dict[str, int | None]:
        """Which page comes next. An open gap is read forward, so that the channel's cursor follows, and up to the newest message.
        The others are read backward, from a message that was read."""
        if self.is_open:
            return {"after": max(self.first - 1, 0), "before": None}
        return {"after": None, "before": self.last + 1}

    def page(self, messages: list[dict[str, Any]]) -> ScanPage | None:
        """What a page from that place proves to be read. `None` at the channel's end: after the newest message nothing is proved,
        because others may come."""
        numbers = [number_of(message) for message in messages]
        if not self.is_open:
            covered = (max(min(numbers, default=self.first), self.first), self.last)
        elif numbers:
            covered = (self.first, min(max(numbers), self.last))
        else:
            return None
        inside = [message for message in messages if covered[0] <= number_of(message) <= covered[1]]
        found = [clip for message in inside if (clip := clip_message(message))]
        return ScanPage(MessageInterval(*covered), [number_of(message) for message in inside], found)

    def without(self, covered: MessageInterval) -> Gap | None:
        """What remains behind that page."""
        if self.is_open:
            first = int(covered.last) + 1
            return Gap(first, self.last, True) if first <= self.last else None
        last = int(covered.first) - 1
        return Gap(self.first, last, False) if self.first <= last else None


def clip_message(message: dict[str, Any]) -> ClipMessage | None:
    """The message, if it has clips."""
    files = [
        File(
            id=int(file["id"]),
            filename=file["filename"],
            content_type=file.get("content_type"),
            size=file["size"],
            duration=file.get("duration_secs"),
            width=file.get("width"),
            height=file.get("height"),
            url=file["url"],
        )
        for file in message["attachments"]
    ]
    attachments = clips.of(files)
    author = message["author"]
    if not attachments:
        return None
    by = ClipAuthor(author["id"], author["username"], author.get("global_name"), author.get("avatar"))
    return ClipMessage(message["id"], by, attachments)


async def gaps_of(claim: ScanClaim) -> list[Gap]:
    """The gaps in the claimed interval, the newest first: people look for what is new."""
    # `before` itself is not the run's, but whether it was read tells whether the last gap is open.
    up_to = LARGEST if claim.before is None else int(claim.before)
    gaps: list[Gap] = []
    for found in reversed(await db.get_scan_gaps(claim.channel_id, up_to)):
        first = int(found.first) if claim.after is None else max(int(found.first), int(claim.after) + 1)
        last = int(found.last) if claim.before is None else min(int(found.last), up_to - 1)
        if first <= last:
            gaps.append(Gap(first, last, int(found.last) == up_to))
    return gaps


class Worker:
    """What the tasks of this process share."""

    def __init__(self, history: History, lease_seconds: float) -> None:
        self.history = history
        self.lease_seconds = lease_seconds
        self.messages = self.clips = 0

    async def carry_out(self, claim: ScanClaim) -> None:
        """Reads what the run has to read, and ends the run. What was read of it is stored, however it ends. If this task is
        canceled, the end of the block hands the run back."""
        try:
            async with db.hold_scan(claim, self.lease_seconds) as lease:
                if not await self.end(lease, await self.read_while_held(lease)):
                    log.info("run %s has another worker, or was ended", claim.run_id)
        except Error as error:
            if not is_temporary(error):
                raise
            log.warning("run %s is claimed again, now or when its lease expires: %s", claim.run_id, error)

    async def read_while_held(self, lease: ScanLease) -> bool | Exception:
        """Returns whether everything was read, or why it could not be."""
        reading = asyncio.ensure_future(self.read(lease.claim))
        told = [asyncio.ensure_future(lease.lost()), asyncio.ensure_future(lease.cancelled())]
        try:
            await asyncio.wait([reading, *told], return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else False
        except (Refused, *ONE_ROW) as error:
            return error
        finally:
            for task in [reading, *told]:
                task.cancel()

    async def end(self, lease: ScanLease, outcome: bool | Exception) -> bool:
        """Tells the queue how the run ended. Returns whether the claim still held."""
        if isinstance(outcome, Exception):
            retry_at = outcome.retry_at() if isinstance(outcome, Refused) else None
            log.warning("channel %s: %s", lease.claim.channel_id, outcome)
            return await lease.fail(str(outcome), retry_at)
        return await (lease.complete() if outcome else lease.release())

    async def read(self, claim: ScanClaim) -> bool:
        """Returns whether everything was read; if not, the run is no longer this worker's, or was canceled."""
        for gap in await retrying(lambda: gaps_of(claim)):
            if not await self.fill(claim, gap):
                return False
        return True

    async def fill(self, claim: ScanClaim, gap: Gap) -> bool:
        """Reads a gap page by page. Each page is stored with what it proves to be read, so a next worker goes on behind it."""
        rest: Gap | None = gap
        while rest is not None:
            page = rest.page(await self.ask(claim, rest))
            if page is None:
                break
            recorded = await self.record(claim, page)
            if recorded is None or recorded.is_cancel_requested:
                return False
            rest = rest.without(page.covered)
        return True

    async def record(self, claim: ScanClaim, page: ScanPage) -> PageRecorded | None:
        recorded = await retrying(lambda: db.record_scan_page(claim, page))
        if recorded is not None:
            self.messages += recorded.new_messages
            self.clips += recorded.new_clips
            progress(self.messages, None, f"channel {claim.channel_id}")
        return recorded

    async def ask(self, claim: ScanClaim, gap: Gap) -> list[dict[str, Any]]:
        """Asks Discord for a page. A short refusal is waited for here: the claim holds meanwhile, and no attempt is spent."""
        server_errors = 0
        while True:
            try:
                return await self.history.messages(int(claim.channel_id), **gap.place())
            except Refused as refusal:
                server_errors = server_errors + 1 if refusal.status >= 500 else 0
                pause = refusal.pause(server_errors)
                if pause is None:
                    raise
                log.info("channel %s: %s, waiting %s s", claim.channel_id, refusal, pause)
            await asyncio.sleep(pause)


async def claim_runs(stop: asyncio.Event, worker: Worker, options: argparse.Namespace) -> None:
    """Keeps as many runs going as there are workers. It sleeps until a run ends or work is enqueued."""
    name = ScanWorker(f"example worker {os.getpid()}")
    wakeups = db.scan_wakeups()
    runs: set[asyncio.Task[Any]] = set()
    waking = asyncio.ensure_future(anext(wakeups))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            free = options.workers - len(runs)
            if free > 0:
                claims = await retrying(lambda: db.claim_scan_runs(name, free, worker.lease_seconds))
                runs |= {asyncio.create_task(worker.carry_out(claim)) for claim in claims}
                if options.until_idle and not runs and await is_idle():
                    return
            if waking.done():
                waking = asyncio.ensure_future(anext(wakeups))
            waits = {stopping, *runs, *([waking] if len(runs) < options.workers else [])}
            timeout = IDLE_CHECK if options.until_idle else None
            done, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for ended in done & runs:
                runs.remove(ended)
                ended.result()
    finally:
        for task in [waking, stopping, *runs]:
            task.cancel()
        await asyncio.gather(waking, stopping, *runs, return_exceptions=True)


async def is_idle() -> bool:
    """Whether no run is queued, delayed or held by any worker."""
    stats = await retrying(db.scan_queue_stats)
    return stats.queued + stats.delayed + stats.running + stats.expired == 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Carries out scan runs on sample messages.")
    parser.add_argument("--workers", type=int, default=4, choices=range(1, 101), metavar="N", help="how many runs at once")
    parser.add_argument("--lease", type=float, default=30, metavar="SECONDS", help="how long a claim lasts without renewal")
    parser.add_argument("--until-idle", action="store_true", help="end when the queue is empty")
    parser.add_argument("messages", nargs="?", type=Path, default=DATA / "messages.jsonl")
    parser.add_argument("refusals", nargs="?", type=Path, default=DATA / "channel_errors.json")
    return parser.parse_args()


async def work(stop: asyncio.Event) -> None:
    options = parse_options()
    worker = Worker(History(options.messages, options.refusals), options.lease)
    try:
        await claim_runs(stop, worker, options)
    finally:
        say(f"summary messages={worker.messages} clips={worker.clips}")


if __name__ == "__main__":
    sys.exit(run(work))
