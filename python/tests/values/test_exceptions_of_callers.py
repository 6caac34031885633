"""What a caller's own objects raise comes through, and nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from types import ModuleType
from typing import Any

import pytest
from samples import NOW
from support import Sql, add_channel

from clip_saver_db import ChannelSnapshot, GuildSnapshot, InvalidInput


class Unexpected(Exception):
    """The caller's."""


class Ended(BaseException):
    """As `KeyboardInterrupt` is."""


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


def generator(error: BaseException) -> Iterator[Any]:
    yield ChannelSnapshot("2009", "general", "text")
    raise error


def mapping(error: BaseException) -> Mapping[str, Any]:
    class Raising(Mapping[str, Any]):
        __getitem__ = __len__ = __iter__ = raising(error)

    return Raising()


def attribute(error: BaseException) -> Any:
    class Raising:
        id = property(raising(error))

    return Raising()


def zone(error: BaseException) -> datetime:
    class Raising(tzinfo):
        dst = tzname = utcoffset = raising(error)

    return NOW.replace(tzinfo=Raising())


@pytest.mark.parametrize("error", [Unexpected(), Ended(), ValueError("mine"), OverflowError("mine"), KeyError("mine")])
async def test_it_comes_through_and_nothing_is_stored(db: ModuleType, sql: Sql, error: BaseException) -> None:
    await add_channel(db)
    channel = ChannelSnapshot("2009", "general", "text", settings_overrides=mapping(error))
    calls: list[Callable[[], Any]] = [
        lambda: db.upsert_channels_for_guild("1001", generator(error)),
        lambda: db.upsert_channels_for_guild("1001", [attribute(error)]),
        lambda: db.upsert_channels_for_guild("1001", [channel]),
        lambda: db.sync_guild(GuildSnapshot("1001", "Clips", channels=generator(error))),
        lambda: db.delete_channels(row.id for row in generator(error)),
        lambda: db.set_guild_settings("1001", mapping(error)),
        lambda: db.set_guild_settings("1001", mapping(error)),
        lambda: db.upsert_guilds([attribute(error)]),
        lambda: db.upsert_guild(guild_id="1009", name="a", icon=None, joined_at=zone(error)),
        lambda: db.get_clips("1001", since=zone(error)),
    ]
    for call in calls:
        with pytest.raises(type(error)) as raised:
            await call()
        assert raised.value is error
    assert sql("select guild_id from bot_guilds") == [{"guild_id": "1001"}]
    assert sql("select channel_id from bot_channels") == [{"channel_id": "2001"}]
    assert sql("select * from guild_settings") == []


async def test_an_error_inside_of_json_is_the_cause_of_ours(db: ModuleType) -> None:
    error = ValueError("mine")

    class Raising(dict[str, Any]):
        items = raising(error)

    with pytest.raises(InvalidInput, match="mine") as raised:
        await db.set_guild_settings("1001", {"a": Raising(b=1)})
    assert raised.value.__cause__ is error


async def test_an_attribute_that_is_missing_is_a_type_error_with_its_cause(db: ModuleType) -> None:
    class Nameless:
        id = "2001"

    with pytest.raises(
        TypeError, match=r"upsert_channels_for_guild: `channels\[1\]` must have an attribute `name`"
    ) as raised:
        await db.upsert_channels_for_guild("1001", [ChannelSnapshot("2001", "a", "text"), Nameless()])
    assert isinstance(raised.value.__cause__, AttributeError)


@pytest.mark.parametrize("offset", [timedelta(hours=25), "1", 3600])
async def test_a_zone_that_is_wrong_is_pythons_own_error(db: ModuleType, offset: Any) -> None:
    class Wrong(tzinfo):
        def utcoffset(self, _: datetime | None) -> Any:
            return offset

        dst = tzname = utcoffset

    with pytest.raises((TypeError, ValueError)):
        await db.upsert_guild(guild_id="1001", name="a", icon=None, joined_at=NOW.replace(tzinfo=Wrong()))
    assert await db.get_guilds() == []
