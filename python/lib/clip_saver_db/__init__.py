"""The database layer of the Discord Clip Saver, in Rust.

`from clip_saver_db import repositories as db` has the functions as the Tortoise generation of the Python programs had them,
`import clip_saver_db.database as db` as the psycopg3 generation had them. Both work on the one database of the process.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    raise ImportError("clip_saver_db does not run on Windows: its event loop watches no sockets of others. Use WSL.")

from ._database import ScanLease, Transaction, close_db
from ._native import ScanWorker, __version__
from ._reports import report_metrics
from .config import DatabaseConfig, get_config
from .errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    InvalidId,
    InvalidInput,
    NotSupportedError,
    OperationalError,
    OutcomeUnknown,
    ProgrammingError,
    Warning,
)
from .repositories import init_db
from .types import ChannelSnapshot, GuildSnapshot, UserSnapshot

__all__ = [
    "__version__",
    "ChannelSnapshot",
    "DataError",
    "DatabaseConfig",
    "DatabaseError",
    "Error",
    "GuildSnapshot",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "InvalidId",
    "InvalidInput",
    "NotSupportedError",
    "OperationalError",
    "OutcomeUnknown",
    "ProgrammingError",
    "ScanLease",
    "ScanWorker",
    "Transaction",
    "UserSnapshot",
    "Warning",
    "close_db",
    "get_config",
    "init_db",
    "report_metrics",
]
