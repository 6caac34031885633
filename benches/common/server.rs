//! A throwaway PostgreSQL for a bench, pinned to a core of its own where there are two.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use clip_saver_db::{Config, Db};
use tokio_postgres::{Client, NoTls};

/// Ends with this process.
pub struct Server {
    pub url: String,
    _process: Child,
    _lives_while_open: ChildStdin,
}

impl Server {
    /// Starts a server on the last core, and leaves the first one to this thread and those that it starts.
    pub fn start() -> Self {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        // A child inherits the core.
        cores.last().map(|core| core_affinity::set_for_current(*core));
        let server = Self::start_here();
        cores.first().map(|core| core_affinity::set_for_current(*core));
        server
    }

    fn start_here() -> Self {
        let mut process = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("dev"))
            .args(["server", "shared_buffers=1GB", "autovacuum=off", "jit=off"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("./dev server starts");
        let mut url = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut url).expect("./dev server prints its URL");
        assert!(!url.is_empty(), "no PostgreSQL server: see what ./dev server printed above");
        let stdin = process.stdin.take().expect("stdin is piped");
        Self { url: url.trim().to_owned(), _process: process, _lives_while_open: stdin }
    }

    /// A plain connection, as a program without this crate opens it.
    pub async fn connect(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url, NoTls).await.expect("the server accepts connections");
        tokio::spawn(connection);
        client
    }

    /// This crate's handle, with as many connections at most.
    pub async fn open(&self, connections: usize) -> Db {
        let mut config: Config = self.url.parse().expect("the URL is valid");
        config.pool_max = connections;
        Db::connect(config).await.expect("the server accepts connections")
    }
}
