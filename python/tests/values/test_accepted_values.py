"""Values at the edges of what is taken: they are stored as they are, or refused by an error of this package."""

from __future__ import annotations

import asyncio
from collections import ChainMap, OrderedDict, UserDict, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from types import MappingProxyType, ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from samples import Function, Number, Text, functions, kinds
from support import Sql

from clip_saver_db import Error, InternalError, InvalidInput
from clip_saver_db.types import Id


class Name(str, Enum):
    GENERAL = "general"


class Snowflake(int):
    """A number of a library of the caller's."""

    def __str__(self) -> str:
        return "no number"

    __repr__ = __str__


class Settings(dict[str, Any]):
    """A dictionary, and yet none."""


@pytest.mark.parametrize("guild_id", [1, "1", Number.ONE, Snowflake(1), Text("1")])
async def test_an_id_is_a_str_or_an_int_of_any_class(db: ModuleType, sql: Sql, guild_id: Any) -> None:
    await db.upsert_guild(guild_id=guild_id, name="Clips", icon=None)
    assert sql("select guild_id from bot_guilds") == [{"guild_id": "1"}]
    assert type((await db.get_guild(guild_id)).guild_id) is str


@pytest.mark.parametrize("guild_id", [0, 2**53 + 1, 2**63, 2**64 - 1])
async def test_every_id_of_64_bits_round_trips(db: ModuleType, guild_id: int) -> None:
    await db.upsert_guild(guild_id=guild_id, name="Clips", icon=None)
    assert (await db.get_guild(str(guild_id))).guild_id == str(guild_id)


@pytest.mark.parametrize(
    "text", ["", " ", "'; drop table users; --", "ä€𝄞\U0010ffff\ufeff\u202e", "\x01\x7f\r\n\t", "%s $1"]
)
async def test_every_text_round_trips(db: ModuleType, sql: Sql, text: str) -> None:
    await db.upsert_guild(guild_id="1", name=text, icon=Text(text))
    guild = await db.get_guild("1")
    assert (guild.name, guild.icon) == (text, text)
    assert sql("select name, icon from bot_guilds") == [{"name": text, "icon": text}]


async def test_a_text_is_a_str_of_any_class(db: ModuleType, sql: Sql) -> None:
    await db.upsert_guild(guild_id="1", name=Name.GENERAL, icon=Text("icon"))
    assert sql("select name, icon from bot_guilds") == [{"name": "general", "icon": "icon"}]


@pytest.mark.parametrize(
    "settings",
    [
        MappingProxyType({"a": 1}),
        UserDict({"a": 1}),
        ChainMap({"a": 1}, {"a": 2}),
        OrderedDict({"a": 1}),
        defaultdict(int, {"a": 1}),
        Settings(a=1),
        {Text("a"): Number.ONE},
    ],
    ids=lambda settings: type(settings).__name__,
)
async def test_settings_are_any_mapping(db: ModuleType, settings: Mapping[str, Any]) -> None:
    assert (await db.set_guild_settings("1", settings))["settings"] == {"a": 1}


async def test_keys_that_are_no_text_become_text_as_json_makes_them(db: ModuleType) -> None:
    row = await db.set_guild_settings("1", {2: "int", 1.5: "float", True: "bool", None: "none", "a": {3: (1, 2)}})
    expected = {"2": "int", "1.5": "float", "true": "bool", "null": "none", "a": {"3": [1, 2]}}
    assert row["settings"] == expected


async def test_an_argument_may_change_once_the_call_was_made(db: ModuleType) -> None:
    settings = {"a": 1}
    call = asyncio.ensure_future(db.set_guild_settings("1", settings))
    await asyncio.sleep(0)
    settings["a"] = 2
    assert (await call)["settings"] == {"a": 1}


