"""For each function of both modules, arguments that it takes, and those that it refuses: made from its annotations."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from types import ModuleType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from support import Sql, add_channel

from clip_saver_db import (
    ChannelSnapshot,
    GuildSnapshot,
    InvalidId,
    InvalidInput,
    ScanWorker,
    UserSnapshot,
    database,
    repositories,
)
from clip_saver_db._functions import Psycopg3Functions, TortoiseFunctions
from clip_saver_db.types import (
    Attachment,
    ClipAuthor,
    ClipKey,
    ClipMessage,
    Id,
    MessageInterval,
    RunId,
    ScanClaim,
    ScanPage,
)

RUN_ID = UUID("6f1c9a52-5e0a-4c8e-9d1e-3f6a1b2c3d4e")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
INTERVAL = MessageInterval("9001", "9002")
ATTACHMENT = Attachment("7001", "a.mp4", 1, "https://cdn/a?ex=ffffffff", "video/mp4", 1.5, 640, 480)
CLIP = ClipMessage("9001", ClipAuthor("501", "ada", "Ada", "f64c48"), [ATTACHMENT])
CLAIM = ScanClaim(RUN_ID, 1, "2001", "1001", None, None, 1)
CHANNEL = ChannelSnapshot("2001", "general", "text", False, {"a": 1})
GUILD = GuildSnapshot("1001", "Clips", "f64c48", "501", NOW, [CHANNEL])
USER = UserSnapshot("501", "ada", "Ada", "f64c48", NOW)

ARGUMENTS: dict[str, Any] = {
    "after": "9000",
    "attachment_id": "7001",
    "author_id": "501",
    "before": "9999",
    "by": 1,
    "channel_id": "2001",
    "channel_ids": ["2001"],
    "channels": [CHANNEL],
    "claim": CLAIM,
    "claims": [CLAIM],
    "defaults": {"a": 1},
    "error_message": "reason",
    "grace_seconds": 1.5,
    "guild": GUILD,
    "guild_id": "1001",
    "guild_ids": ["1001"],
    "guilds": [GUILD],
    "icon": "f64c48",
    "ingested_count": 1,
    "is_reading": False,
    "joined_at": NOW,
    "keep": 0,
    "last_message_id": "9001",
    "last_seen_message_id": "9001",
    "lease_seconds": 30,
    "lifetime_seconds": 600,
    "limit": 10,
    "matched_inc": 1,
    "message_ids": ["9001"],
    "name": "Clips",
    "not_before": NOW,
    "older_than_seconds": 0,
    "owner_user_id": "501",
    "page": ScanPage(INTERVAL, ["9001", "9002"], [CLIP]),
    "priority": 1,
    "reason": "reason",
    "retry_at": NOW,
    "run_id": RUN_ID,
    "scanned_inc": 1,
    "settings": {"a": 1},
    "settings_dict": {"a": 1},
    "since": NOW,
    "state": "state",
    "until": NOW,
    "up_to": "9999",
    "url": "https://cdn/a?ex=fffffffff",
    "user": USER,
    "user_id": "501",
    "users": [USER],
    "values": {"a": 1},
    "within_seconds": 600,
}
"""A value for each name of an argument, with which the functions do something on the rows of `fill`."""

UNLIKE: dict[tuple[str, str], Any] = {
    ("get_clips", "after"): ClipKey("9001", "7001"),
    ("record_live_messages", "since"): "9000",
    ("create_install_intent", "state"): "another state",
}
"""The same for a function whose argument is unlike others of its name."""


async def fill(db: ModuleType, sql: Sql) -> None:
    """Stores a row in each table, to which `ARGUMENTS` refer."""
    await db.upsert_user(USER)
    await add_channel(db)
    await db.set_guild_settings("1001", {"b": 2})
    await db.create_install_intent("state", "501", "1001", 600)
    await db.record_live_messages("2001", "8000", ScanPage(MessageInterval("8001", "8001"), ["8001"]))
    await db.request_scan("2001")
    (claim,) = await db.claim_scan_runs(ScanWorker("worker"), 1, 600)
    assert claim.token == CLAIM.token
    sql("update bot_channel_scan_runs set id = %s", RUN_ID)


@dataclass
class Function:
    """A function of a module, with the types of its arguments."""

    module: ModuleType
    name: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.module.__name__.rpartition('.')[2]}.{self.name}"

    def sample(self, argument: str) -> Any:
        """A value that it takes."""
        if argument == "worker":
            return ScanWorker("worker")
        return UNLIKE.get((self.name, argument), ARGUMENTS.get(argument))

    def name_of(self, place: str) -> str:
        """As errors name it: Tortoise's `settings_dict` is the name of a Python parameter only."""
        return place.replace("settings_dict", "settings")

    async def call(self, **unlike: Any) -> Any:
        """Calls it with the samples, and these arguments instead."""
        samples = {argument: self.sample(argument) for argument in self.arguments}
        return await getattr(self.module, self.name)(**samples | unlike)


def functions() -> list[Function]:
    """Those of the one module, and those of the other that differ."""
    shared = [Function(database, name, {}) for name, _ in inspect.getmembers(Psycopg3Functions, inspect.isfunction)]
    differing = [Function(repositories, name, {}) for name in vars(TortoiseFunctions)]
    found = [function for function in shared + differing if not function.name.startswith("_")]
    for function in found:
        signature = inspect.signature(getattr(function.module, function.name), eval_str=True)
        function.arguments = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return found


@dataclass
class Refused:
    """A value that is wrong at one place of an argument, and the class of the error."""

    place: str
    value: Any
    error: type[Exception]


class Number(IntEnum):
    NEGATIVE = -1
    ONE = 1
    TWO = 2


class Text(str):
    """A `str`, and yet none."""


