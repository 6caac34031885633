//! What sessions are opened with: the start-up options, how a dead network is noticed, and the hosts one by one.

use std::env;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config as PgConfig;
use tokio_postgres::config::Host;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Config;
use super::tls::Tls;
use crate::error::Error;

/// What PostgreSQL and Linux have by default: two hours.
const UNTOLD: Duration = Duration::from_hours(2);

/// How long a connection may be silent before the system asks whether the other side is there, how often it asks, and how
/// long what was sent may remain unacknowledged: a network that was cut is noticed in about a minute and a half.
const SILENCE: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_secs(10);
const RETRIES: u32 = 3;
const UNACKNOWLEDGED: Duration = Duration::from_secs(90);

/// How much longer than a statement may take a connection may be silent: the server itself ends what takes longer.
const GRACE: Duration = Duration::from_secs(5);

/// How long a statement is taken to run that may run for ever, before the server is asked.
const LONG_STATEMENT: Duration = Duration::from_mins(1);

/// How long one of several hosts may take to answer.
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// How sessions are opened, and on which hosts.
pub(crate) struct Target {
    /// Its `connect_timeout` is for one address of a host.
    pub(crate) session: PgConfig,
    pub(crate) hosts: Vec<OneHost>,
    /// How long one host may take.
    pub(crate) patience: Duration,
    pub(crate) tls: MakeRustlsConnect,
}

/// One host of a configuration.
#[derive(Default)]
pub(crate) struct OneHost {
    pub(crate) name: Option<Host>,
    /// Where it is, if its name need not be looked up.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Config {
    /// How the session that migrates is opened.
    pub(crate) fn migrating_target(&self) -> Result<Target, Error> {
        let (server, tls) = self.migration.as_ref().map_or((&self.server, &self.tls), |(server, tls)| (server, tls));
        self.target(server.clone(), tls)
    }

    /// How the sessions of the pool are opened. An option in the connection string comes later, and so wins.
    pub(crate) fn pooled_target(&self) -> Result<Target, Error> {
        let mut session = self.server.clone();
        session.application_name(self.application_name());
        let options = self.options().join(" ");
        if !options.is_empty() {
            session.options(options);
        }
        self.target(session, &self.tls)
    }

    /// Each host may take its part of the time.
    fn target(&self, mut session: PgConfig, tls: &Tls) -> Result<Target, Error> {
        let hosts = hosts(&session);
        let part = self.connect_timeout / u32::try_from(hosts.len()).unwrap_or(u32::MAX);
        // Of several hosts each is asked again and again: the one that does not answer may be gone for good.
        let patience = if hosts.len() == 1 { part } else { part.min(LONGEST_PATIENCE) };
        notice_dead_networks(&mut session);
        session.connect_timeout(patience / 2);
        Ok(Target { session, hosts, patience, tls: tls.connector()? })
    }

    /// How long no byte may move on a connection of the pool while something is awaited; `None` for any time, if a statement
    /// may take for ever, or if the connection string has a word of its own about that.
    pub(crate) fn silence_limit(&self) -> Option<Duration> {
        let has_its_own = self.server.get_options().is_some_and(|options| options.contains("statement_timeout"));
        self.statement_timeout.filter(|_| !has_its_own).map(|timeout| timeout + GRACE)
    }

    /// The same for the session that migrates. Its statements may take any time, but no pooler hides whether the server is at
    /// work on them.
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
        ours.chain(self.server.get_options().map(ToOwned::to_owned)).collect()
    }

    /// By what name `pg_stat_activity` shows this program: that of the connection string, or the executable's.
    pub(crate) fn application_name(&self) -> String {
        let executable = || env::current_exe().ok().as_ref()?.file_stem()?.to_str().map(ToOwned::to_owned);
        let given = self.server.get_application_name().map(ToOwned::to_owned);
        given.or_else(executable).unwrap_or_else(|| "clip-saver-db".to_owned())
    }
}

fn notice_dead_networks(session: &mut PgConfig) {
    if session.get_keepalives_idle() == UNTOLD {
        session.keepalives_idle(SILENCE);
    }
    if session.get_keepalives_interval().is_none() {
        session.keepalives_interval(INTERVAL);
    }
    if session.get_keepalives_retries().is_none() {
        session.keepalives_retries(RETRIES);
    }
    if session.get_tcp_user_timeout().is_none() {
        session.tcp_user_timeout(UNACKNOWLEDGED);
    }
}

/// The hosts of a configuration, one by one, so that one that hangs does not use up the time of the others. If the lists do
/// not fit together, this is one host without a name: the driver says what is wrong.
fn hosts(config: &PgConfig) -> Vec<OneHost> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    let fits = |length: usize| length == 0 || length == count;
    if count == 0 || !fits(names.len()) || !fits(addresses.len()) || !(fits(ports.len()) || ports.len() == 1) {
        return vec![OneHost::default()];
    }
    let one = |place: usize| OneHost {
        name: names.get(place).cloned(),
        address: addresses.get(place).copied(),
        port: ports.get(place).or(ports.first()).copied().unwrap_or(5432),
    };
    (0..count).map(one).collect()
}
