//! Runs a call on a lease, and decides what happens when the connection breaks. A read or an idempotent write is sent again
//! on another connection. For any other write only the caller can know whether to repeat it. A call whose prepared statement
//! was useless did nothing: it is sent again, whatever it does.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt as _;

use super::client::Client;
use super::session::Session;
use crate::error::{Error, ErrorKind};

/// Whether a call may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// It writes nothing.
    Read,
    /// It writes. If it is repeated, it stores and answers the same.
    Idempotent,
    /// It must not be sent again: it counts, creates or takes something.
    Once,
}

/// The attempts at one call: one, or two on a [`Db`](crate::Db), which has other connections.
pub(crate) struct Attempts {
    kind: CallKind,
    is_last: bool,
    /// The error of a first attempt that may have been stored.
    unknown_outcome: Option<Error>,
}

impl Attempts {
    pub(crate) fn of(client: &impl Client, kind: CallKind) -> Self {
        Self { kind, is_last: client.db().is_none(), unknown_outcome: None }
    }

    /// The second attempt of a read whose first one ran on a shared connection.
    pub(crate) fn last() -> Self {
        Self { kind: CallKind::Read, is_last: true, unknown_outcome: None }
    }

    /// The result of the call; `None` if another attempt follows.
    pub(crate) fn outcome<T>(&mut self, attempt: &Attempt<'_>, result: Result<T, Error>) -> Option<Result<T, Error>> {
        let error = match result.map_err(|error| attempt.note(error)) {
            Err(error) if self.kind != CallKind::Read && attempt.is_lost() => {
                error.after_sending(self.kind == CallKind::Idempotent)
            }
            Err(error) => error,
            done => return Some(done),
        };
        if self.is_last || !self.may_be_repeated(attempt, &error) {
            return Some(Err(self.give_up(error)));
        }
        self.is_last = true;
        self.unknown_outcome = Some(error).filter(Error::is_outcome_unknown);
        None
    }

    fn may_be_repeated(&self, attempt: &Attempt<'_>, error: &Error) -> bool {
        if error.kind() == ErrorKind::StaleStatement {
            return true;
        }
        // After silence the first statement may still arrive, later than the second, and undo a newer write.
        let may_be_late = self.kind != CallKind::Read && attempt.session.is_some_and(Session::is_silent);
        self.kind != CallKind::Once && !may_be_late && attempt.session.is_some_and(Session::has_failed)
    }

    /// The error of the call. The first attempt's counts if that attempt may have been stored.
    pub(crate) fn give_up(&mut self, error: Error) -> Error {
        self.unknown_outcome.take().unwrap_or(error)
    }
}

/// One attempt at a call.
pub(crate) struct Attempt<'a> {
    session: Option<&'a Session>,
    /// Whether each statement is committed as soon as it has run.
    commits: bool,
    was_open: bool,
    conflict: Option<&'a AtomicBool>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn on<C: Client>(client: &'a C, lease: &'a C::Lease<'_>) -> Self {
        let session = client.session(lease);
        let was_open = session.is_none_or(Session::is_open);
        Self { session, commits: client.commits(), was_open, conflict: client.conflict() }
    }

    /// Runs the call. The session counts it as running until its last row is read.
    pub(crate) fn run<T>(
        &self,
        call: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> impl Future<Output = Result<T, Error>> {
        match self.session {
            // Boxed because it is rare: otherwise every call's future would be larger.
            Some(session) if self.commits && !session.limits.keeps_statements => {
                session.track(Box::pin(session.in_transaction(call))).left_future().left_future()
            }
            Some(session) => session.track(call).right_future().left_future(),
            None => call.right_future(),
        }
    }

    fn note(&self, error: Error) -> Error {
        if let Some(conflict) = self.conflict.filter(|_| error.kind().runs_again()) {
            conflict.store(true, Ordering::Relaxed);
        }
        match self.session {
            Some(session) if session.may_be_set_by_caller() => session.with_close_reason(error).in_callers_settings(),
            Some(session) => session.with_close_reason(error),
            None => error,
        }
    }

    /// Whether a statement of this attempt may have been stored if the connection broke. For other crates' clients we cannot
    /// tell, so we assume that it may.
    fn is_lost(&self) -> bool {
        self.commits && self.was_open && self.session.is_none_or(Session::is_lost)
    }
}
