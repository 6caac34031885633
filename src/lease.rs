//! What a repository function runs on.

use std::future::{Future, ready};
use std::ops::Deref;

use crate::GenericClient;
use crate::config::Limits;
use crate::connection::Connection;
use crate::db::Db;
use crate::error::Error;
use crate::session::Session;
use crate::transaction::Transaction;

/// What a repository function can run on: a [`Db`] (each call finds a connection of the pool and commits by itself), a
/// connection, or an open [`Transaction`] (nothing is committed before the caller does). The clients and transactions of
/// [`tokio_postgres`] and `deadpool_postgres` are such too; a [`GenericClient`] of your own becomes one by `lease` alone.
pub trait Client: Sync {
    /// What a call holds until it has read the last row.
    type Lease<'a>: Deref<Target: GenericClient + Sized> + Send + Sync
    where
        Self: 'a;

    /// Something to send statements on. `Db` itself is none: to prepare a statement and to run it would be two
    /// checkouts, of two connections.
    fn lease(&self) -> impl Future<Output = Result<Self::Lease<'_>, Error>> + Send;

    /// This, if it is a [`Db`]: short reads share its connections, a batch that is too large for one statement begins a
    /// transaction on it, and what a broken connection has failed may be sent again on another.
    #[doc(hidden)]
    fn db(&self) -> Option<&Db> {
        None
    }

    /// The session that a lease leads to, if it is of this crate.
    #[doc(hidden)]
    fn session<'a>(&self, _lease: &'a Self::Lease<'_>) -> Option<&'a Session> {
        None
    }

    /// Whether a statement is committed as soon as it was run.
    #[doc(hidden)]
    fn commits(&self) -> bool {
        true
    }

    /// What calls hold their input against.
    #[doc(hidden)]
    fn limits(&self) -> &Limits {
        &Limits::DEFAULT
    }
}

impl Client for Db {
    type Lease<'a> = Connection;

    fn lease(&self) -> impl Future<Output = Result<Connection, Error>> + Send {
        self.connection()
    }

    fn db(&self) -> Option<&Self> {
        Some(self)
    }

    fn session<'a>(&self, lease: &'a Connection) -> Option<&'a Session> {
        Some(lease)
    }

    fn limits(&self) -> &Limits {
        self.limits()
    }
}

impl Client for Connection {
    type Lease<'a> = &'a Session;

    fn lease(&self) -> impl Future<Output = Result<&Session, Error>> + Send {
        ready(Ok(&**self))
    }

    fn session<'a>(&self, lease: &'a &Session) -> Option<&'a Session> {
        Some(lease)
    }

    fn limits(&self) -> &Limits {
        Session::limits(self)
    }
}

impl Client for Session {
    type Lease<'a> = &'a Self;

    fn lease(&self) -> impl Future<Output = Result<&Self, Error>> + Send {
        ready(Ok(self))
    }

    fn session<'a>(&self, lease: &'a &Self) -> Option<&'a Self> {
        Some(lease)
    }

    fn limits(&self) -> &Limits {
        Self::limits(self)
    }
}

impl Client for Transaction {
    type Lease<'a> = &'a Self;

    fn lease(&self) -> impl Future<Output = Result<&Self, Error>> + Send {
        ready(Ok(self))
    }

    fn session<'a>(&self, lease: &'a &Self) -> Option<&'a Session> {
        Some(lease.session())
    }

    fn commits(&self) -> bool {
        false
    }

    fn limits(&self) -> &Limits {
        self.session().limits()
    }
}

/// Clients of others, and whether they commit each statement.
macro_rules! foreign {
    ($($client:ty: $commits:literal;)+) => {$(
        impl Client for $client {
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

foreign! {
    tokio_postgres::Client: true;
    tokio_postgres::Transaction<'_>: false;
    deadpool_postgres::Client: true;
    deadpool_postgres::Transaction<'_>: false;
}
