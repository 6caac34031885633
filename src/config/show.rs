//! Shows a configuration: everything except the password.

use std::fmt;
use std::time::Duration;

use tokio_postgres::config::Host;

use super::Config;
use super::password::Source;
use super::server::Server;

impl fmt::Display for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} application_name={}", address(&self.server, ""), self.application_name())?;
        if let Some(server) = &self.migration {
            write!(formatter, " {}", address(server, "migration_"))?;
        }
        let Self { pool_max, connect_timeout, acquire_timeout, max_batch_bytes, max_settings_bytes, .. } = self;
        write!(
            formatter,
            " pool_max={pool_max} connect_timeout={connect_timeout:?} acquire_timeout={acquire_timeout:?}"
        )?;
        write!(formatter, " statement_timeout={}", or_never(self.statement_timeout))?;
        write!(formatter, " idle_in_transaction_timeout={}", or_never(self.idle_in_transaction_timeout))?;
        write!(formatter, " max_lifetime={}", or_never(self.max_lifetime))?;
        write!(formatter, " migration_timeout={}", or_never(self.migration_timeout))?;
        write!(formatter, " max_batch_bytes={max_batch_bytes} max_settings_bytes={max_settings_bytes}")?;
        write!(formatter, " slow_query={}", or_never(self.slow_query))?;
        write!(formatter, " prepared_statements={} schema={}", self.prepared_statements, self.schema)
    }
}

/// The address of a server, without the password. Each name gets the prefix.
fn address(Server { session: server, tls, password, .. }: &Server, prefix: &str) -> String {
    let addresses = server.get_hostaddrs().iter().map(ToString::to_string);
    let hosts: Vec<String> = server.get_hosts().iter().map(host).chain(addresses).collect();
    let ports: Vec<String> = server.get_ports().iter().map(ToString::to_string).collect();
    let has_none = matches!(password.source, Source::Fixed) && server.get_password().is_none();
    let password = if has_none { "(none)".to_owned() } else { password.source.to_string() };
    let named = [
        ("host", hosts.join(",")),
        ("port", if ports.is_empty() { "5432".into() } else { ports.join(",") }),
        ("user", server.get_user().unwrap_or("(the system's)").into()),
        ("password", password),
        ("dbname", server.get_dbname().unwrap_or("(the user's)").into()),
    ];
    let mut entries: Vec<String> = named.iter().map(|(name, value)| format!("{prefix}{name}={value}")).collect();
    entries.push(tls.parameters(prefix));
    entries.join(" ")
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Config({self})")
    }
}

fn or_never(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "never".to_owned(), |duration| format!("{duration:?}"))
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}
