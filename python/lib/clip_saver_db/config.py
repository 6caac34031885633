"""The configuration, as the Tortoise generation had it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import quote

from .errors import InvalidConfig


def _first(*names: str) -> str | None:
    """The first of these variables of the environment that is not empty."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def _port() -> int:
    """The port that the environment gives."""
    names = ("POSTGRES_PORT", "DB_PORT", "PGPORT")
    port = _first(*names) or "5432"
    if not (port.isdecimal() and 0 < int(port) < 2**16):
        name = next(name for name in names if os.environ.get(name, "").strip())
        raise InvalidConfig(f"{name}: {port!r} is not a port", "get_config", name)
    return int(port)


@dataclass(slots=True)
class DatabaseConfig:
    """Where the database is. The defaults are those of the environment when it is made. `dsn` comes before the other fields."""

    host: str = field(default_factory=lambda: _first("POSTGRES_HOST", "DB_HOST", "PGHOST") or "localhost")
    port: int = field(default_factory=_port)
    user: str = field(default_factory=lambda: _first("POSTGRES_USER", "DB_USER", "PGUSER") or "postgres")
    password: str = field(
        default_factory=lambda: _first("POSTGRES_PASSWORD", "DB_PASSWORD", "PGPASSWORD") or "postgres", repr=False
    )
    database: str = field(default_factory=lambda: _first("POSTGRES_DB", "DB_NAME", "PGDATABASE") or "postgres")
    dsn: str | None = field(default_factory=lambda: _first("POSTGRES_DSN", "DATABASE_URL"), repr=False)

    def get_connection_string(self) -> str:
        """The whole configuration as a URL, with the password: do not log it."""
        if self.dsn:
            return self.dsn
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        return f"postgresql://{login}@{host}:{self.port}/{quote(self.database, safe='')}"


def get_config() -> DatabaseConfig:
    """The configuration that the environment gives. It shows neither the password nor the connection string.

    Errors: `InvalidConfig` for a port that is none.
    """
    return DatabaseConfig()
