//! How the pool's sessions are opened and when they are replaced.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::config::LoadBalanceHosts;
use tokio_postgres::{AsyncMessage, Client};
use tracing::{info, warn};

use super::backend_pid;
use super::connect::{PgConnection, Route, connect};
use super::driver::{Activity, Silence, Watch, drive};
use super::epoch::{Epoch, Server};
use super::pins::Pins;
use super::server_check::ServerCheck;
use super::session::Session;
use super::stream::Traffic;
use crate::config::sessions::Target;
use crate::config::target_session::TargetSession;
use crate::config::{Config, Limits};
use crate::error::{Error, ErrorKind};

/// The pauses between two attempts to connect to a server that is starting or failing over. They are short: callers
/// should continue within a second after the server is back.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Opens the pool's sessions.
pub(crate) struct Sessions {
    pub(super) target: Target,
    connect_timeout: Duration,
    silence: Silence,
    max_lifetime: Option<Duration>,
    limits: Limits,
    pins: Arc<Pins>,
    pub(super) server: Arc<Server>,
    shuffles: bool,
}

impl Sessions {
    pub(crate) fn of(config: &Config, pins: Arc<Pins>) -> Result<Self, Error> {
        Ok(Self {
            target: config.pooled_target()?,
            connect_timeout: config.connect_timeout,
            silence: Silence::of(config.silence_limit())?,
            max_lifetime: config.max_lifetime,
            limits: config.limits(),
            pins,
            server: Arc::default(),
            shuffles: config.server.session.get_load_balance_hosts() == LoadBalanceHosts::Random,
        })
    }

    /// The places of the hosts, starting at the one that accepted the last session, or at a random one.
    fn in_order(&self) -> impl Iterator<Item = usize> {
        let count = self.target.hosts.len();
        let last = self.server.first_host() % count;
        let first = if self.shuffles { rand::random_range(0..count) } else { last };
        (first..first + count).map(move |place| place % count)
    }

    /// Connects to the first host that accepts the session, and gives the session its settings.
    async fn connect_first(&self, epoch: Epoch) -> Option<Result<Driven, Error>> {
        match connect_first(&self.target, self.in_order(), epoch, &self.silence, log_notice).await? {
            Ok(driven) => Some(self.pins.set(&driven.client).await.map(|()| driven).map_err(Error::from)),
            refused => Some(refused),
        }
    }

    fn session(&self, Driven { client, activity, route, .. }: Driven, place: OwnedSemaphorePermit) -> Session {
        // Sessions that were opened together do not expire together.
        let expires = self.max_lifetime.map(|age| Instant::now() + age.mul_f64(rand::random_range(0.9..=1.0)));
        Session::new(client, activity, expires, route, self.limits, place, self.pins.clone())
    }

    /// Opens a session. While there are others, one attempt is enough: the call that waits may get one of those. Otherwise waits
    /// for a server that is starting, or for another one to become the primary, for `connect_timeout` at most.
    pub(super) async fn open(&self, place: OwnedSemaphorePermit) -> Result<Box<Session>, Error> {
        let opened = self.connect().await;
        self.server.was_asked(opened.is_ok());
        if let Err(error) = opened.as_ref()
            && self.server.has_sessions()
        {
            warn!(%error, "PostgreSQL opens no further connection, calls wait for those that are open");
        }
        opened.map(|driven| Box::new(self.session(driven, place)))
    }

    /// Until `connect_timeout` is over. Then the error is that of the last attempt that ended.
    async fn connect(&self) -> Result<Driven, Error> {
        let deadline = Instant::now() + self.connect_timeout;
        let (mut pause, mut last) = (FIRST_PAUSE, None);
        loop {
            // Half of the pause is random: programs that were started together connect at different moments.
            let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
            let epoch = self.server.epoch(); // taken first: if it ends while we connect, the session is stale
            let Ok(connected) = timeout_at(deadline, self.connect_first(epoch)).await else {
                return Err(last.unwrap_or_else(|| Error::new(ErrorKind::ConnectTimeout)));
            };
            let error = match connected {
                Some(Ok(driven)) => {
                    self.server.prefer(driven.host);
                    return Ok(driven);
                }
                Some(Err(error)) if !error.may_come_back() => return Err(error),
                Some(Err(error)) => error,
                None => Error::new(ErrorKind::ConnectTimeout),
            };
            if self.server.has_sessions() || Instant::now() + jittered > deadline {
                return Err(error);
            }
            if pause == FIRST_PAUSE {
                warn!(%error, "cannot connect to PostgreSQL yet, trying again");
            }
            last = Some(error);
            sleep(jittered).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// A connection and the task that drives it.
pub(crate) struct Driven {
    pub(crate) client: Client,
    pub(crate) activity: Arc<Activity>,
    /// Ends after the connection is closed.
    pub(crate) driver: JoinHandle<()>,
    route: Route,
    /// The place of its host.
    host: usize,
}

/// Connects to the first host, in the order of `places`, that accepts the session. With `prefer-standby` all hosts are first
/// asked whether they are standbys. `None` if no host answered. A temporary error is returned rather than a permanent one: that
/// host may come back.
async fn connect_first(
    target: &Target,
    places: impl Iterator<Item = usize>,
    epoch: Epoch,
    silence: &Silence,
    hear: impl FnMut(AsyncMessage) + Send + 'static,
) -> Option<Result<Driven, Error>> {
    let (mut found, traffic): (Option<Error>, _) = (None, Arc::default());
    let places: Vec<usize> = places.collect();
    for wanted in target.wanted.passes() {
        for &place in &places {
            match timeout(target.host_timeout, connect_to(target, place, wanted, &traffic)).await {
                Ok(Ok((client, connection, route, backend))) => {
                    let activity = Arc::new(Activity::of(epoch, traffic, backend));
                    let watch = Watch { silence: silence.clone(), check: ServerCheck::on(&route) };
                    let driver = drive(connection, activity.clone(), watch, hear);
                    return Some(Ok(Driven { client, activity, driver, route, host: place }));
                }
                Ok(Err(error)) if found.as_ref().is_none_or(|found| !found.may_come_back()) => found = Some(error),
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
    found.map(Err)
}

/// The same for a connection outside the pool: it has an epoch of its own.
pub(crate) async fn connect_alone(
    target: &Target,
    silence_limit: Option<Duration>,
    hear: impl FnMut(AsyncMessage) + Send + 'static,
) -> Result<Driven, Error> {
    let silence = Silence::of(silence_limit)?;
    let connecting = connect_first(target, 0..target.hosts.len(), Epoch::default(), &silence, hear);
    connecting.await.ok_or_else(|| Error::new(ErrorKind::ConnectTimeout))?
}

async fn connect_to(
    target: &Target,
    place: usize,
    wanted: TargetSession,
    traffic: &Arc<Traffic>,
) -> Result<(Client, PgConnection, Route, i32), Error> {
    let (client, connection, route) = connect(target, &target.hosts[place], wanted, traffic)
        .await
        .map_err(|error| error.at_server(&target.hosts[place]))?;
    let backend = backend_pid::announced(&client).await?;
    Ok((client, connection, route, backend))
}

/// Logs notices, for connections that nobody listens on.
pub(crate) fn log_notice(message: AsyncMessage) {
    if let AsyncMessage::Notice(notice) = message {
        info!("{}: {}", notice.severity(), notice.message());
    }
}
