"""The database that the functions of both modules use: one a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Generic, TypeVar

from . import _native
from ._reports import follow_log_level
from .errors import DatabaseError, InterfaceError, InvalidConfig
from .types import Health, ScanClaim

_client: _native.Client | None = None


def client() -> _native.Client:
    """The database."""
    if _client is None:
        raise InterfaceError("no database is open: await init_db() first")
    return _client


def configure_from_env() -> None:
    """Reads the configuration from the environment. The first call connects. `docs/QUICK_REFERENCE.md` names the variables.

    Errors: `InvalidConfig` names the variable that is wrong.
    """
    global _client
    follow_log_level()
    _client = native_client({})


def native_client(variables: Mapping[str, str]) -> _native.Client:
    """A database that is not open yet: these variables, else the environment's, say where it is."""
    try:
        return _native.Client(dict(variables))
    except UnicodeEncodeError:
        pass  # it shows the password, also as the context of another exception
    raise InvalidConfig("init_db: the configuration holds a text that is not UTF-8", "init_db")


async def start(variables: Mapping[str, str] | None, migrate: bool) -> None:
    """Connects and, unless told not to, migrates. Until then calls go to the database that was open before; then that is
    closed."""
    global _client
    follow_log_level()
    starting = _client if variables is None else None
    if starting is None:
        starting = native_client(variables or {})
    await starting.open()
    if migrate:
        await starting.migrate()
    before, _client = _client, starting
    if before is not None and before is not starting:
        await before.close()


async def close_db() -> None:
    """Ends the database after the calls that run and the transactions that are open: in the block of a transaction it would wait
    for itself. Without a database it does nothing."""
    global _client
    if _client is not None:
        closing, _client = _client, None
        await closing.close()


async def health() -> Health:
    """Asks the server for an answer: for a readiness probe. It may take as long as any call: use `asyncio.wait_for`.

    Errors: `ConnectionFailed`, `ConnectTimeout`, `PoolTimeout`.
    """
    return await client().health()


class ScanWakeups:
    """What `scan_wakeups` returns. `anext` may be given up, by a timeout for example, and called again: no wake-up is lost."""

    def __init__(self) -> None:
        self._native: _native.ScanWakeups | None = None
        self._has_ended = False

    def __aiter__(self) -> ScanWakeups:
        return self

    async def __anext__(self) -> None:
        if self._has_ended:
            raise StopAsyncIteration
        if self._native is None:
            self._native = await client().scan_wakeups()
        if not await self._native.next():
            raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends it: `anext` raises `StopAsyncIteration`."""
        self._has_ended, self._native = True, None


def scan_wakeups() -> ScanWakeups:
    """Wakes a worker when there may be runs to claim: at once, when work is enqueued, and every 5 seconds. Ends with `close_db`.

    `async for _ in db.scan_wakeups():`
    """
    return ScanWakeups()


class ScanLease:
    """Keeps a claim alive: renews it at a third of its lease until it is ended or lost.

    `async with db.hold_scan(claim, 30) as lease:` hands the run back at the end of the block, unless `complete`, `fail` or
    `release` ended it before. Each write of a worker that has lost its claim says so, and stores nothing, whatever the
    lease says.
    """

    def __init__(self, claim: ScanClaim, lease_seconds: float) -> None:
        self.claim = claim
        self._lease_seconds = lease_seconds
        self._held: _native.ScanLease | None = None
        self._has_ended = False

    async def __aenter__(self) -> ScanLease:
        if self._held is not None:
            raise InterfaceError("a lease is held once: call hold_scan() again")
        self._held = await client().hold_scan(self.claim, self._lease_seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._has_ended:
            return
        try:
            await self.release()
        except DatabaseError:
            if error is None:  # else the block's own error is the one to see
                raise

    @property
    def is_lost(self) -> bool:
        """Whether the claim is lost. In a process that stood still for its whole lease the answer is right at once."""
        return self._native().is_lost

    @property
    def is_cancel_requested(self) -> bool:
        """Whether somebody has asked to cancel the run, as far as renewals have told."""
        return self._native().is_cancel_requested

    async def lost(self) -> None:
        """Returns when the claim is lost or this has ended: nobody renews it any more."""
        await self._native().lost()

    async def cancelled(self) -> None:
        """Returns when somebody has asked to cancel the run. If that did not happen before this ended, it never does."""
        await self._native().cancelled()

    async def complete(self) -> bool:
        """Ends the run as succeeded. Returns whether the claim still held. If it fails, the run is handed back."""
        return await self._ended_by(self._native().complete())

    async def fail(self, reason: str, retry_at: datetime | None = None) -> bool:
        """Ends the run as failed or, with an aware `retry_at`, puts it back into the queue until then."""
        return await self._ended_by(self._native().fail(reason, retry_at))

    async def release(self) -> bool:
        """Hands the run back, without counting as an attempt."""
        return await self._ended_by(self._native().release())

    def _ended_by(self, call: _native.Call[bool]) -> _native.Call[bool]:
        """A call whose arguments were taken."""
        self._has_ended = True
        return call

    def _native(self) -> _native.ScanLease:
        if self._held is None:
            raise InterfaceError("use the lease in `async with`")
        return self._held


def hold_scan(claim: ScanClaim, lease_seconds: float) -> ScanLease:
    """Keeps a claim alive in a block: see `ScanLease`. `lease_seconds` is that of `claim_scan_runs`."""
    return ScanLease(claim, lease_seconds)


F = TypeVar("F")


class Transaction(Generic[F]):
    """`async with db.transaction() as tx:` stores all calls on `tx`, or none of them.

    `tx` has the functions from `get_guild` on. Calls that are awaited together (`asyncio.gather`) are sent together. The
    transaction is committed at the end of the block, and rolled back if the block raises. After a `Conflict` run the whole block
    again.
    """

    def __init__(self, functions: Callable[[Callable[[], _native.Client]], F]) -> None:
        self._functions = functions
        self._open: _native.Client | None = None

    async def __aenter__(self) -> F:
        if self._open is not None:
            raise InterfaceError("a transaction is used once: call transaction() again")
        self._open = open = await client().begin()
        return self._functions(lambda: open)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._open is None:
            return
        if kind is None:
            await self._open.commit()
        else:
            await self._open.rollback()
