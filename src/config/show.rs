//! Shows a configuration: everything except the password.

use std::fmt;
use std::time::Duration;

use tokio_postgres::config::Host;

use super::Config;
use super::tls::Tls;

impl fmt::Display for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", address(&self.server, &self.tls, ""))?;
        write!(formatter, " application_name={}", self.application_name())?;
        if let Some((server, tls)) = &self.migration {
            write!(formatter, " {}", address(server, tls, "migration_"))?;
        }
        write!(formatter, " pool_max={}", self.pool_max)?;
        write!(formatter, " connect_timeout={:?} acquire_timeout={:?}", self.connect_timeout, self.acquire_timeout)?;
        write!(formatter, " statement_timeout={}", OrNever(self.statement_timeout))?;
        write!(formatter, " idle_in_transaction_timeout={}", OrNever(self.idle_in_transaction_timeout))?;
        write!(formatter, " max_lifetime={}", OrNever(self.max_lifetime))?;
        write!(formatter, " max_batch_bytes={}", self.max_batch_bytes)?;
        write!(formatter, " max_settings_bytes={}", self.max_settings_bytes)?;
        write!(formatter, " slow_query={}", OrNever(self.slow_query))?;
        write!(formatter, " prepared_statements={}", self.prepared_statements)
    }
}

/// The address of a server, without the password. Each name gets the prefix.
fn address(server: &tokio_postgres::Config, tls: &Tls, prefix: &str) -> String {
    let addresses = server.get_hostaddrs().iter().map(ToString::to_string);
    let hosts: Vec<String> = server.get_hosts().iter().map(host).chain(addresses).collect();
    let ports: Vec<String> = server.get_ports().iter().map(ToString::to_string).collect();
    let named = [
        ("host", hosts.join(",")),
        ("port", if ports.is_empty() { "5432".into() } else { ports.join(",") }),
        ("user", server.get_user().unwrap_or("(the system's)").into()),
        ("password", if server.get_password().is_some() { "********" } else { "(none)" }.into()),
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

struct OrNever(Option<Duration>);

impl fmt::Display for OrNever {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(duration) => write!(formatter, "{duration:?}"),
            None => formatter.write_str("never"),
        }
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}
