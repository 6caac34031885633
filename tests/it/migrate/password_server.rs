//! A server that asks for a password, and a password that a test finds in any output that shows it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;
use tokio_postgres::NoTls;

use crate::support::races::TEST_TIMEOUT;
use crate::support::{Server, connect, free_port};

/// A password: two words that appear nowhere else, joined by characters that URLs, `key=value` pairs or SQL must escape.
pub struct Password {
    pub words: [String; 2],
    pub whole: String,
}

impl Password {
    /// Makes a new random password.
    pub fn new() -> Self {
        let words = [(); 2].map(|()| format!("secret{:016x}", rand::random::<u64>()));
        let whole = words.join("@:/?#%&= '\"\\ü");
        Self { words, whole }
    }

    /// The password, encoded for a URL.
    pub fn encoded(&self) -> String {
        utf8_percent_encode(&self.whole, NON_ALPHANUMERIC).to_string()
    }

    /// The password, quoted for `key=value` pairs.
    pub fn quoted(&self) -> String {
        format!("'{}'", self.whole.replace('\\', r"\\").replace('\'', r"\'"))
    }

    /// The lines that hold a part of the password. Every encoding leaves the words unchanged, except bytes as numbers.
    pub fn found_in(&self, text: &str) -> Vec<String> {
        let numbers = self.words.iter().map(|word| format!("{:?}", word.as_bytes()).replace(['[', ']'], ""));
        let parts: Vec<String> = self.words.iter().cloned().chain(numbers).collect();
        let is_leak = |line: &&str| parts.iter().any(|part| line.contains(part));
        text.lines().filter(is_leak).map(ToOwned::to_owned).collect()
    }
}

/// A server that asks for a password over TCP. The role `bot` has the password and owns the database `clips`.
pub struct PasswordServer {
    process: Server,
    pub port: u16,
    /// The whole password of `bot`, when the server started.
    pub password: String,
}

impl PasswordServer {
    /// Starts the server.
    pub async fn start(password: &Password) -> Self {
        let port = free_port();
        let server = Server::start(&["listen_addresses=localhost", &format!("port={port}")]);
        let admin = connect(&format!("postgresql://postgres@localhost:{port}/postgres")).await;
        let literal = format!("E'{}'", password.whole.replace('\\', r"\\").replace('\'', r"\'"));
        let sql = format!("create role bot login password {literal}");
        admin.batch_execute(&sql).await.unwrap();
        admin.batch_execute("create database clips owner bot").await.unwrap();
        let require_password = "do $$ begin
              execute format('copy (values (%L), (%L)) to %L', 'local all all trust', 'host all all all scram-sha-256',
                             current_setting('hba_file'));
            end $$;
            select pg_reload_conf()";
        admin.batch_execute(require_password).await.unwrap();
        let server = Self { process: server, port, password: password.whole.clone() };
        let until_refused = async { while tokio_postgres::connect(&server.url("wrong"), NoTls).await.is_ok() {} };
        timeout(TEST_TIMEOUT, until_refused).await.expect("the server asks for passwords");
        server
    }

    /// The URL without a password.
    pub fn url_without_password(&self) -> String {
        format!("postgresql://bot@localhost:{}/clips", self.port)
    }

    /// Runs SQL as a superuser, over the server's socket.
    pub async fn run(&self, sql: &str) {
        let address = self.process.url.strip_suffix("/postgres").unwrap();
        connect(&format!("{address}:{}/postgres", self.port)).await.batch_execute(sql).await.unwrap();
    }

    /// Changes the password of `bot`. Open sessions stay open.
    pub async fn change_password(&self, password: &str) {
        self.run(&format!("alter role bot password '{password}'")).await;
    }

    /// The URL with an encoded password.
    pub fn url(&self, password: &str) -> String {
        format!("postgresql://bot:{password}@localhost:{}/clips", self.port)
    }
}
