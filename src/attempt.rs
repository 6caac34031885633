//! A call on a lease, and what becomes of it when the connection breaks: a read is made again on another connection, and so
//! is a write that is idempotent; of another write only the caller can know whether to repeat it.

use futures::FutureExt as _;

use crate::error::Error;
use crate::lease::Client;
use crate::session::Session;

/// What it means to make a call twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing is written.
    Read,
    /// It writes, and writes and answers the same when repeated.
    Idempotent,
    /// It counts, makes or takes something: twice is not once.
    Once,
}

/// The attempts at one call: one, or on a [`Db`](crate::Db), which has other connections, a second.
pub(crate) struct Attempts {
    kind: Kind,
    is_last: bool,
    /// The error of a first attempt that may have been stored.
    unknown: Option<Error>,
}

impl Attempts {
    pub(crate) fn of(client: &impl Client, kind: Kind) -> Self {
        Self { kind, is_last: kind == Kind::Once || client.db().is_none(), unknown: None }
    }

    /// A read whose first attempt was elsewhere.
    pub(crate) fn last() -> Self {
        Self { kind: Kind::Read, is_last: true, unknown: None }
    }

    /// The result of the call, if there is to be no other attempt.
    pub(crate) fn settle<T>(&mut self, attempt: &Attempt<'_>, result: Result<T, Error>) -> Option<Result<T, Error>> {
        let error = match result.map_err(|error| error.with_last_words(attempt.session)) {
            Err(error) if self.kind != Kind::Read && attempt.is_lost() => {
                error.after_sending(self.kind == Kind::Idempotent)
            }
            Err(error) => error,
            done => return Some(done),
        };
        // After silence, the first statement may arrive later than the second, and undo what was written in between.
        let may_be_late = self.kind != Kind::Read && attempt.session.is_some_and(Session::is_silent);
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
}

impl<'a> Attempt<'a> {
    pub(crate) fn on<C: Client>(client: &C, lease: &'a C::Lease<'_>) -> Self {
        let session = client.session(lease);
        Self { session, commits: client.commits(), was_open: session.is_none_or(Session::is_open) }
    }

    /// Counts the whole call as under way, until its last row is read.
    pub(crate) fn run<T>(&self, call: impl Future<Output = T>) -> impl Future<Output = T> {
        match self.session {
            Some(session) => session.track(call).left_future(),
            None => call.right_future(),
        }
    }

    /// Whether a statement of this attempt may have been stored if the connection broke: of a client that is none of this
    /// crate's nobody knows.
    fn is_lost(&self) -> bool {
        self.commits && self.was_open && self.session.is_none_or(Session::is_lost)
    }
}
