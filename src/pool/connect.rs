//! Connects as the driver's `Config::connect` does, but on our own socket: the driver hides its socket, and only its
//! bytes show whether a connection is silent.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use socket2::{SockRef, TcpKeepalive};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode as Negotiation};
use tokio_postgres::{CancelToken, Client, Config as PgConfig, Connection, NoTls};
use tracing::debug;

use super::stream::{Socket, Stream, Traffic};
use super::target_session;
use crate::config::hosts::OneHost;
use crate::config::password::{Asked, Password};
use crate::config::sessions::Target;
use crate::config::target_session::TargetSession;
use crate::config::tls::connector::{Connector, Handshake, TlsStream};
use crate::error::{Error, ErrorKind};

/// How long to wait before a password's source is asked again: the server was told a new password first, or the file is
/// being replaced.
const ROTATION_PAUSE: Duration = Duration::from_millis(250);

pub(super) type PgConnection = Connection<Stream, TlsStream<Stream>>;

/// The route to a server: one address of one host.
#[derive(Clone)]
pub(super) struct Route {
    session: PgConfig,
    target_session: TargetSession,
    password: Password,
    /// Its name is the one that a certificate must have.
    host: OneHost,
    address: Address,
    tls: Connector,
}

#[derive(Clone)]
enum Address {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(PathBuf),
}

/// Connects to the host's first address that accepts the session.
pub(super) async fn connect(
    target: &Target,
    host: &OneHost,
    target_session: TargetSession,
    traffic: &Arc<Traffic>,
) -> Result<(Client, PgConnection, Route), Error> {
    let mut failed = None;
    for address in addresses(target, host).await? {
        let (mut session, tls, password) = (target.session.clone(), target.tls.clone(), target.password.clone());
        #[cfg(unix)]
        if matches!(address, Address::Unix(_)) {
            session.ssl_mode(Negotiation::Disable); // whatever the mode, as in libpq
        }
        let route = Route { session, target_session, password, host: host.clone(), address, tls };
        // Boxed because it is rare: otherwise every call would carry its size.
        match Box::pin(route.connect_anew(traffic)).await {
            Ok(connected) => return Ok(connected),
            // At another address the password would be the same.
            Err(error) if error.kind() == ErrorKind::Password || error.is_refused_login() => return Err(error),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| unreachable_host("could not resolve any addresses")))
}

async fn addresses(Target { session, .. }: &Target, host: &OneHost) -> Result<Vec<Address>, Error> {
    let name = match (host.address, &host.name) {
        (Some(address), _) => return Ok(vec![Address::Tcp((address, host.port).into())]),
        (None, Some(Host::Tcp(name))) => name,
        #[cfg(unix)]
        (None, Some(Host::Unix(folder))) => {
            return Ok(vec![Address::Unix(folder.join(format!(".s.PGSQL.{}", host.port)))]);
        }
        // The lists of hosts do not match: the driver's error says why.
        (None, None) => {
            let refused = session.connect(NoTls).await.err();
            return Err(refused.map_or_else(|| unreachable_host("no host"), Error::connecting));
        }
    };
    let found = lookup_host((name.as_str(), host.port)).await.map_err(unreachable_host)?;
    let mut found: Vec<_> = found.map(Address::Tcp).collect();
    if session.get_load_balance_hosts() == LoadBalanceHosts::Random {
        found.shuffle(&mut rand::rng());
    }
    Ok(found)
}

impl Route {
    /// The same route, to a primary or a standby.
    pub(super) fn to_any(&self) -> Self {
        let mut any = self.clone();
        any.target_session = TargetSession::Any;
        any
    }

    /// Connects; asks for the password once more if the server refuses it, because it may just have been changed.
    async fn connect_anew(self, traffic: &Arc<Traffic>) -> Result<(Client, PgConnection, Self), Error> {
        match self.clone().connect(traffic).await {
            Err(error) if error.is_refused_login() && self.password.may_change() => {
                sleep(ROTATION_PAUSE).await;
                self.connect(traffic).await
            }
            result => result,
        }
    }

