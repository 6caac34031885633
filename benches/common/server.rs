//! A throwaway PostgreSQL for a bench. With two cores it is pinned to one of them.

#[path = "../../tests/it/support/server.rs"]
mod throwaway;

use std::process::Command;

use clip_saver_db::{Config, Db};
use tokio_postgres::{Client, NoTls};

/// glibc keeps what a session frees. Otherwise it may give back the end of its heap after each batch, and take it again: one of two
/// sessions then took 1.2 times as long as the other, depending on what each had done before.
const MALLOC: [(&str, &str); 2] = [("MALLOC_TRIM_THRESHOLD_", "1073741824"), ("MALLOC_MMAP_THRESHOLD_", "33554432")];

/// A running server; it stops with this process.
pub struct Server(throwaway::Server);

impl Server {
    /// Starts a server on the last core. This thread, and threads that it starts, use the first one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with further settings.
    pub fn start_with(settings: &[&str]) -> Self {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        // A child process inherits the core.
        cores.last().map(|core| core_affinity::set_for_current(*core));
        let server = throwaway::Server::spawn(
            Command::new(throwaway::dev())
                .args(["server", "shared_buffers=1GB", "autovacuum=off", "jit=off"])
                .args(settings)
                .envs(MALLOC),
        );
        cores.first().map(|core| core_affinity::set_for_current(*core));
        Self(server)
    }

    /// For programs that connect in their own way.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Opens a plain tokio-postgres connection.
    pub async fn connect(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.0.url, NoTls).await.expect("the server accepts connections");
        tokio::spawn(connection);
        client
    }

    /// Opens this crate's `Db` with at most this many connections.
    pub async fn open(&self, connections: usize) -> Db {
        let mut config: Config = self.0.url.parse().expect("the URL is valid");
        config.pool_max = connections;
        Db::connect(config).await.expect("the server accepts connections")
    }
}
