"""The database that the functions of both modules use: one a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Generic, TypeVar

from . import _native
from ._reports import follow_log_level
from .errors import DatabaseError, InterfaceError
from .types import Health, ScanClaim

_client: _native.Client | None = None


def client() -> _native.Client:
    """The database."""
    if _client is None:
        raise InterfaceError("there is no database yet: await init_db() first")
    return _client


def configure(variables: Mapping[str, str]) -> _native.Client:
    """Reads the configuration: these variables, else the environment's. The first call connects."""
    global _client
    follow_log_level()
    _client = _native.Client(dict(variables))
    return _client


async def start(variables: Mapping[str, str] | None, migrate: bool) -> None:
    """Connects and, unless told not to, migrates. A database that was open before is closed then."""
    global _client
    follow_log_level()
    before = _client
    if variables is not None or before is None:
        configure(variables or {})
    try:
        await client().open()
        if migrate:
            await client().migrate()
    except BaseException:
        _client = before
        raise
    if before is not None and before is not _client:
        await before.close()


async def close_db() -> None:
    """Ends the database after the calls that run. Without one it does nothing."""
    global _client
    if _client is not None:
        closing, _client = _client, None
        await closing.close()


async def health() -> Health:
    """Asks the server for an answer: for a readiness probe. It may take as long as any call: use `asyncio.timeout`.

    Errors: `ConnectionFailed`, `ConnectTimeout`, `PoolTimeout`.
    """
    return await client().health()


async def scan_wakeups() -> AsyncIterator[None]:
    """Wakes a worker when there may be runs to claim: at once, when work is enqueued, and every 5 seconds. Ends with `close_db`.

    `async for _ in db.scan_wakeups():`
    """
    wakeups = await client().scan_wakeups()
    while await wakeups.next():
        yield


class ScanLease:
    """Keeps a claim alive: renews it at a third of its lease until it is ended or lost.

    `async with db.hold_scan(claim, 30) as lease:` hands the run back at the end of the block, unless `complete`, `fail` or
    `release` ended it before. Whatever the lease says, the database has the last word: who has lost a claim is told so by
    each write, and stores nothing.
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
        """Returns when the claim is lost."""
        await self._native().lost()

    async def cancelled(self) -> None:
        """Returns when somebody has asked to cancel the run."""
        await self._native().cancelled()

    async def complete(self) -> bool:
        """Ends the run as succeeded. Returns whether the claim still held. If it fails, the run is handed back."""
        return await self._end().complete()

    async def fail(self, reason: str, retry_at: datetime | None = None) -> bool:
        """Ends the run as failed or, with an aware `retry_at`, puts it back into the queue until then."""
        return await self._end().fail(reason, retry_at)

    async def release(self) -> bool:
        """Hands the run back, without counting as an attempt."""
        return await self._end().release()

    def _end(self) -> _native.ScanLease:
        self._has_ended = True
        return self._native()

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

    `tx` has every function. Calls that are awaited together (`asyncio.gather`) are sent together. The transaction is committed
    at the end of the block, and rolled back if the block raises. After a `Conflict` run the whole block again.
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
