"""Stored settings read as `json.loads` reads the column's text, whoever stored them."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from clip_saver_db import DataError
from clip_saver_db.errors import UnreadableRow
from support import Sql, add_channel

DOCUMENTS = [
    "{}",
    '{"": ""}',
    '{"a": null, "b": true, "c": false}',
    '{"a": 0, "b": -0, "c": -0.0, "d": 0.0, "e": 1.0, "f": 1.10}',
    '{"a": 9223372036854775807, "b": 9223372036854775808, "c": 18446744073709551615, "d": 18446744073709551616}',
    '{"a": -9223372036854775808, "b": -9223372036854775809, "c": 9007199254740993}',
    '{"a": 9223372036854775808.0, "b": 18446744073709551616.5, "c": -1e19, "d": 1e19}',
    '{"a": 1e400}',
    '{"a": [-1e400, {"b": 1e308}]}',
    '{"a": 1e-400, "b": 5e-324, "c": 2.2250738585072011e-308, "d": -4.9e-324}',
    '{"a": 0.1, "b": 0.30000000000000004, "c": 123456789012345678901234567890.123456789}',
    '{"a": 3.141592653589793238462643383279, "b": 1.7976931348623157e308, "c": 1.7976931348623159e308}',
    '{"a": 1, "a": {"b": 2, "b": 3}}',
    '{"a": "\\u00e4\\u20ac\\ud834\\udd1e", "\\ud834\\udd1e": "\\uffff\\ufeff"}',
    '{"a": "\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u2028\\u2029 \\" \\\\ \\/"}',
    '{"a": "\\\\u0000", "b": "\\\\ud800"}',
    '{"NaN": "Infinity", "true": "null", "1": 1}',
    '{"a": [[], {}, [[]], {"b": []}, [1, [2, [3, [4]]]]]}',
    '{"a": ' + "[" * 60 + "1e400" + "]" * 60 + "}",
    *('{"a": ' + "[" * levels + "]" * levels + "}" for levels in (100, 125, 126, 127, 128, 129, 300)),
    '{"a": ' + '{"b": ' * 200 + "1" + "}" * 200 + "}",
    json.dumps({str(number): "x" * 100 for number in range(1000)}),
]

NO_OBJECTS = ["[]", "[1, 2]", '"text"', '""', "7", "1e400", "null", "true", '[{"a": 1}]']


def typed(value: Any) -> Any:
    """The value with the type of each part, so that 1, 1.0 and True differ, and -0.0 from 0.0."""
    if isinstance(value, dict):
        return {key: typed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [typed(part) for part in value]
    return type(value).__name__, repr(value)


def loaded(sql: Sql) -> Any:
    """What Python reads from the column's text."""
    (row,) = sql("select settings::text from guild_settings")
    return json.loads(row["settings"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document[:30])
async def test_settings_read_as_json_loads_reads_them(db: ModuleType, sql: Sql, document: str) -> None:
    sql("insert into guild_settings values ('1001', %s)", document)
    read = (await db.get_guild_settings("1001"))["settings"]
    assert typed(read) == typed(loaded(sql))
    assert list(read) == list(loaded(sql))


@pytest.mark.parametrize("document", NO_OBJECTS)
async def test_what_an_older_program_stored_is_read_though_it_is_no_object(
    db: ModuleType, sql: Sql, document: str
) -> None:
    sql("insert into guild_settings values ('1001', %s)", document)
    await add_channel(db)
    sql("update bot_channels set settings = %s", document)
    read = (await db.get_guild_settings("1001"))["settings"]
    assert typed(read) == typed(loaded(sql))
    assert typed((await db.ensure_guild_settings("1001", {"a": 1}))["settings"]) == typed(read)
    (channel,) = await db.get_channels_by_guild("1001")
    assert typed(channel["settings"]) == typed(read)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document[:30])
async def test_settings_are_stored_as_psycopg_stores_them(db: ModuleType, sql: Sql, document: str) -> None:
    settings = json.loads(document.replace("1e400", "1" + "0" * 400).replace("1.7976931348623159e308", "1"))
    await db.set_guild_settings("1001", settings)
    sql("insert into guild_settings values ('1002', %s)", json.dumps(settings))
    assert sql("select count(distinct settings::text) from guild_settings") == [{"count": 1}]


@contextmanager
def recursion_limit(limit: int) -> Generator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def too_deep(sql: Sql) -> bool:
    """Whether this Python's json cannot read the column."""
    try:
        loaded(sql)
    except RecursionError:
        return True
    return False


@pytest.mark.parametrize("levels", [1_000, 2_000, 6_000])
async def test_settings_that_are_nested_too_deep_for_python_are_an_error(
    db: ModuleType, sql: Sql, levels: int, caplog: pytest.LogCaptureFixture
) -> None:
    await add_channel(db, "2001")
    await add_channel(db, "2002")
    document = '{"a": ' + "[" * levels + "]" * levels + "}"
    sql("insert into guild_settings values ('1001', %s)", document)
    sql("update bot_channels set settings = %s where channel_id = '2001'", document)
    if not too_deep(sql):
        assert (await db.get_guild_settings("1001"))["settings"] == loaded(sql)
        return
    with pytest.raises(UnreadableRow) as unreadable:
        await db.get_guild_settings("1001")
    assert isinstance(unreadable.value, DataError)
    assert (unreadable.value.function, unreadable.value.field) == ("get_guild_settings", "settings")
    with caplog.at_level(logging.WARNING, "clip_saver_db"):
        channels = await db.get_channels_by_guild("1001")
    assert [channel["channel_id"] for channel in channels] == ["2002"]
    assert "left out" in caplog.text


@pytest.mark.parametrize("levels", [1_000, 2_000])
async def test_deep_settings_are_read_when_python_is_told_to(db: ModuleType, sql: Sql, levels: int) -> None:
    sql("insert into guild_settings values ('1001', %s)", '{"a": ' + "[" * levels + "]" * levels + "}")
    with recursion_limit(20_000):
        assert (await db.get_guild_settings("1001"))["settings"] == loaded(sql)


async def test_a_number_of_more_digits_than_python_reads_is_an_error(db: ModuleType, sql: Sql) -> None:
    sql("insert into guild_settings values ('1001', '{\"a\": 1e5000}')")
    if not hasattr(sys, "get_int_max_str_digits"):
        assert (await db.get_guild_settings("1001"))["settings"] == {"a": 10**5000}
        return
    with pytest.raises(UnreadableRow):
        await db.get_guild_settings("1001")


@pytest.mark.parametrize("levels", [100, 127, 128, 500])
async def test_deep_settings_are_stored(db: ModuleType, levels: int) -> None:
    settings: Any = {}
    for _ in range(levels):
        settings = {"a": settings}
    assert (await db.set_guild_settings("1001", settings))["settings"] == settings
