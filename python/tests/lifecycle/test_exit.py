"""However a program ends, it ends at once, and this package neither crashes nor writes anything.

`ENDS=200` ends a program 200 times in each way, instead of 20 times.
"""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent

import pytest

from lifecycle.rig import end, python, run

ENDS = int(os.environ.get("ENDS", "20"))

CALLS = """
async def calls(count):
    db.configure_from_env()
    await db.get_guilds()
    return [asyncio.create_task(db.touch_guild(number)) for number in range(count)]
"""

FOREVER = """
    print("ready", flush=True)
    while True:
        await asyncio.gather(*[db.get_guild(number) for number in range(20)])
"""

RUN = """
asyncio.run(main())
"""

WAYS = {
    "without_close_db": (
        0,
        "",
        """
async def main():
    await asyncio.gather(*await calls(20))
"""
        + RUN,
    ),
    "with_pending_calls": (
        0,
        "",
        """
async def main():
    await calls(50)
"""
        + RUN,
    ),
    "in_an_exception": (
        1,
        "ZeroDivisionError",
        """
async def main():
    await calls(50)
    1 / 0
"""
        + RUN,
    ),
    "interrupted": (
        -signal.SIGINT,
        "KeyboardInterrupt",
        """
async def main():
    pending = await calls(50)
"""
        + FOREVER
        + RUN,
    ),
    "terminated": (
        -signal.SIGTERM,
        "",
        """
async def main():
    pending = await calls(50)
"""
        + FOREVER
        + RUN,
    ),
    "terminated_with_a_handler": (
        0,
        "",
        """
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    pending = await calls(50)
"""
        + FOREVER
        + """
try:
    asyncio.run(main())
except asyncio.CancelledError:
    pass
""",
    ),
}
"""The code and the exception with which each program ends."""


@pytest.mark.parametrize("way", WAYS)
def test_programs_end(way: str) -> None:
    with ThreadPoolExecutor(4) as programs:
        for _ in programs.map(lambda _: end_once(way), range(ENDS)):
            pass


def end_once(way: str) -> None:
    code, exception, program = WAYS[way]
    process = python(CALLS + program)
    if "ready" in program:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT if way == "interrupted" else signal.SIGTERM)
    ended, _, errors = end(process)
    assert ended == code, errors
    if exception:
        assert errors.rstrip().splitlines()[-1].startswith(exception), errors
        assert errors.count("exception was never retrieved") == 0, errors
    else:
        assert errors == ""


@pytest.mark.parametrize(
    "program",
    [
        """
        async def main():
            await db.init_db()
            sys.exit(0)
        """,
        """
        async def main():
            await db.init_db()
            os._exit(0)
        """,
        """
        held = db.transaction()
        async def main():
            await db.init_db()
            tx = await held.__aenter__()
            await tx.touch_guild(1)
            held.tx = tx
        """,
        """
        held = []
        async def main():
            await db.init_db()
            await db.upsert_guild(guild_id=1, name="", icon=None)
            await db.upsert_channels_for_guild(1, [clip_saver_db.ChannelSnapshot(2, "clips", "text")])
            await db.set_channel_reading(2, True)
            await db.request_scan(2)
            for claim in await db.claim_scan_runs(clip_saver_db.ScanWorker("one"), 1, 30):
                held.append(db.hold_scan(claim, 30))
                await held[0].__aenter__()
            assert held
        """,
        """
        stream = db.scan_wakeups()
        async def main():
            await db.init_db()
            await stream.__anext__()
        """,
        """
        def loop():
            async def forever():
                while True:
                    await db.get_guilds()
            asyncio.run(forever())
        async def main():
            await db.init_db()
            for _ in range(4):
                threading.Thread(target=loop, daemon=True).start()
            await asyncio.sleep(0.1)
        """,
    ],
    ids=["sys_exit", "os_exit", "open_transaction", "held_lease", "wakeups", "daemon_threads"],
)
def test_programs_end_whatever_they_hold(program: str) -> None:
    run(dedent(program) + "asyncio.run(main())")


def test_programs_end_while_they_connect(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment.setenv("DATABASE_URL", f"postgresql://a:b@127.0.0.1:{silent.getsockname()[1]}/c")
        leaving = python("""
        async def main():
            connecting = asyncio.create_task(db.init_db())
            await asyncio.to_thread(input)
        asyncio.run(main())
        """)
        with silent.accept()[0]:
            assert end(leaving) == (0, "", "")
        interrupted = python("asyncio.run(db.init_db())")
        with silent.accept()[0]:
            interrupted.send_signal(signal.SIGINT)
            code, _, errors = end(interrupted)
        assert (code, errors.rstrip().splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt")


def test_a_closed_socket_ends_no_program_that_listens_to_sigpipe() -> None:
    run("""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    async def main():
        db.configure_from_env()
        await db.get_guilds()
    asyncio.run(main())
    for _ in range(50):
        loop = asyncio.new_event_loop()
        tasks = [loop.create_task(db.touch_guild(number)) for number in range(20)]
        loop.run_until_complete(asyncio.sleep(0))
        for task in tasks:
            task._log_destroy_pending = False
        loop.close()
        del loop, tasks, task
    """)
