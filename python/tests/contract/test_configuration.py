"""The configuration: read when it is asked for, and silent about passwords."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from support import new_database, run_on_server, use_database

import clip_saver_db
from clip_saver_db import DatabaseConfig, InterfaceError, get_config, repositories
from clip_saver_db.errors import InvalidConfig

SECRET = "p@ss w:rd/%?#ä"


def test_without_variables_it_has_the_defaults_of_the_python_programs(environment: pytest.MonkeyPatch) -> None:
    config = get_config()
    assert (config.host, config.port, config.user, config.database) == ("localhost", 5432, "postgres", "postgres")
    assert (config.password, config.dsn) == ("postgres", None)


@pytest.mark.parametrize("names", [("POSTGRES_", "DB"), ("DB_", "NAME")])
def test_it_reads_the_environment_when_it_is_called(environment: pytest.MonkeyPatch, names: tuple[str, str]) -> None:
    prefix, database = names
    variables = {"HOST": "db.example", "PORT": "6543", "USER": "ada", "PASSWORD": SECRET, database: "clips"}
    for name, value in variables.items():
        environment.setenv(prefix + name, value)
    config = get_config()
    assert (config.host, config.port, config.user, config.password) == ("db.example", 6543, "ada", SECRET)
    assert config.database == "clips"


def test_postgres_variables_come_before_db_variables(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DB_HOST", "second")
    environment.setenv("DB_USER", "second")
    environment.setenv("POSTGRES_HOST", "first")
    environment.setenv("POSTGRES_USER", "")
    config = get_config()
    assert (config.host, config.user) == ("first", "second")


@pytest.mark.parametrize("name", ["POSTGRES_DSN", "DATABASE_URL"])
def test_a_connection_string_comes_before_the_other_variables(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv(name, "postgresql://bot@db/clips")
    environment.setenv("POSTGRES_HOST", "other")
    assert get_config().get_connection_string() == "postgresql://bot@db/clips"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("POSTGRES_PORT", "abc"), ("DB_PORT", "5432.0"), ("POSTGRES_PORT", "-1"), ("PGPORT", "70000")],
)
def test_a_port_that_is_none_is_an_error_that_names_the_variable(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    with pytest.raises(InvalidConfig, match=variable) as refused:
        get_config()
    assert refused.value.field == variable
    assert isinstance(refused.value, InterfaceError) and isinstance(refused.value, ValueError)


def test_no_form_of_it_shows_the_password_or_the_connection_string(environment: pytest.MonkeyPatch) -> None:
    config = DatabaseConfig(password=SECRET, dsn=f"postgresql://ada:{SECRET}@db/clips")
    for shown in (repr(config), str(config), f"{config}", f"{config!r}", "%s" % config, repr([config])):
        assert SECRET not in shown
        assert "db/clips" not in shown


def test_a_connection_string_keeps_every_part_as_it_is(environment: pytest.MonkeyPatch) -> None:
    config = DatabaseConfig("/var/run/my socket", 6543, "ada@home/x", SECRET, "my clips?/ä")
    assert conninfo_to_dict(config.get_connection_string()) == {
        "host": "/var/run/my socket",
        "port": "6543",
        "user": "ada@home/x",
        "password": SECRET,
        "dbname": "my clips?/ä",
    }


def test_an_ipv6_host_is_in_brackets(environment: pytest.MonkeyPatch) -> None:
    assert conninfo_to_dict(DatabaseConfig(host="fe80::1").get_connection_string())["host"] == "fe80::1"


async def test_init_db_connects_as_the_config_says(server_url: str, environment: pytest.MonkeyPatch) -> None:
    """The names need quoting; what the environment says does not count."""
    role, name = 'ada@"home%20', f"my clips/ä?%41 {clip_saver_db.__name__}"
    quoted_role, quoted_name = (f'"{text.replace(chr(34), chr(34) * 2)}"' for text in (role, name))
    server = conninfo_to_dict(server_url)
    run_on_server(server_url, f"create role {quoted_role} login superuser password 'secret'")
    try:
        run_on_server(server_url, f"create database {quoted_name}")
        environment.setenv("DATABASE_URL", "postgresql://nobody@nowhere.invalid/nothing")
        environment.setenv("POSTGRES_PORT", "many")
        host, port = str(server.get("host", "localhost")), int(server.get("port") or 5432)
        await repositories.init_db(DatabaseConfig(host, port, role, "secret", name, dsn=None))
        await repositories.upsert_guild(guild_id="1", name="Clips", icon=None)
        await repositories.close_db()
    finally:
        run_on_server(server_url, f"drop database if exists {quoted_name} with (force)")
        run_on_server(server_url, f"drop role {quoted_role}")


@pytest.mark.parametrize("dsn", [True, False])
async def test_a_failed_start_tells_nobody_the_password(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], dsn: bool
) -> None:
    environment.setenv("DB_CONNECT_TIMEOUT", "1")
    url = "postgresql://ada:s3cr3t@127.0.0.1:1/clips"
    config = DatabaseConfig(dsn=url) if dsn else DatabaseConfig("127.0.0.1", 1, "ada", "s3cr3t", "clips", None)
    with caplog.at_level(logging.DEBUG), pytest.raises(clip_saver_db.OperationalError) as failed:
        await repositories.init_db(config)
    output = capfd.readouterr()
    for shown in (str(failed.value), repr(failed.value), caplog.text, output.out, output.err):
        assert "s3cr3t" not in shown


@pytest.mark.parametrize(
    "fields",
    [
        {"dsn": "postgresql://db/clips?sslmode=sometimes"},
        {"port": 70_000},
        {"port": 0},
        {"host": ""},
        {"user": ""},
        {"database": ""},
    ],
)
async def test_an_error_names_the_field_of_the_config_that_is_wrong(
    environment: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    environment.setenv("PGHOST", "elsewhere")
    (name,) = fields
    with pytest.raises(InvalidConfig, match=f"^config.{name}: ") as refused:
        await repositories.init_db(DatabaseConfig(**fields))
    assert refused.value.field == f"config.{name}"


@pytest.mark.parametrize("name", ["dsn", "host", "port", "user", "password", "database"])
async def test_a_field_of_the_wrong_type_is_a_type_error(environment: pytest.MonkeyPatch, name: str) -> None:
    fields: dict[str, Any] = {name: b"clips"}
    with pytest.raises(TypeError, match=f"`config.{name}` must be "):
        await repositories.init_db(DatabaseConfig(**fields))


async def test_an_error_of_a_variable_that_the_config_does_not_stand_for_names_it(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("DB_POOL_MAX", "many")
    with pytest.raises(InvalidConfig, match="^DB_POOL_MAX: ") as refused:
        await repositories.init_db(DatabaseConfig(host="db"))
    assert refused.value.field == "DB_POOL_MAX"


@pytest.mark.parametrize("name", ["dsn", "password", "POSTGRES_PASSWORD", "DATABASE_URL"])
async def test_a_password_that_is_not_utf_8_is_refused_and_told_nobody(
    name: str, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    password = os.fsdecode(b"s3cr3t\xff")
    value = f"postgresql://ada:{password}@127.0.0.1:1/clips" if name in ("dsn", "DATABASE_URL") else password
    environment.setenv("POSTGRES_HOST", "127.0.0.1")
    config = None
    if name == "dsn":
        config = DatabaseConfig(dsn=value)
    elif name == "password":
        config = DatabaseConfig(password=value)
    else:
        environment.setenv(name, value)
    with caplog.at_level(logging.DEBUG), pytest.raises(InvalidConfig) as refused:
        await repositories.init_db(config)
    error: BaseException | None = refused.value
    while error is not None:
        assert "s3cr3t" not in f"{error} {error!r} {vars(error)}"
        assert error.__cause__ in (None, error.__context__)
        error = error.__context__
    assert "s3cr3t" not in caplog.text


async def test_a_changed_config_is_another_database(server_url: str, environment: pytest.MonkeyPatch) -> None:
    with new_database(server_url) as first, new_database(server_url) as second:
        use_database(environment, first)
        config = get_config()
        config.dsn = second
        await repositories.init_db(config)
        await repositories.upsert_guild(guild_id="1", name="Clips", icon=None)
        await repositories.init_db(get_config())
        assert await repositories.get_guilds() == []
        await repositories.close_db()
