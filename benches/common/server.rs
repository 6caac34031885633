//! A throwaway PostgreSQL for a bench, pinned to a core of its own where there are two.

#[path = "../../tests/it/support/server.rs"]
mod throwaway;

use clip_saver_db::{Config, Db};
use tokio_postgres::{Client, NoTls};

/// Ends with this process.
pub struct Server(throwaway::Server);

impl Server {
    /// Starts a server on the last core, and leaves the first one to this thread and those that it starts.
    pub fn start() -> Self {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        // A child inherits the core.
        cores.last().map(|core| core_affinity::set_for_current(*core));
        let server = throwaway::Server::start(&["shared_buffers=1GB", "autovacuum=off", "jit=off"]);
        cores.first().map(|core| core_affinity::set_for_current(*core));
        Self(server)
    }

    /// A plain connection, as a program without this crate opens it.
    pub async fn connect(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.0.url, NoTls).await.expect("the server accepts connections");
        tokio::spawn(connection);
        client
    }

    /// This crate's handle, with as many connections at most.
    pub async fn open(&self, connections: usize) -> Db {
        let mut config: Config = self.0.url.parse().expect("the URL is valid");
        config.pool_max = connections;
        Db::connect(config).await.expect("the server accepts connections")
    }
}
