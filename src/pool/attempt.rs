//! A call on a lease, and what becomes of it when the connection breaks: a read is made again on another connection, and so
//! is a write that is idempotent; of another write only the caller can know whether to repeat it.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt as _;

use super::client::Client;
use super::session::Session;
use crate::error::{Error, ErrorKind};

/// What it means to make a call twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// Nothing is written.
    Read,
    /// It writes, and writes and answers the same when repeated.
    Idempotent,
    /// It counts, makes or takes something: twice is not once.
    Once,
}

/// The attempts at one call: one, or on a [`Db`](crate::Db), which has other connections, a second.
pub(crate) struct Attempts {
    kind: CallKind,
    is_last: bool,
    /// The error of a first attempt that may have been stored.
    unknown: Option<Error>,
}

impl Attempts {
    pub(crate) fn of(client: &impl Client, kind: CallKind) -> Self {
        Self { kind, is_last: kind == CallKind::Once || client.db().is_none(), unknown: None }
    }

    /// A read whose first attempt was elsewhere.
    pub(crate) fn last() -> Self {
        Self { kind: CallKind::Read, is_last: true, unknown: None }
    }

    /// The result of the call, unless there is to be another attempt.
    pub(crate) fn outcome<T>(&mut self, attempt: &Attempt<'_>, result: Result<T, Error>) -> Option<Result<T, Error>> {
        let error = match result.map_err(|error| attempt.note(error)) {
            Err(error) if self.kind != CallKind::Read && attempt.is_lost() => {
                error.after_sending(self.kind == CallKind::Idempotent)
            }
            Err(error) => error,
            done => return Some(done),
        };
        // After silence, the first statement may arrive later than the second, and undo what was written in between.
        let may_be_late = self.kind != CallKind::Read && attempt.session.is_some_and(Session::is_silent);
        if self.is_last || may_be_late || !attempt.session.is_some_and(Session::has_failed) {
            return Some(Err(self.give_up(error)));
        }
        self.is_last = true;
        self.unknown = Some(error).filter(Error::is_outcome_unknown);
        None
    }

    /// The error of the call: whatever the second attempt says, the first may have been stored.
    pub(crate) fn give_up(&mut self, error: Error) -> Error {
        self.unknown.take().unwrap_or(error)
    }
}

/// One attempt.
pub(crate) struct Attempt<'a> {
    session: Option<&'a Session>,
    /// Whether a statement is stored as soon as it was run.
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

    /// Counts the whole call as under way, until its last row is read.
    pub(crate) fn run<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> impl Future<Output = Result<T, Error>> {
        match self.session {
            // Boxed because it is rare: every call would carry the size of this future.
            Some(session) if self.commits && !session.keeps_statements() => {
                session.track(Box::pin(session.in_transaction(call))).left_future().left_future()
            }
            Some(session) => session.track(call).right_future().left_future(),
            None => call.right_future(),
        }
    }

    fn note(&self, error: Error) -> Error {
        if let Some(conflict) = self.conflict.filter(|_| error.kind() == ErrorKind::Conflict) {
            conflict.store(true, Ordering::Relaxed);
        }
        match self.session {
            Some(session) => session.with_close_reason(error),
            None => error,
        }
    }

    /// Whether a statement of this attempt may have been stored if the connection broke. For other crates' clients we cannot
    /// tell, so we assume it may.
    fn is_lost(&self) -> bool {
        self.commits && self.was_open && self.session.is_none_or(Session::is_lost)
    }
}
