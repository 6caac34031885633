//! What sessions are opened with: the start-up options, how a dead network is noticed, and the hosts one by one.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config as PgConfig;
use tokio_postgres::config::Host;

use super::Config;
use super::tls::Tls;

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

impl Config {
    /// What the session that migrates is opened with, by host, and how it is encrypted.
    pub(crate) fn migrating_sessions(&self) -> (Vec<PgConfig>, &Tls) {
        let (server, tls) = self.migration.as_ref().map_or((&self.server, &self.tls), |(server, tls)| (server, tls));
        (self.by_host(server), tls)
    }

    /// What the sessions of the pool are opened with, by host: each may take its part of the time. An option in the
    /// connection string comes later, and so wins.
    pub(crate) fn pooled_sessions(&self) -> Vec<PgConfig> {
        let mut session = self.server.clone();
        session.application_name(self.application_name());
        let options = self.options().join(" ");
        if !options.is_empty() {
            session.options(options);
        }
        self.by_host(&session)
    }

    fn by_host(&self, session: &PgConfig) -> Vec<PgConfig> {
        let mut sessions = by_host(session);
        let part = self.connect_timeout / u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        // Of several hosts each is asked again and again: the one that does not answer may be gone for good.
        let patience = if sessions.len() == 1 { part } else { part.min(LONGEST_PATIENCE) };
        for session in &mut sessions {
            notice_dead_networks(session);
            session.connect_timeout(patience / 2); // of one address
        }
        sessions
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

/// The same with one host each, so that one that hangs does not use up the time of the others. As it is, if its lists are
/// not of one length: the driver says what is wrong with them.
fn by_host(all: &PgConfig) -> Vec<PgConfig> {
    let (hosts, addresses, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let count = hosts.len().max(addresses.len());
    let fits = |length: usize| length <= 1 || length == count;
    let names_all = |length: usize| length == 0 || length == count;
    if count < 2 || !names_all(hosts.len()) || !names_all(addresses.len()) || !fits(ports.len()) {
        return vec![all.clone()];
    }
    let one = |place: usize| {
        let mut one = without_hosts(all);
        match hosts.get(place) {
            Some(Host::Tcp(name)) => _ = one.host(name),
            #[cfg(unix)]
            Some(Host::Unix(path)) => _ = one.host_path::<&PathBuf>(path),
            None => {}
        }
        if let Some(address) = addresses.get(place) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(place).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    (0..count).map(one).collect()
}

/// Everything but where: the driver's configuration only takes more hosts, never fewer.
fn without_hosts(all: &PgConfig) -> PgConfig {
    let mut one = PgConfig::new();
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .target_session_attrs(all.get_target_session_attrs())
        .channel_binding(all.get_channel_binding());
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|dbname| one.dbname(dbname));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_tcp_user_timeout().map(|timeout| one.tcp_user_timeout(*timeout));
    all.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    all.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one
}