    /// Connects, and returns the route that worked: `sslmode` may allow a second attempt.
    async fn connect(self, traffic: &Arc<Traffic>) -> Result<(Client, PgConnection, Self), Error> {
        let refused = match self.attempt(traffic).await {
            Ok((client, connection)) => return Ok((client, connection, self)),
            Err(error) => error,
        };
        let Some(negotiation) = self.tls.fallback(&refused) else { return Err(refused) };
        // Boxed because it is rare: otherwise every future that connects would be larger.
        Box::pin(self.try_again(negotiation, refused, traffic)).await
    }

    async fn try_again(
        mut self,
        negotiation: Negotiation,
        refused: Error,
        traffic: &Arc<Traffic>,
    ) -> Result<(Client, PgConnection, Self), Error> {
        debug!(error = %refused, ?negotiation, "trying again, because of sslmode");
        self.session.ssl_mode(negotiation);
        match self.attempt(traffic).await {
            Ok((client, connection)) => Ok((client, connection, self)),
            // The server takes no plain text at all: what failed is TLS.
            Err(error) if negotiation == Negotiation::Disable && error.refuses_connection() => Err(refused),
            Err(error) => Err(error),
        }
    }

    async fn attempt(&self, traffic: &Arc<Traffic>) -> Result<(Client, PgConnection), Error> {
        let stream = self.open(traffic).await?;
        let asked = self.ask_password().await?; // after the server has accepted: a server that is away needs none
        self.start(stream, &asked).await
    }

    pub(super) async fn ask_password(&self) -> Result<Asked, Error> {
        let limit = self.session.get_connect_timeout().copied().unwrap_or(Duration::MAX);
        self.password.ask(&self.session, &self.host, limit).await
    }

    /// Starts a session on a socket.
    pub(super) async fn start(&self, stream: Stream, asked: &Asked) -> Result<(Client, PgConnection), Error> {
        let connecting = asked.applied_to(&self.session).connect_raw(stream, self.handshake()).await;
        let explained = |error| self.password.explain(Error::connecting(error), asked, &self.session);
        let (client, mut connection) = connecting.map_err(explained)?;
        target_session::check(self.target_session, &client, &mut connection).await?;
        Ok((client, connection))
    }

    /// Asks the server to cancel a session's statement.
    pub(super) async fn cancel(&self, session: CancelToken) -> Result<(), Error> {
        let stream = self.open(&Arc::default()).await?;
        session.cancel_query_raw(stream, self.handshake()).await.map_err(Error::connecting)
    }

    fn handshake(&self) -> Handshake {
        let name = match &self.host.name {
            Some(Host::Tcp(name)) => Some(name.as_str()),
            _ => None,
        };
        let address = match &self.address {
            Address::Tcp(address) => Some(address.ip()),
            #[cfg(unix)]
            Address::Unix(_) => None,
        };
        self.tls.handshake(name, address)
    }

    pub(super) async fn open(&self, traffic: &Arc<Traffic>) -> Result<Stream, Error> {
        let opening = async {
            let socket: Box<dyn Socket> = match &self.address {
                Address::Tcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    self.set_up(&stream)?;
                    Box::new(stream)
                }
                #[cfg(unix)]
                Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            };
            io::Result::Ok(Stream::new(socket, traffic.clone()))
        };
        let opened = match self.session.get_connect_timeout() {
            Some(limit) => timeout(*limit, opening).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            None => opening.await,
        };
        opened.map_err(unreachable_host)
    }

    fn set_up(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(self.session.get_tcp_user_timeout().copied())?;
        if !self.session.get_keepalives() {
            return Ok(());
        }
        let mut keepalive = TcpKeepalive::new().with_time(self.session.get_keepalives_idle());
        #[cfg(not(target_os = "openbsd"))]
        if let Some(interval) = self.session.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        #[cfg(not(any(target_os = "openbsd", windows)))]
        if let Some(retries) = self.session.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)
    }
}

/// An error in the driver's words.
pub(super) fn unreachable_host(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Connection).with_reason(format!("error connecting to server: {reason}"))
}
