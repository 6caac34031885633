//! The hosts of a configuration, one by one.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use tokio_postgres::Config as PgConfig;
use tokio_postgres::config::Host;

/// One host of a configuration.
#[derive(Default, Clone)]
pub(crate) struct OneHost {
    pub(crate) name: Option<Host>,
    /// Its address (`hostaddr`): then its name is not looked up.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl fmt::Display for OneHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.address) {
            (Some(Host::Tcp(name)), _) => write!(formatter, "{name}:{}", self.port),
            #[cfg(unix)]
            (Some(Host::Unix(folder)), _) => write!(formatter, "{}, port {}", folder.display(), self.port),
            (None, Some(address)) => write!(formatter, "{}", SocketAddr::from((address, self.port))),
            (None, None) => formatter.write_str("no host"),
        }
    }
}

/// The hosts of a configuration, one by one, so that a host that hangs does not use up the time of the others. If the
/// lists do not match, this is one host without a name: the driver's error says why.
pub(super) fn hosts(config: &PgConfig) -> Vec<OneHost> {
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
