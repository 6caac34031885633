//! What a repository function runs on.

use std::future::{Future, ready};
use std::ops::Deref;

use crate::GenericClient;
use crate::db::{Connection, Db};
use crate::error::Error;
use crate::session::Session;
use crate::sharing::Place;

/// What a repository function can run on: a [`Db`] (each call takes a connection from the pool and commits by itself), a
/// connection, or an open [`Transaction`](crate::Transaction) (nothing is committed before the caller does).
pub trait Client: Sync {
    /// What a call holds until it has read the last row.
    type Lease<'a>: Deref<Target: GenericClient + Sized> + Send + Sync
    where
        Self: 'a;

    /// Something to send statements on. `Db` itself is none: to prepare a statement and to run it would be two
    /// checkouts, of two connections.
    fn lease(&self) -> impl Future<Output = Result<Self::Lease<'_>, Error>> + Send;

    /// The same for a read of one row by its key. A [`Db`] sends those of several tasks on the same connections.
    fn lease_to_read(&self) -> impl Future<Output = Result<Self::Lease<'_>, Error>> + Send {
        self.lease()
    }

    /// The place on a shared connection that a lease is.
    #[doc(hidden)]
    fn place<'l>(&self, _lease: &'l Self::Lease<'_>) -> Option<&'l Place> {
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
    type Lease<'a> = Lease;

    async fn lease(&self) -> Result<Lease, Error> {
        Ok(Lease(Held::Alone(self.connection().await?)))
    }

    async fn lease_to_read(&self) -> Result<Lease, Error> {
        match self.share().await? {
            Some(shared) => Ok(Lease(Held::Together(shared))),
            None => self.lease().await,
        }
    }

    fn place<'l>(&self, lease: &'l Lease) -> Option<&'l Place> {
        match &lease.0 {
            Held::Alone(_) => None,
            Held::Together(place) => Some(place),
        }
    }
}

/// What a call on a [`Db`] holds: a connection of its own, or for a short read one that it shares with others.
pub struct Lease(Held);

enum Held {
    Alone(Connection),
    Together(Place),
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        match &self.0 {
            Held::Alone(connection) => connection,
            Held::Together(place) => place.connection(),
        }
    }
}
