"""The configuration, as the Tortoise generation had it."""

from __future__ import annotations

import os
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


def _of_environment(name: str, default: str) -> str:
    return next((value for variable in VARIABLES[name] if (value := os.environ.get(variable, "").strip())), default)


def _port() -> int:
    port = _of_environment("port", "5432")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
        name = next(name for name in VARIABLES["port"] if os.environ.get(name, "").strip())
        raise InvalidConfig(f"{name}: {port!r} is not a port", "get_config", name)
    return int(port)


def _password() -> str:
    """White space may belong to it."""
    given = (os.environ.get(variable, "") for variable in VARIABLES["password"])
    return next(filter(None, given), "postgres")


def _dsn() -> str | None:
    return os.environ.get("POSTGRES_DSN", "").strip() or os.environ.get("DATABASE_URL", "").strip() or None


@dataclass(slots=True, repr=False)
class DatabaseConfig:
    """Where the database is. The defaults are those of the environment when it is made. `dsn` comes before the other fields, but
    that of the environment not before a field that differs from it."""

    host: str = field(default_factory=lambda: _of_environment("host", "localhost"))
    port: int = field(default_factory=_port)
    user: str = field(default_factory=lambda: _of_environment("user", "postgres"))
    password: str = field(default_factory=_password)
    database: str = field(default_factory=lambda: _of_environment("database", "postgres"))
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
        if self.dsn and self._comes_first(self.dsn):
            return {"POSTGRES_DSN": self.dsn}
        return {"POSTGRES_DSN": "", "DATABASE_URL": "", **self._changed()}

    def _comes_first(self, dsn: str) -> bool:
        return dsn != _dsn() or not self._changed()

    def _changed(self) -> dict[str, str]:
        """The fields that differ from the environment, by their variables."""
        environment = DatabaseConfig()
        fields = {variables[0]: (getattr(self, name), getattr(environment, name)) for name, variables in VARIABLES.items()}
        return {variable: str(value) for variable, (value, given) in fields.items() if value != given}


def get_config() -> DatabaseConfig:
    """The configuration that the environment gives. It shows neither the password nor the connection string.

    Errors: `InvalidConfig` for a port that is none.
    """
    return DatabaseConfig()