@pytest.mark.parametrize(
    "joined_at",
    [
        datetime(1, 1, 1, tzinfo=timezone.utc),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
        datetime(1, 1, 1, 5, tzinfo=timezone(timedelta(hours=5))),
        datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=-3, seconds=7, microseconds=5))),
        datetime(2024, 11, 3, 1, 30, tzinfo=ZoneInfo("America/New_York")),
        datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=ZoneInfo("America/New_York")),
        datetime(1883, 11, 18, 12, 0, tzinfo=ZoneInfo("America/New_York")),
    ],
    ids=str,
)
async def test_every_aware_time_round_trips_as_utc(db: ModuleType, sql: Sql, joined_at: datetime) -> None:
    await db.upsert_guild(guild_id="1", name="Clips", icon=None, joined_at=joined_at)
    guild = await db.get_guild("1")
    assert guild.joined_at == joined_at.astimezone(timezone.utc)
    assert guild.joined_at.tzinfo is timezone.utc
    assert sql("select joined_at = %s as equal from bot_guilds", joined_at.astimezone(timezone.utc)) == [
        {"equal": True}
    ]


async def test_a_time_is_a_datetime_of_any_class(db: ModuleType) -> None:
    class Moment(datetime):
        pass

    moment = Moment(2024, 5, 1, tzinfo=timezone.utc)
    await db.upsert_guild(guild_id="1", name="Clips", icon=None, joined_at=moment)
    read = (await db.get_guild("1")).joined_at
    assert (type(read), read) == (datetime, moment)


EXTREMES: dict[Any, list[Any]] = {
    Id: [0, 1, 2**63 - 1, 2**63, 2**64 - 1, "18446744073709551615", Number.TWO, Snowflake(7)],
    str: ["", "x" * 100_000, "ä€𝄞", Text("text"), Name.GENERAL, "'", "%s", "\\"],
    int: [0, -1, 1, 2**15, -(2**15) - 1, 2**31, 2**32, 2**63 - 1, -(2**63), Number.NEGATIVE],
    float: [0, 0.0, -0.0, 5e-324, 1e-9, 0.1, 1, 10**6, 3.2e9, 1e18, 1e19, 1e300, -1, -0.5, -1e300, Number.TWO],
    datetime: [
        datetime(1, 1, 1, tzinfo=timezone.utc),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
        datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=ZoneInfo("America/New_York")),
    ],
    Mapping: [{}, {"": ""}, {"a": 10**900}, {"a": 10**2000}, {"a": 1e308, "b": -0.0}, {"a": "x" * 200_000}, {1: 2}],
}
"""Values of the right kind that a function may not expect."""


def extremes(annotation: Any) -> list[Any]:
    """Extreme values of an argument."""
    kind, *elements = kinds(annotation)
    return EXTREMES.get(kind, []) + [[value, value] for element in elements for value in EXTREMES.get(element, [])]


@pytest.mark.parametrize("function", functions(), ids=str)
async def test_an_extreme_value_is_taken_or_refused_by_an_error_of_this_package(
    function: Function, database_url: str
) -> None:
    await function.module.init_db()
    try:
        for argument, annotation in function.arguments.items():
            for value in extremes(annotation):
                try:
                    await function.call(**{argument: value})
                except InternalError as error:
                    raise AssertionError(f"{argument} = {value!r:.100}") from error
                except Error as error:
                    assert error.function == function.name
                    place = f"`{function.name_of(argument)}"
                    assert not isinstance(error, InvalidInput) or place in str(error), f"{argument}: {error}"
    finally:
        await function.module.close_db()


SECONDS = [(function, name) for function in functions() for name in function.arguments if name.endswith("_seconds")]


@pytest.mark.parametrize(("function", "argument"), SECONDS, ids=str)
async def test_seconds_are_neither_negative_nor_ages(function: Function, argument: str, database_url: str) -> None:
    await function.module.init_db()
    try:
        for seconds in (-1, -0.5, -5e-324, 1e10, 1e19, 1e300):
            with pytest.raises(InvalidInput) as refused:
                await function.call(**{argument: seconds})
            assert (refused.value.function, refused.value.field) == (function.name, argument)
    finally:
        await function.module.close_db()
