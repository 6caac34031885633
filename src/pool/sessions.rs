//! How the pool's sessions are made and when they are replaced.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::config::LoadBalanceHosts;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config as PgConfig, Connection, Error as PgError, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::warn;

use super::activity::{Activity, drive};
use super::epoch::{Epoch, Server};
use super::session::Session;
use crate::config::{Config, Limits};
use crate::error::{Error, may_come_back};

/// The pauses between two attempts to connect to a server that is starting or failing over. Short ones: what waits here
/// should go on within a second after the server is back.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How much longer than `statement_timeout` an answer may take: the server itself ends what takes longer than that.
const GRACE: Duration = Duration::from_secs(5);

/// Makes the pool's sessions.
pub(crate) struct Sessions {
    hosts: Vec<PgConfig>,
    tls: MakeRustlsConnect,
    connect_timeout: Duration,
    answer_timeout: Option<Duration>,
    max_lifetime: Option<Duration>,
    limits: Limits,
    server: Arc<Server>,
    shuffles: bool,
}

impl Sessions {
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            hosts: config.pooled_sessions(),
            tls: config.tls.connector()?,
            connect_timeout: config.connect_timeout,
            answer_timeout: config.longest_statement().map(|timeout| timeout + GRACE),
            max_lifetime: config.max_lifetime,
            limits: config.limits(),
            server: Arc::default(),
            shuffles: config.server.get_load_balance_hosts() == LoadBalanceHosts::Random,
        })
    }

    /// The hosts, from the one on that took the last session, or from any.
    fn in_order(&self) -> impl Iterator<Item = (usize, &PgConfig)> {
        let count = self.hosts.len();
        let last = self.server.first_host() % count;
        let first = if self.shuffles { rand::random_range(0..count) } else { last };
        (first..first + count).map(move |place| (place % count, &self.hosts[place % count]))
    }

    /// How often an epoch has ended.
    pub(crate) fn epochs(&self) -> u64 {
        self.server.epochs()
    }

    fn session(&self, client: Client, connection: PgConnection, epoch: Epoch) -> Session {
        let activity = Arc::new(Activity::of(epoch));
        tokio::spawn(drive(connection, activity.clone(), self.answer_timeout));
        // Sessions that were opened together do not end together.
        let expires = self.max_lifetime.map(|age| Instant::now() + age.mul_f64(rand::random_range(0.9..=1.0)));
        Session::new(client, activity, expires, self.tls.clone(), self.limits)
    }
}

impl Manager for Sessions {
    /// Boxed: the pool moves it about a dozen times a call.
    type Type = Box<Session>;
    type Error = PgError;

    /// Waits for a server that is starting, or for another to become the primary. The pool gives up after
    /// `connect_timeout`; shortly before that, this does, since it knows the cause.
    async fn create(&self) -> Result<Box<Session>, PgError> {
        let deadline = Instant::now() + self.connect_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            // Half of the pause at random: programs that were started together come at different moments.
            let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
            let epoch = self.server.epoch(); // if it ends meanwhile, this may lead to the server that it ended for
            // Boxed, as what is rare: every call carries the size of the futures in it.
            match Box::pin(connect_first(self.in_order(), &self.tls)).await {
                Some(Ok((client, connection, host))) => {
                    self.server.prefer(host);
                    return Ok(Box::new(self.session(client, connection, epoch)));
                }
                Some(Err(error)) if !may_come_back(&error) || Instant::now() + jittered > deadline => {
                    return Err(error);
                }
                Some(Err(error)) if pause == FIRST_PAUSE => {
                    warn!(%error, "PostgreSQL cannot be reached yet, trying again");
                }
                None if pause == FIRST_PAUSE => warn!("PostgreSQL does not answer, trying again"),
                _ => {} // that was said
            }
            sleep(jittered).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// No query at every checkout, which would double the time of a short call.
    async fn recycle(&self, session: &mut Box<Session>, _: &Metrics) -> RecycleResult<PgError> {
        if session.is_spent() { Err(RecycleError::message("the session is spent")) } else { Ok(()) }
    }
}

type PgConnection = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Connects to the first of the hosts that takes the session, and tells its place: each has as much time as its
/// configuration gives to connecting, and an address of it half of that. `None` if none has answered; an error that may pass
/// is told rather than one that stays, since that host may be back.
pub(crate) async fn connect_first(
    hosts: impl Iterator<Item = (usize, &PgConfig)>,
    tls: &MakeRustlsConnect,
) -> Option<Result<(Client, PgConnection, usize), PgError>> {
    let mut found: Option<PgError> = None;
    for (place, host) in hosts {
        let patience = host.get_connect_timeout().map_or(Duration::MAX, |address| *address * 2);
        match timeout(patience, host.connect(tls.clone())).await {
            Ok(Ok((client, connection))) => return Some(Ok((client, connection, place))),
            Ok(Err(error)) if found.as_ref().is_none_or(|found| !may_come_back(found)) => found = Some(error),
            Ok(Err(_)) | Err(_) => {}
        }
    }
    found.map(Err)
}
