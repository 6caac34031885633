"""What the tests of the package's life share: programs in processes of their own, and what the server is doing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from textwrap import dedent

import psycopg

from clip_saver_db import database
from support import LIMIT, Sql, until

IMPORTS = """
import asyncio, logging, multiprocessing, os, signal, sys, threading, time
import clip_saver_db
from clip_saver_db import database as db
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts programs in the background without it
"""

def python(program: str, *options: str) -> subprocess.Popen[str]:
    """Starts a program, with the package and the modules of `IMPORTS`."""
    # Since 3.12 Python warns of forks in programs with threads, which some of the tests are about.
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", *options, "-c", IMPORTS + dedent(program)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def end(process: subprocess.Popen[str], limit: float = LIMIT) -> tuple[int, str, str]:
    """Waits for a program's end. Returns its code and what it has written."""
    try:
        output, errors = process.communicate("\n", timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its children, too
        output, errors = process.communicate()
        raise AssertionError(f"the program hangs: {output} {errors}") from None
    return process.returncode, output, errors


def run(program: str, *options: str) -> str:
    """Runs a program that ends well and silently. Returns what it has printed."""
    code, output, errors = end(python(program, *options))
    assert (code, errors) == (0, ""), f"{code}: {errors}"
    return output


@contextmanager
def locked(url: str, table: str = "bot_guilds") -> Generator[psycopg.Connection]:
    """No other session reads or writes a table in this block."""
    with psycopg.connect(url) as connection:
        connection.execute(f"lock table {table} in access exclusive mode".encode())
        yield connection
        connection.rollback()


async def slow_call(url: str, sessions: Sessions) -> None:
    """A call that takes more than 0.1 s."""
    with locked(url):
        call = asyncio.create_task(database.touch_guild(1))
        await until(lambda: sessions.waiting() == 1)
        await asyncio.sleep(0.1)
    await asyncio.wait_for(call, LIMIT)


class Sessions:
    """What the server is doing for the package."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def _count(self, condition: str) -> int:
        (row,) = self._sql(
            "select count(*) as sessions from pg_stat_activity where datname = current_database()"
            f" and application_name = 'clip-saver-db-python' and {condition}"
        )
        count: int = row["sessions"]
        return count

    def waiting(self) -> int:
        """How many sessions wait for a lock."""
        return self._count("wait_event_type = 'Lock'")

    def in_transaction(self) -> int:
        """How many sessions are in a transaction."""
        return self._count("xact_start is not null")

    def listening(self) -> int:
        """How many sessions hear of scans."""
        return self._count("query like '%clip_saver_scans%'")

    def open(self) -> int:
        """How many sessions there are."""
        return self._count("true")
