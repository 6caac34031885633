"""A value that cannot be is a `TypeError`, `InvalidId` or `InvalidInput` that names the place, and nothing is stored."""

from __future__ import annotations

import reprlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from samples import Function, Refused, fill, functions, refused
from support import Sql

from clip_saver_db import DataError, InvalidId, database
from clip_saver_db.types import ScanPage

Rows = Callable[[], dict[str, list[dict[str, Any]]]]


@pytest.fixture
async def rows(database_url: str, sql: Sql) -> AsyncIterator[Rows]:
    """Reads all rows of all tables of a database that holds some in each."""
    await database.init_db()
    await fill(database, sql)
    tables = [row["tablename"] for row in sql("select tablename from pg_tables where schemaname = 'public'")]
    yield lambda: {table: sql(f"select * from {table} t order by t::text") for table in tables}
    await database.close_db()


async def what_is_wrong(function: Function, argument: str, case: Refused) -> str | None:
    """What the refusal is not, that it must be."""
    place = function.name_of(case.place)
    told = f"{case.place} = {reprlib.repr(case.value)}"
    try:
        answer = await function.call(**{argument: case.value})
    except (TypeError, ValueError) as error:
        if type(error) is not case.error:
            return f"{told}: not {case.error.__name__} but {error!r:.200}"
        if not str(error).startswith(f"{function.name}: `{place}"):
            return f"{told}: the message does not name the place: {error}"
        if isinstance(error, DataError) and (error.function, error.field) != (function.name, place):
            return f"{told}: the error does not name the place: {error.function}, {error.field}"
        return None
    except BaseException as error:
        return f"{told}: {type(error)}: {error!r:.200}"
    return f"{told}: answered {answer!r:.200}"


@pytest.mark.parametrize("function", functions(), ids=str)
async def test_a_wrong_value_is_refused_and_nothing_is_stored(function: Function, rows: Rows) -> None:
    before = rows()
    found = []
    for argument, annotation in function.arguments.items():
        for case in refused(annotation, function.sample(argument), argument):
            if function.name == "upsert_guilds" and ".channels" in case.place:
                continue  # it does not look at them
            wrong = await what_is_wrong(function, argument, case)
            if wrong:
                found.append(wrong)
    assert not found, "\n".join(found)
    assert rows() == before


@pytest.mark.parametrize("function", functions(), ids=str)
async def test_a_function_takes_its_samples(function: Function, rows: Rows) -> None:
    await function.call()


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize(
    ("value", "error"),
    [(" 1 ", InvalidId), ("1_0", InvalidId), ("\uff11", InvalidId), ("x", InvalidId), (-1, InvalidId), (2**64, InvalidId)]
    + [(True, TypeError), (40.7, TypeError), (b"1", TypeError)],
)
def test_a_page_is_not_made_of_wrong_ids(name: str, value: Any, error: type[Exception]) -> None:
    page: Any = getattr(ScanPage, name)
    with pytest.raises(error, match=f"ScanPage.{name}: `{name}`"):
        page(value, [1])
    with pytest.raises(error, match=f"ScanPage.{name}: `messages"):
        page(5, [value])
    with pytest.raises(TypeError, match=f"ScanPage.{name}: `messages`"):
        page(5, "123")
