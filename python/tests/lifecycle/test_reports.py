"""What the package logs and measures reaches Python, tells no secrets, and breaks nothing."""

from __future__ import annotations

import asyncio
import logging

import pytest

import clip_saver_db
from clip_saver_db import GuildSnapshot, database
from lifecycle.rig import Sessions, run, slow_call
from support import until


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "clip_saver_db")
    return caplog


async def test_records_have_the_names_levels_and_fields_of_events(
    everything_logged: pytest.LogCaptureFixture, environment: pytest.MonkeyPatch, database_url: str, sessions: Sessions
) -> None:
    environment.setenv("DB_SLOW_QUERY_MS", "50")
    await database.init_db()
    await slow_call(database_url, sessions)
    records = await until(lambda: [record for record in everything_logged.records if "a slow call" in record.message])
    (record,) = records
    assert record.name.startswith("clip_saver_db.") and "::" not in record.name
    assert record.levelno == logging.WARNING
    fields: dict[str, str | int] = vars(record)["fields"]
    assert (fields["query"], fields["outcome"], fields["rows"]) == ("touch_guild", "ok", 0)
    assert record.message.startswith("a slow call query=touch_guild")
    await clip_saver_db.close_db()


async def test_nothing_secret_is_logged(
    everything_logged: pytest.LogCaptureFixture, environment: pytest.MonkeyPatch, named: str
) -> None:
    environment.setenv("DATABASE_URL", named.replace("postgres@", "postgres:hidden-password@", 1))
    environment.setenv("DB_SLOW_QUERY_MS", "1")
    await database.init_db()
    await database.upsert_guilds([GuildSnapshot(number, "hidden-name") for number in range(1, 5001)])  # a slow call
    for _ in range(20):
        await database.set_guild_settings(1, {"key": "hidden-setting"})
        await database.upsert_guild(guild_id=1, name="hidden-name", icon=None)
        with pytest.raises(clip_saver_db.IntegrityError):
            await database.create_install_intent("hidden-state", 1, 2, 60)
        await database.get_guilds()
    await clip_saver_db.close_db()
    await asyncio.sleep(0.1)
    assert everything_logged.records
    assert not [record for record in everything_logged.records if "hidden" in f"{vars(record)}"]


async def test_the_level_is_followed_at_init_db(
    caplog: pytest.LogCaptureFixture, environment: pytest.MonkeyPatch, database_url: str, sessions: Sessions
) -> None:
    environment.setenv("DB_SLOW_QUERY_MS", "20")
    for level, count in [(logging.ERROR, 0), (logging.WARNING, 1), (logging.CRITICAL, 0)]:
        caplog.set_level(level, "clip_saver_db")
        await database.init_db()
        caplog.set_level(logging.DEBUG, "clip_saver_db")
        caplog.clear()
        await slow_call(database_url, sessions)
        await database.get_guilds()
        records = [record for record in caplog.records if vars(record)["fields"].get("query") == "touch_guild"]
        assert len(records) == count
        await clip_saver_db.close_db()


def test_a_handler_or_a_hook_that_fails_breaks_no_call() -> None:
    output = run("""
    class Failing(logging.Handler):
        def emit(self, record):
            failures.add("handler")
            raise ZeroDivisionError
    def hook(*measurement):
        failures.add("hook")
        raise ZeroDivisionError
    failures = set()
    sys.unraisablehook = lambda unraisable: failures.add(unraisable.exc_type.__name__)
    logging.getLogger("clip_saver_db").addHandler(Failing())
    logging.getLogger("clip_saver_db").setLevel(logging.DEBUG)
    clip_saver_db.report_metrics(hook)
    os.environ["DB_SLOW_QUERY_MS"] = "1"
    async def main():
        await db.init_db()
        for _ in range(100):
            assert await asyncio.gather(*[db.touch_guild(1) for _ in range(20)]) == [False] * 20
        await db.close_db()
    asyncio.run(main())
    print(sorted(failures))
    """)
    assert output == "['ZeroDivisionError', 'handler', 'hook']\n"


def test_an_interrupt_in_a_handler_reaches_the_program() -> None:
    run("""
    class Interrupted(logging.Handler):
        def emit(self, record):
            raise KeyboardInterrupt
    os.environ["DB_SLOW_QUERY_MS"] = "1"
    async def main():
        await db.init_db()
        logging.getLogger("clip_saver_db").addHandler(Interrupted())
        while True:
            await db.upsert_guilds([clip_saver_db.GuildSnapshot(number, "") for number in range(2000)])
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError
    """)


