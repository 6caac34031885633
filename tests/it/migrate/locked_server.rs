//! A server that asks for a password, and a password that can be recognised wherever it comes to light.

use std::net::TcpListener;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;
use tokio_postgres::NoTls;

use crate::support::races::TEST_TIMEOUT;
use crate::support::{Server, connect};

/// A password: two words that nothing else contains, and between them what must be encoded or quoted somewhere.
pub struct Password {
    pub words: [String; 2],
    pub whole: String,
}

impl Password {
    /// One that nobody has had before.
    pub fn new() -> Self {
        let words = [(); 2].map(|()| format!("secret{:016x}", rand::random::<u64>()));
        let whole = words.join("@:/?#%&= '\"\\ü");
        Self { words, whole }
    }

    /// As a URL has it.
    pub fn encoded(&self) -> String {
        utf8_percent_encode(&self.whole, NON_ALPHANUMERIC).to_string()
    }

    /// As `key=value` pairs have it.
    pub fn quoted(&self) -> String {
        format!("'{}'", self.whole.replace('\\', r"\\").replace('\'', r"\'"))
    }

    /// The lines that hold a part of it. The words are the same in every encoding but that of bytes as numbers.
    pub fn found_in(&self, text: &str) -> Vec<String> {
        let numbers = self.words.iter().map(|word| format!("{:?}", word.as_bytes()).replace(['[', ']'], ""));
        let parts: Vec<String> = self.words.iter().cloned().chain(numbers).collect();
        let is_leak = |line: &&str| parts.iter().any(|part| line.contains(part));
        text.lines().filter(is_leak).map(ToOwned::to_owned).collect()
    }
}

/// A server that asks for a password over TCP. The role `bot` has it, and a database.
pub struct LockedServer {
    _server: Server,
    port: u16,
}

impl LockedServer {
    /// Starts it.
    pub async fn start(password: &Password) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Server::start(&["listen_addresses=localhost", &format!("port={port}")]);
        let admin = connect(&format!("postgresql://postgres@localhost:{port}/postgres")).await;
        let literal = format!("E'{}'", password.whole.replace('\\', r"\\").replace('\'', r"\'"));
        let sql = format!("create role bot login password {literal}");
        admin.batch_execute(&sql).await.unwrap();
        admin.batch_execute("create database clips owner bot").await.unwrap();
        let lock = "do $$ begin
              execute format('copy (values (%L), (%L)) to %L', 'local all all trust', 'host all all all scram-sha-256',
                             current_setting('hba_file'));
            end $$;
            select pg_reload_conf()";
        admin.batch_execute(lock).await.unwrap();
        let locked = Self { _server: server, port };
        let until_locked = async { while tokio_postgres::connect(&locked.url("wrong"), NoTls).await.is_ok() {} };
        timeout(TEST_TIMEOUT, until_locked).await.expect("the server asks for passwords");
        locked
    }

    /// The URL with a password that is encoded.
    pub fn url(&self, password: &str) -> String {
        format!("postgresql://bot:{password}@localhost:{}/clips", self.port)
    }
}
