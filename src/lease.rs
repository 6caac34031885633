//! What a repository function runs on.

use std::future::{Future, ready};
use std::ops::Deref;

use crate::GenericClient;
use crate::db::{Connection, Db};
use crate::error::Error;
use crate::session::Session;

/// What a repository function can run on: a [`Db`] (each call finds a connection of the pool and commits by itself), a
/// connection, or an open [`Transaction`](crate::Transaction) (nothing is committed before the caller does).
pub trait Client: Sync {
    /// What a call holds until it has read the last row.
    type Lease<'a>: Deref<Target: GenericClient + Sized> + Send + Sync
    where
        Self: 'a;

    /// Something to send statements on. `Db` itself is none: to prepare a statement and to run it would be two
    /// checkouts, of two connections.
    fn lease(&self) -> impl Future<Output = Result<Self::Lease<'_>, Error>> + Send;

    /// This, if it is a [`Db`]: short reads share its connections, and a batch that is too large for one statement begins a
    /// transaction on it.
    #[doc(hidden)]
    fn db(&self) -> Option<&Db> {
        None
    }
}

impl<C: GenericClient> Client for C {
    type Lease<'a>
        = &'a C
    where
        C: 'a;

    fn lease(&self) -> impl Future<Output = Result<&C, Error>> + Send {
        ready(Ok(self))
    }
}

impl Client for Connection {
    type Lease<'a> = &'a Session;

    fn lease(&self) -> impl Future<Output = Result<&Session, Error>> + Send {
        ready(Ok(&**self))
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
}
