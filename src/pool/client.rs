//! The trait of what a repository function runs on.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use self::sealed::Lend;
use super::connection::{Connection, Lease};
use super::db::Db;
use super::session::Session;
use crate::config::Limits;
use crate::error::Error;

/// What a repository function can run on.
///
/// - [`Db`]: each call takes a connection of the pool and commits by itself.
/// - [`Connection`]: several calls on one connection; each commits by itself.
/// - [`Transaction`](crate::Transaction): nothing is committed before you call `commit`.
/// - The clients and transactions of [`tokio_postgres`] and `deadpool_postgres`. Their `search_path` must lead to the tables,
///   and their isolation level should be read committed.
/// - An [`Arc`] of any of these.
///
/// Sealed: other types cannot implement it.
pub trait Client: Lend {}

pub(crate) mod sealed {
    use std::future::Future;
    use std::ops::Deref;

    use super::{AtomicBool, Db, Error, Limits, Session};
    use crate::GenericClient;

    /// Lends connections to calls.
    pub trait Lend: Sync {
        /// A call holds this until it has read the last row.
        type Lease<'a>: Deref<Target: GenericClient + Sized> + Send + Sync
        where
            Self: 'a;

        /// Lends a connection to send statements on. Statements cannot run on `Db` itself: it would prepare a statement on one
        /// connection and run it on another.
        fn lease(&self) -> impl Future<Output = Result<Self::Lease<'_>, Error>> + Send;

        /// The [`Db`], if it is one. On a `Db` short reads share connections, a batch that is too large for one statement
        /// begins a transaction, and a call whose connection broke may be sent again on another.
        fn db(&self) -> Option<&Db> {
            None
        }

        /// The session behind a lease, if it is one of this crate's.
        fn session<'a>(&self, _lease: &'a Self::Lease<'_>) -> Option<&'a Session> {
            None
        }

        /// Whether each statement is committed as soon as it has run.
        fn commits(&self) -> bool {
            true
        }

        /// A call sets this flag at a conflict with a concurrent transaction. Only the call sees an error in a stream of rows.
        fn conflict(&self) -> Option<&AtomicBool> {
            None
        }

        /// The limits of the calls' input.
        fn limits(&self) -> &Limits {
            &Limits::DEFAULT
        }
    }
}

impl Client for Db {}

impl Lend for Db {
    type Lease<'a> = Lease;

    async fn lease(&self) -> Result<Lease, Error> {
        self.connection().await.map(Lease)
    }

    fn db(&self) -> Option<&Self> {
        Some(self)
    }

    fn session<'a>(&self, lease: &'a Lease) -> Option<&'a Session> {
        Some(lease)
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl Client for Connection {}

impl Lend for Connection {
    type Lease<'a> = &'a Session;

    fn lease(&self) -> impl Future<Output = Result<&Session, Error>> + Send {
        ready(Ok(self.session()))
    }

    fn session<'a>(&self, lease: &'a &Session) -> Option<&'a Session> {
        Some(lease)
    }

    fn limits(&self) -> &Limits {
        &self.session().limits
    }
}

impl<C: Client + Send> Client for Arc<C> {}

impl<C: Lend + Send> Lend for Arc<C> {
    type Lease<'a>
        = C::Lease<'a>
    where
        C: 'a;

    fn lease(&self) -> impl Future<Output = Result<C::Lease<'_>, Error>> + Send {
        (**self).lease()
    }

    fn db(&self) -> Option<&Db> {
        (**self).db()
    }

    fn session<'a>(&self, lease: &'a C::Lease<'_>) -> Option<&'a Session> {
        (**self).session(lease)
    }

    fn commits(&self) -> bool {
        (**self).commits()
    }

    fn conflict(&self) -> Option<&AtomicBool> {
        (**self).conflict()
    }

    fn limits(&self) -> &Limits {
        (**self).limits()
    }
}

/// Implements `Client` for other crates' clients, and says whether they commit each statement.
macro_rules! foreign_clients {
    ($($client:ty: $commits:literal;)+) => {$(
        impl Client for $client {}

        impl Lend for $client {
            type Lease<'a>
                = &'a Self
            where
                Self: 'a;

            fn lease(&self) -> impl Future<Output = Result<&Self, Error>> + Send {
                ready(Ok(self))
            }

            fn commits(&self) -> bool {
                $commits
            }
        }
    )+};
}

foreign_clients! {
    tokio_postgres::Client: true;
    tokio_postgres::Transaction<'_>: false;
    deadpool_postgres::Client: true;
    deadpool_postgres::Transaction<'_>: false;
}
