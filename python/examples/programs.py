"""What both programs share: start and stop, progress lines, retries."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from clip_saver_db import Error
from clip_saver_db import repositories as db
from clip_saver_db.errors import ForeignKeyViolation, InvalidInput, UnreadableRow

T = TypeVar("T")

log = logging.getLogger("example")

INTERRUPTED = 130
"""The exit code that shells report for a program that Ctrl-C ended."""

ATTEMPTS = 5
"""How often a call is tried before its error is raised."""

ONE_ROW = (ForeignKeyViolation, InvalidInput, UnreadableRow)
"""Errors that concern only one row, so that the others can go on: a row that it needs is gone, PostgreSQL cannot store its text,
or a stored row cannot be read."""


def delay() -> float:
    """`DELAY_MS`: a pause after every step, in seconds, so that a person can watch."""
    return float(os.environ.get("DELAY_MS", 0)) / 1000


def progress(done: int, total: int | None, what: str) -> None:
    """Prints a line for a program that shows progress."""
    text = "".join(character if character.isprintable() else " " for character in what)
    say(f"progress {done}/{'?' if total is None else total} {text}")


def say(line: str) -> None:
    """Prints a line. If its reader is gone (`| head`), the work goes on."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")


async def retrying(call: Callable[[], Awaitable[T]]) -> T:
    """Makes a call. While its error is temporary, makes it again after a growing pause.

    It also repeats a write of unknown outcome: these programs may write everything twice without harm.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return await call()
        except Error as error:
            if not is_temporary(error):
                raise
            log.warning("trying again: %s", error)
        await asyncio.sleep(0.1 * 2**attempt)
    return await call()


def is_temporary(error: Error) -> bool:
    """Whether the same call may succeed a moment later."""
    return error.is_retryable or error.is_outcome_unknown


def run(work: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Opens the database, does the work, and closes the database even if the work fails. Ctrl-C asks the work to stop. Returns
    the program's exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        return asyncio.run(_run(work))
    except (Error, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


async def _run(work: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    await db.init_db()
    try:
        await work(stop)
    finally:
        await db.close_db()
    return INTERRUPTED if stop.is_set() else 0
