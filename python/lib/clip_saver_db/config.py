"""The configuration, as the Tortoise generation had it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import InvalidConfig

VARIABLES = {
    "host": ("POSTGRES_HOST", "DB_HOST", "PGHOST"),
    "port": ("POSTGRES_PORT", "DB_PORT", "PGPORT"),
    "user": ("POSTGRES_USER", "DB_USER", "PGUSER"),
    "password": ("POSTGRES_PASSWORD", "DB_PASSWORD", "PGPASSWORD"),
    "database": ("POSTGRES_DB", "DB_NAME", "PGDATABASE"),
}
"""The variables of each field. The first one that is not empty counts."""

DEFAULTS = {"host": "localhost", "port": "5432", "user": "postgres", "password": "postgres", "database": "postgres"}


def _of_environment(name: str) -> str:
    given = (os.environ.get(variable, "") for variable in VARIABLES[name])
    if name != "password":  # white space may belong to it
        given = (value.strip() for value in given)
    return next(filter(None, given), DEFAULTS[name])


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) < 2**16


def _port() -> int:
    port = _of_environment("port")
    if not _is_port(port):
        name = next(name for name in VARIABLES["port"] if os.environ.get(name, "").strip())
        raise InvalidConfig(f"{name}: {port!r} is not a port", "get_config", name)
    return int(port)


def _dsn() -> str | None:
    return os.environ.get("POSTGRES_DSN", "").strip() or os.environ.get("DATABASE_URL", "").strip() or None


@dataclass(slots=True, repr=False)
class DatabaseConfig:
    """Where the database is. The defaults are those of the environment when it is made. `dsn` comes before the other fields, but
    that of the environment not before a field that differs from it."""

    host: str = field(default_factory=lambda: _of_environment("host"))
    port: int = field(default_factory=_port)
    user: str = field(default_factory=lambda: _of_environment("user"))
    password: str = field(default_factory=lambda: _of_environment("password"))
    database: str = field(default_factory=lambda: _of_environment("database"))
    dsn: str | None = field(default_factory=_dsn)

    def __repr__(self) -> str:
        """Without the password, and without the other fields if `dsn`, which may hold one, comes before them."""
        if self.dsn and self._comes_first(self.dsn):
            return "DatabaseConfig(dsn='***')"
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in ("host", "port", "user", "database"))
        return f"DatabaseConfig({shown})"

    def get_connection_string(self) -> str:
        """The whole configuration as a URL, with the password: do not log it."""
        if self.dsn and self._comes_first(self.dsn):
            return self.dsn
        from urllib.parse import quote  # not when the package is imported: that would make it a tenth slower

        try:
            login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        except UnicodeEncodeError:
            login = None  # the exception shows the password, also as the context of another one
        if login is None:
            raise InvalidConfig("user or password is not UTF-8", "get_connection_string")
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe=",")
        return f"postgresql://{login}@{host}:{self.port}/{quote(self.database, safe='')}"

    def variables(self) -> dict[str, str]:
        """What the environment's variables would say, as far as it differs from them: where it does not, password files and the
        like count as for `init_db()` without a configuration."""
        self._check()
        if self.dsn and self._comes_first(self.dsn):
            return {"POSTGRES_DSN": self.dsn}
        return {"POSTGRES_DSN": "", "DATABASE_URL": "", **self._changed()}

    def _comes_first(self, dsn: str) -> bool:
        return dsn != _dsn() or not self._changed()

    def _changed(self) -> dict[str, str]:
        """The fields that differ from the environment, by their variables."""
        fields = {name: str(getattr(self, name)) for name in VARIABLES}
        return {VARIABLES[name][0]: value for name, value in fields.items() if value != _of_environment(name)}

    def _check(self) -> None:
        """Refuses wrong types and empty names. An empty variable counts as not set, so an empty field would be the environment's."""
        if not isinstance(self.dsn, str | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"init_db: `config.dsn` must be a str or None, not {type(self.dsn).__name__}")
        for name in VARIABLES:
            value, expected = getattr(self, name), int if name == "port" else str
            if not isinstance(value, expected):
                raise TypeError(f"init_db: `config.{name}` must be {expected.__name__}, not {type(value).__name__}")
            if not value and name in ("host", "user", "database"):
                raise InvalidConfig(f"config.{name}: is empty", "init_db", f"config.{name}")
        if not _is_port(str(self.port)):
            raise InvalidConfig(f"config.port: {self.port} is not a port", "init_db", "config.port")


def in_config(error: InvalidConfig, variables: Mapping[str, str]) -> InvalidConfig:
    """The error of a configuration, with the names of its fields instead of the variables that stand for them."""
    every = {"POSTGRES_DSN": "config.dsn"} | {names[0]: f"config.{field}" for field, names in VARIABLES.items()}
    fields = {variable: field for variable, field in every.items() if variable in variables}

    def named(text: str) -> str:
        return re.sub(r"\w+", lambda word: fields.get(word[0], word[0]), text)

    return InvalidConfig(named(str(error)), error.function, error.field and named(error.field))


def get_config() -> DatabaseConfig:
    """The configuration that the environment gives. It shows neither the password nor the connection string.

    Errors: `InvalidConfig` for a port that is none.
    """
    return DatabaseConfig()
