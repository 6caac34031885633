"""`python bench/run.py URL`: measures the package beside other code in the database at URL, and writes RESULTS.md into this
folder. `--only`, `--sides`, `--loop` and `--load` select a part, which is printed instead."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import clip_saver_db.database as db
import uvloop
from clip_saver_db.types import UserSnapshot

from check import check
from data import BUSY_CHANNELS, BUSY_GUILD, OWNER, SETTINGS, channels, guild
from operations import OPERATIONS
from outside import imports, installed_megabytes, overhead
from report import Part, report
from rounds import measure
from sides import Side
from sides.asyncpg_expert import Asyncpg
from sides.ours import Ours
from sides.psycopg_before import PsycopgBefore
from sides.psycopg_expert import Psycopg
from sides.sqlalchemy_core import SqlAlchemy
from sides.tortoise_before import TortoiseBefore

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
LOADS = ["idle", "one core busy"]


def main() -> None:
    arguments = _arguments()
    sides: list[Side] = [Ours(), PsycopgBefore(), TortoiseBefore(), Asyncpg(), Psycopg(), SqlAlchemy()]
    is_part = bool(arguments.only or arguments.loop or arguments.load)
    if arguments.sides:
        sides = [side for side in sides if any(name in side.name for name in ["ours", *arguments.sides])]
    parts = []
    for loop, load in [(loop, load) for loop in LOOPS for load in LOADS]:
        if arguments.loop in (None, loop) and arguments.load in (None, load):
            with asyncio.Runner(loop_factory=LOOPS[loop]) as runner, _load(load):
                parts.append(runner.run(_part(arguments, loop, load, sides)))
    text = _report(arguments, parts, sides)
    if is_part or arguments.sides:
        print(text)
    else:
        (Path(__file__).parent / "RESULTS.md").write_text(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    parser.add_argument("url", help="of a database without tables")
    parser.add_argument("--only", help="part of an operation's name")
    parser.add_argument("--sides", nargs="*", help="parts of the names of the sides beside ours")
    parser.add_argument("--loop", choices=LOOPS)
    parser.add_argument("--load", choices=LOADS)
    parser.add_argument("--wheel", type=Path, help="whose size is reported; else that of the installed files is")
    return parser.parse_args()


@contextmanager
def _load(load: str) -> Iterator[None]:
    if load == "idle":
        yield
        return
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


async def _part(arguments: argparse.Namespace, loop: str, load: str, sides: Sequence[Side]) -> Part:
    for side in sides:
        await side.open(arguments.url)
    await _fill(arguments.url)
    try:
        await check(arguments.url, sides)
        costs = []
        for operation in OPERATIONS:
            if arguments.only is None or arguments.only in operation.name:
                print(f"{loop}, {load}: {operation.name}", file=sys.stderr)
                costs.append((operation, await measure(operation, sides)))
        return Part(loop, load, costs, await overhead())
    finally:
        for side in sides:
            await side.close()


async def _fill(url: str) -> None:
    await db.upsert_user(UserSnapshot(OWNER, "owner", None, None, None))
    for number, count in [(10, 10), (500, 500), (10_000, 10_000), (BUSY_GUILD, BUSY_CHANNELS)]:
        await db.upsert_guilds([guild(number)])
        await db.upsert_channels_for_guild(number, channels(number, count, SETTINGS))
    connection = await asyncpg.connect(url)
    await connection.execute(
        "update bot_channels "
        "set is_reading = true, last_message_id = 1, last_scanned_at = now(), last_activity_at = now()"
    )
    await connection.execute("vacuum analyze")
    await connection.close()


def _report(arguments: argparse.Namespace, parts: Sequence[Part], sides: Sequence[Side]) -> str:
    if arguments.wheel:
        size = f"{arguments.wheel.stat().st_size / 1e6:.1f} (the wheel)"
    else:
        size = f"{installed_megabytes():.1f} (installed; the wheel is smaller)"
    return report(parts, sides, imports(), size, asyncio.run(_server(arguments.url)))


async def _server(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("show server_version")).split()[0]
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
