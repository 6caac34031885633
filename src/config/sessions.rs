//! How sessions are opened: start-up options, keepalives that notice a dead network, and the list of hosts.

use std::env;
use std::time::Duration;

use tokio_postgres::Config as PgConfig;

use super::Config;
use super::hosts::{OneHost, hosts};
use super::password::Password;
use super::server::Server;
use super::target_session::TargetSession;
use super::tls::connector::Connector;
use crate::error::Error;

/// The default of the driver and of Linux: two hours.
const DEFAULT_KEEPALIVES_IDLE: Duration = Duration::from_hours(2);

/// When the system probes a connection without traffic, how often, and how long sent data may remain unacknowledged: a
/// network that was cut is noticed in about a minute and a half.
const KEEPALIVES_IDLE: Duration = Duration::from_mins(1);
const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVES_RETRIES: u32 = 3;
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(90);

/// How much longer than the statement timeout a connection may be silent: the server itself ends longer statements.
const GRACE: Duration = Duration::from_secs(5);

/// How long a statement without a timeout may run before the server is asked about it.
const LONG_STATEMENT: Duration = Duration::from_mins(1);

/// How long one of several hosts may take to answer, at most.
const MAX_HOST_TIMEOUT: Duration = Duration::from_secs(5);

/// How sessions are opened, and on which hosts.
pub(crate) struct Target {
    /// Its `connect_timeout` applies to one address of a host.
    pub(crate) session: PgConfig,
    pub(crate) hosts: Vec<OneHost>,
    /// How long one host may take to answer.
    pub(crate) host_timeout: Duration,
    pub(crate) tls: Connector,
    pub(crate) wanted: TargetSession,
    pub(crate) password: Password,
}

impl Config {
    /// How the session that migrates is opened.
    pub(crate) fn migrating_target(&self) -> Result<Target, Error> {
        let server = self.migration.as_ref().unwrap_or(&self.server);
        self.target(server.session.clone(), server)
    }

    /// How the sessions of the pool are opened. The connection string's options override our timeouts, and the pinned settings
    /// override its options.
    pub(crate) fn pooled_target(&self) -> Result<Target, Error> {
        let mut session = self.server.session.clone();
        session.application_name(self.application_name());
        let options = self.options().join(" ");
        if !options.is_empty() {
            session.options(options);
        }
        self.target(session, &self.server)
    }

    /// Each host gets an equal share of the time.
    fn target(&self, mut session: PgConfig, server: &Server) -> Result<Target, Error> {
        let hosts = hosts(&session);
        let attempts = hosts.len() * server.target_session.passes().len();
        let share = self.connect_timeout / u32::try_from(attempts).unwrap_or(u32::MAX);
        // Several hosts are tried again and again: a host that does not answer may be gone for good.
        let host_timeout = if hosts.len() == 1 { share } else { share.min(MAX_HOST_TIMEOUT) };
        notice_dead_networks(&mut session);
        session.connect_timeout(host_timeout / 2);
        let tls = server.tls.connector(session.get_ssl_negotiation())?;
        let password = server.password.clone();
        Ok(Target { session, hosts, host_timeout, tls, wanted: server.target_session, password })
    }

    /// How long no byte may move on a pooled connection while something is awaited. `None` (no limit) if statements
    /// have no timeout, or if the connection string's options contain `statement_timeout`.
    pub(crate) fn silence_limit(&self) -> Option<Duration> {
        let has_its_own =
            self.server.session.get_options().is_some_and(|options| options.contains("statement_timeout"));
        self.statement_timeout.filter(|_| !has_its_own).map(|timeout| timeout + GRACE)
    }

    /// The same for the session that migrates. Its statements may take any time, but no pooler hides whether the server
    /// is running them.
    pub(crate) fn migrating_silence_limit(&self) -> Duration {
        self.silence_limit().unwrap_or(LONG_STATEMENT + GRACE)
    }

    fn options(&self) -> Vec<String> {
        let timeouts = [
            ("statement_timeout", self.statement_timeout),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction_timeout),
        ];
        let set = timeouts.into_iter().filter_map(|(name, timeout)| Some((name, timeout?)));
        let ours = set.map(|(name, timeout)| format!("-c {name}={}", timeout.as_millis().max(1)));
        let pinned = self.pinned_options().filter(|_| self.pins_at_start);
        ours.chain(self.server.session.get_options().map(ToOwned::to_owned)).chain(pinned).collect()
    }

    /// This program's name in `pg_stat_activity`: from the connection string, or the executable's.
    pub(crate) fn application_name(&self) -> String {
        let executable = || env::current_exe().ok().as_ref()?.file_stem()?.to_str().map(ToOwned::to_owned);
        let given = self.server.session.get_application_name().map(ToOwned::to_owned);
        given.or_else(executable).unwrap_or_else(|| "clip-saver-db".to_owned())
    }
}

fn notice_dead_networks(session: &mut PgConfig) {
    if session.get_keepalives_idle() == DEFAULT_KEEPALIVES_IDLE {
        session.keepalives_idle(KEEPALIVES_IDLE);
    }
    if session.get_keepalives_interval().is_none() {
        session.keepalives_interval(KEEPALIVES_INTERVAL);
    }
    if session.get_keepalives_retries().is_none() {
        session.keepalives_retries(KEEPALIVES_RETRIES);
    }
    if session.get_tcp_user_timeout().is_none() {
        session.tcp_user_timeout(TCP_USER_TIMEOUT);
    }
}