def circle() -> dict[str, Any]:
    """Settings that hold themselves."""
    settings: dict[str, Any] = {}
    settings["a"] = [settings]
    return settings


def nested(levels: int) -> dict[str, Any]:
    """Settings of many levels."""
    settings: dict[str, Any] = {}
    for _ in range(levels):
        settings = {"a": settings}
    return settings


NO_IDS: list[str] = [
    "",
    "abc",
    " 1 ",
    "1 ",
    "１",
    "1e4",
    "+1",
    "-1",
    "0x1",
    "007",
    "1.0",
    "NaN",
    "1_000",
    "\0",
    "1\0",
    "\ud800",
]
NO_IDS.extend([Text("abc"), "18446744073709551616", "9" * 500])
NO_TEXTS = ["\0", "a\0b", "\ud800", "a\udfffb", Text("\0")]
NOTHING_LIKE_IT: list[Any] = [
    None,
    object(),
    ...,
    [],
    {},
    b"1",
    bytearray(b"1"),
    1 + 1j,
    Decimal(1),
    ValueError,
    lambda: 1,
]

REFUSED: dict[Any, dict[type[Exception], list[Any]]] = {
    Id: {
        TypeError: [*NOTHING_LIKE_IT, True, False, 1.0, math.nan],
        InvalidId: [*NO_IDS, -1, 2**64, 10**400, -(10**400), Number.NEGATIVE],
    },
    RunId: {
        TypeError: [*NOTHING_LIKE_IT, 1, True, 1.0],
        InvalidId: [*NO_IDS, str(RUN_ID)[:-1], f" {RUN_ID}", f"{RUN_ID}\0"],
    },
    str: {TypeError: [*NOTHING_LIKE_IT, 1, True, 1.0, math.nan, Number.ONE], InvalidInput: NO_TEXTS},
    bool: {TypeError: [*NOTHING_LIKE_IT, 0, 1, 1.0, "true", Number.ONE]},
    int: {
        TypeError: [*NOTHING_LIKE_IT, True, 1.0, math.nan, math.inf, "1", ""],
        InvalidInput: [2**63, -(2**63) - 1, 10**400, -(10**400)],
    },
    float: {
        TypeError: [*NOTHING_LIKE_IT, True, "1", ""],
        InvalidInput: [math.nan, math.inf, -math.inf, 10**400, -(10**400)],
    },
    datetime: {
        TypeError: [*NOTHING_LIKE_IT, 1, 1.5, True, "2026-01-02T03:04:05Z", date(2026, 1, 2), time(3), timedelta(1)],
        InvalidInput: [
            datetime(2026, 1, 2),
            datetime.min,
            datetime.max,
            datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
        ],
    },
    Mapping: {
        TypeError: [
            *(value for value in NOTHING_LIKE_IT if value != {}),
            1,
            True,
            "{}",
            [("a", 1)],
            {("a", "b"): 1},
            {b"a": 1},
            {"a": object()},
            {"a": {1, 2}},
            {"a": b"x"},
            {"a": Decimal(1)},
            {"a": NOW},
            {"a": 1j},
        ],
        InvalidInput: [
            {"a": math.nan},
            {"a": [math.inf]},
            {"a": {"b": -math.inf}},
            {"\0": 1},
            {"a": "\0"},
            {"a": ["b\0"]},
            {"\ud800": 1},
            {"a": "\udfff"},
            {"a": "x" * 300_000},
            circle(),
            nested(3_000),
        ],
    },
    Iterable: {
        TypeError: [*(value for value in NOTHING_LIKE_IT if value not in ([], {})), 1, 1.5, True, "12", "", b""]
    },
}
"""For each type, values that are of none of its kind, by the class of the error."""

NO_OBJECTS = [*NOTHING_LIKE_IT, 1, True, "1", 1.5]


def refused(annotation: Any, sample: Any, place: str) -> Iterator[Refused]:
    """What a place of this type refuses."""
    is_optional = types.NoneType in _parts(annotation)
    kind, *elements = kinds(annotation)
    wrong = {TypeError: NO_OBJECTS} if kind not in REFUSED else REFUSED[kind]
    for error, values in wrong.items():
        yield from (Refused(place, value, error) for value in values if not (value is None and is_optional))
    if kind is Iterable:
        for case in refused(elements[0], sample[0], f"{place}[0]"):
            yield Refused(case.place, [case.value], case.error)
        for case in refused(elements[0], sample[0], f"{place}[1]"):
            yield Refused(case.place, (sample[0], case.value), case.error)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        if kind in (ScanClaim, ClipKey):  # they come out with ids of one type, and go in as all ids do
            hints = {
                name: {str: Id, str | None: Id | None, UUID: RunId}.get(hint, hint) for name, hint in hints.items()
            }
        for field in fields(kind):
            for case in refused(hints[field.name], getattr(sample, field.name), f"{place}.{field.name}"):
                yield Refused(case.place, replace(sample, **{field.name: case.value}), case.error)


def kinds(annotation: Any) -> tuple[Any, ...]:
    """The type by which `REFUSED` knows an argument's, and the type of its elements."""
    return _kind([part for part in _parts(annotation) if part is not types.NoneType])


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, or the one."""
    return get_args(annotation) if get_origin(annotation) in (types.UnionType, Union) else (annotation,)


def _kind(parts: list[Any]) -> tuple[Any, ...]:
    """The type by which `REFUSED` knows it, and the type of its elements."""
    for union in (Id, RunId):
        if set(parts) == set(get_args(union)):
            return (union,)
    (kind,) = parts
    origin = get_origin(kind)
    if origin is Sequence or origin is Iterable:
        return Iterable, *get_args(kind)
    return (origin or kind,)