def test_a_hook_and_a_logger_run_in_no_tasks_context() -> None:
    """That of the first call would live, and mark reports, as long as the event loop."""
    run("""
    from contextvars import ContextVar
    def see(*_):
        seen.append(request.get())  # a filter that returns nothing lets nothing through
    seen = []
    request = ContextVar("request", default=None)
    clip_saver_db.report_metrics(see)
    handler = logging.Handler()
    handler.addFilter(see)
    logging.getLogger("clip_saver_db").addHandler(handler)
    os.environ["DB_SLOW_QUERY_MS"] = "1"
    async def main():
        request.set("first")
        await db.init_db()
        await db.upsert_guilds([clip_saver_db.GuildSnapshot(number, "") for number in range(2000)])
        await db.close_db()
        await asyncio.sleep(0.1)
    asyncio.run(main())
    assert len(seen) > 2 and set(seen) == {None}, seen
    """)


def test_the_hook_measures_calls_and_the_pool() -> None:
    run("""
    def hook(kind, name, value, attributes):
        measured.append((kind, name, value, attributes))
    measured = []
    clip_saver_db.report_metrics(hook)
    async def main():
        await db.init_db()
        measured.clear()
        for _ in range(3):
            await db.touch_guild(1)
        try:
            await db.create_install_intent("state", 1, 2, 60)
        except clip_saver_db.IntegrityError:
            pass
        await db.close_db()
        await asyncio.sleep(0.1)
    asyncio.run(main())
    durations = [m for m in measured if m[1] == "db.client.operation.duration"]
    assert [m[3]["db.query.summary"] for m in durations] == ["touch_guild"] * 3 + ["create_install_intent"], durations
    assert all(kind == "histogram" and 0 < value < 10 for kind, _, value, _ in durations)
    (error,) = [m for m in measured if m[1] == "db.client.operation.errors"]
    assert error[0] == "counter" and error[2] == 1, error
    connections = [m for m in measured if m[1] == "db.client.connection.count"]
    assert connections[-1][0] == "gauge" and connections[-1][2] == 0, connections
    """)


def test_the_count_of_connections_is_right_after_a_fork_and_without_close_db() -> None:
    run("""
    counts = []
    def hook(kind, name, value, attributes):
        if name == "db.client.connection.count":
            counts.append(value)
    clip_saver_db.report_metrics(hook)
    async def main():
        await db.init_db()
        await asyncio.gather(*[db.touch_guild(1) for _ in range(100)])
        await asyncio.sleep(0.1)
    async def forget():
        db.configure_from_env()
        await db.touch_guild(1)
        while counts[-1] != 1:
            await asyncio.sleep(0.01)
    asyncio.run(main())
    assert counts[-1] > 1
    if (child := os.fork()) == 0:
        counts.clear()
        asyncio.run(main())
        assert counts[0] == 1, counts
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    asyncio.run(asyncio.wait_for(forget(), 10))
    """)


def test_opentelemetry_gets_the_measurements() -> None:
    run("""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    clip_saver_db.report_metrics()
    async def main():
        await db.init_db()
        for _ in range(3):
            await db.touch_guild(1)
        await asyncio.sleep(0.1)
        await db.close_db()
    asyncio.run(main())
    (resource,) = reader.get_metrics_data().resource_metrics
    found = {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    points = found["db.client.operation.duration"].data.data_points
    (point,) = [point for point in points if point.attributes["db.query.summary"] == "touch_guild"]
    assert point.count == 3 and found["db.client.operation.duration"].unit == "s"
    assert "db.client.connection.count" in found
    """)


async def test_reports_of_a_loop_that_was_closed_reach_another_one(
    caplog: pytest.LogCaptureFixture, environment: pytest.MonkeyPatch, database_url: str, sessions: Sessions
) -> None:
    environment.setenv("DB_SLOW_QUERY_MS", "50")
    caplog.set_level(logging.WARNING, "clip_saver_db")
    await database.init_db()
    await asyncio.to_thread(asyncio.run, database.get_guilds())
    await slow_call(database_url, sessions)
    assert await until(lambda: caplog.records)
    await clip_saver_db.close_db()
