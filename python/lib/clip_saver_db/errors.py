"""What can go wrong: PEP 249's classes, and below them one for each kind of failure.

`OperationalError` means that the same call may succeed later, or that the server cannot be used as it is. A write whose outcome
is unknown is no `OperationalError` unless it may be repeated: programs retry on that class.
"""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """The base of all errors of this package.

    `function` is the function that failed, `field` the argument, column or variable at fault, `sqlstate` PostgreSQL's code of
    five characters, `constraint_name` the constraint that refused a row; each may be `None`. With `is_retryable` the same call
    may be repeated, and may then succeed. With `is_outcome_unknown` a write may have been stored despite the error.
    """

    def __init__(
        self,
        message: str = "",
        function: str | None = None,
        field: str | None = None,
        sqlstate: str | None = None,
        constraint_name: str | None = None,
        is_retryable: bool = False,
        is_outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.function = function
        self.field = field
        self.sqlstate = sqlstate
        self.constraint_name = constraint_name
        self.is_retryable = is_retryable
        self.is_outcome_unknown = is_outcome_unknown

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (
            str(self),
            self.function,
            self.field,
            self.sqlstate,
            self.constraint_name,
            self.is_retryable,
            self.is_outcome_unknown,
        )
        return type(self), arguments, self.__dict__


class Warning(Exception):  # PEP 249 wants this name
    """PEP 249's class for warnings. This package warns through `logging`."""


class InterfaceError(Error):
    """The package was not used as it must be: after `close_db`, before `init_db`, or with a wrong configuration."""


class DatabaseError(Error):
    """The database refused a call, or could not be reached."""


class DataError(DatabaseError):
    """A value cannot be stored, or cannot be read."""


class OperationalError(DatabaseError):
    """The server, or the way to it, was not as it must be. If `is_retryable`, repeat the call."""


class IntegrityError(DatabaseError):
    """A constraint refused a row: `constraint_name`."""


class InternalError(DatabaseError):
    """The database, or this package, is in a state in which it cannot be."""


class ProgrammingError(DatabaseError):
    """The schema or the rights are not those that the call needs."""


class NotSupportedError(DatabaseError):
    """The server, or a pooler before it, cannot do what this package needs."""


class InvalidId(DataError, ValueError):
    """An id that is no Discord snowflake (decimal digits, from 0 to 2**64 - 1) or UUID. Nothing was sent."""


class InvalidInput(DataError, ValueError):
    """A value that cannot be stored. Nothing was sent."""


class UnreadableRow(DataError):
    """A stored value that cannot be read. Lists leave such rows out and log a warning."""


class UnreadableSettings(DataError):
    """Stored settings that cannot be read."""


class UniqueViolation(IntegrityError):
    """A row with this key exists."""


class ForeignKeyViolation(IntegrityError):
    """A row that this one refers to is missing: store that one first."""


class CheckViolation(IntegrityError):
    """A check constraint refused a value."""


class NotNullViolation(IntegrityError):
    """A column must have a value."""


class Conflict(OperationalError):
    """A conflict with a concurrent transaction. Nothing was stored: repeat the call, or the whole transaction."""


class StaleStatement(OperationalError):
    """The schema has changed under a prepared statement. Nothing was stored: repeat the call."""


class Canceled(OperationalError):
    """The server ended the statement: a timeout, or an operator. Nothing was stored."""


class PoolTimeout(OperationalError):
    """No connection of the pool became free in time."""


class ConnectTimeout(OperationalError):
    """No connection could be opened in time."""


class ConnectionFailed(OperationalError):
    """The server cannot be reached, or the connection broke before anything could be stored."""


class ReadOnly(OperationalError):
    """The server accepts no writes: it is a standby, or was just replaced."""


class RepeatableOutcomeUnknown(OperationalError):
    """The connection broke after a write was sent. Repeated, it stores the same as once."""


class OutcomeUnknown(DatabaseError):
    """The connection broke after a write was sent: it was stored, or it was not. Look before you repeat it."""


class TlsFailed(OperationalError):
    """The encrypted connection could not be set up."""


class PasswordFailed(OperationalError):
    """The server refuses the login, there is no password, or its source failed."""


class TransactionAborted(InternalError):
    """An earlier statement of the transaction failed. Only a rollback is possible."""


class UnsupportedPooler(NotSupportedError):
    """This package cannot work behind the pooler between program and server."""


class Closed(InterfaceError):
    """`close_db` was called."""


class InvalidConfig(InterfaceError, ValueError):
    """The configuration is wrong: `field` names the variable, or the field of the `DatabaseConfig` (`config.port`)."""


class MigrationFailed(ProgrammingError):
    """The schema could not be brought up to date."""
