//! A small pooler in transaction mode. Like PgBouncer 1.21 and later with `max_prepared_statements`, it renames its clients'
//! prepared statements and so keeps them apart, and it prepares statements of the same text only once. Not every system has a
//! package of that version.

use std::collections::HashMap;
use std::sync::Arc;

use clip_saver_db::{Db, ErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::pool::pgbouncer::writes_and_reads;
use crate::support::{Server, concurrently, free_port};

/// The only connection to the server, and the messages for clients that connect.
struct Upstream {
    greeting: Vec<u8>,
    stream: TcpStream,
}

impl Upstream {
    async fn open(port: u16) -> Self {
        let mut stream = TcpStream::connect(("localhost", port)).await.unwrap();
        stream.set_nodelay(true).unwrap(); // each message is a write of its own
        let words = b"user\0postgres\0database\0postgres\0\0";
        stream.write_u32(8 + u32::try_from(words.len()).unwrap()).await.unwrap();
        stream.write_u32(196_608).await.unwrap();
        stream.write_all(words).await.unwrap();
        let mut greeting = Vec::new();
        while !greeting.ends_with(b"Z\0\0\0\x05I") {
            let mut message = message(&mut stream).await.expect("the server continues");
            if message[0] == b'K' {
                message[5..9].copy_from_slice(&0x00c0_ffee_u32.to_be_bytes()); // an invented process id
            }
            greeting.extend(message);
        }
        Self { greeting, stream }
    }

    /// Forwards the server's messages to a client up to `ReadyForQuery`. Returns whether no transaction is open then.
    async fn answer(&mut self, client: &mut TcpStream) -> Option<bool> {
        loop {
            let message = message(&mut self.stream).await?;
            client.write_all(&message).await.ok()?;
            if message[0] == b'Z' {
                return Some(message[5] == b'I');
            }
        }
    }
}

/// Reads one message: its kind, its length, its content.
async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = vec![0; 5];
    stream.read_exact(&mut message).await.ok()?;
    let length = u32::from_be_bytes(message[1..].try_into().unwrap());
    message.resize(1 + length as usize, 0);
    stream.read_exact(&mut message[5..]).await.ok()?;
    Some(message)
}

/// A statement's place in a message: where its name begins, if the message names one.
fn name_of(message: &[u8]) -> Option<(usize, &[u8])> {
    let (kind, content) = (message[0], &message[5..]);
    let start = match kind {
        b'P' => 0,
        b'B' => 1 + content.iter().position(|byte| *byte == 0).unwrap(), // after the portal
        b'D' | b'C' if content[0] == b'S' => 1,
        _ => return None,
    };
    let length = content[start..].iter().position(|byte| *byte == 0).unwrap();
    (length > 0).then_some((start, &content[start..start + length]))
}

/// The message with another name for its statement.
fn renamed(message: &[u8], start: usize, length: usize, name: &str) -> Vec<u8> {
    let content = [&message[5..5 + start], name.as_bytes(), &message[5 + start + length..]].concat();
    [&message[..1], &u32::try_from(content.len() + 4).unwrap().to_be_bytes()[..], &content].concat()
}

/// The names of the statements on the server, by their text and parameter types.
type Names = Arc<Mutex<HashMap<Vec<u8>, String>>>;

/// What a client's statement message becomes: a message for the server, or an answer that needs no server.
enum Translated {
    Forward(Vec<u8>),
    Answer(&'static [u8]),
}

/// One client's statements.
struct Statements {
    prefix: &'static str,
    all: Names,
    own: HashMap<Vec<u8>, String>,
}

impl Statements {
    async fn translate(&mut self, message: Vec<u8>) -> Translated {
        let Some((start, name)) = name_of(&message) else { return Translated::Forward(message) };
        let (name, length) = (name.to_owned(), name.len());
        match message[0] {
            b'C' => {
                self.own.remove(&name);
                return Translated::Answer(b"3\x00\x00\x00\x04"); // CloseComplete
            }
            b'P' => {
                let mut all = self.all.lock().await;
                let (count, text) = (all.len(), message[5 + length..].to_vec());
                let is_known = all.contains_key(&text);
                let shared = all.entry(text).or_insert_with(|| format!("{}{count}", self.prefix)).clone();
                self.own.insert(name.clone(), shared);
                if is_known {
                    return Translated::Answer(b"1\x00\x00\x00\x04"); // ParseComplete
                }
            }
            _ => {}
        }
        Translated::Forward(renamed(&message, start, length, &self.own[&name]))
    }
}

/// Serves a client. Each of its transactions has the shared connection for itself.
async fn serve(mut client: TcpStream, mut statements: Statements, upstream: Arc<Mutex<Upstream>>) -> Option<()> {
    let length = client.read_u32().await.ok()?;
    client.read_exact(&mut vec![0; length as usize - 4]).await.ok()?;
    client.write_all(&upstream.lock().await.greeting).await.ok()?;
    let mut held: Option<OwnedMutexGuard<Upstream>> = None;
    loop {
        let message = message(&mut client).await.filter(|message| message[0] != b'X')?;
        if held.is_none() {
            held = Some(upstream.clone().lock_owned().await);
        }
        let server = held.as_mut()?;
        let ends_flight = matches!(message[0], b'S' | b'Q');
        match statements.translate(message).await {
            Translated::Forward(message) => server.stream.write_all(&message).await.ok()?,
            Translated::Answer(answer) => client.write_all(answer).await.ok()?,
        }
        if ends_flight && server.answer(&mut client).await? {
            held = None;
        }
    }
}

/// Starts a server and a pooler in front of it that gives statements names with a prefix. Returns the URLs of both.
pub async fn start(prefix: &'static str) -> (Server, [String; 2]) {
    let free = free_port();
    let server = Server::start(&["listen_addresses=localhost", &format!("port={free}")]);
    (server, [url(free), start_before(free, prefix).await])
}

/// Starts a pooler in front of the server on this port. Returns its URL.
pub async fn start_before(server: u16, prefix: &'static str) -> String {
    let upstream = Arc::new(Mutex::new(Upstream::open(server).await));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let all = Names::default();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            client.set_nodelay(true).unwrap();
            let statements = Statements { prefix, all: all.clone(), own: HashMap::new() };
            tokio::spawn(serve(client, statements, upstream.clone()));
        }
    });
    url(port)
}

fn url(port: u16) -> String {
    format!("postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
}

#[tokio::test]
async fn programs_start_behind_a_pooler_that_keeps_prepared_statements_apart_and_every_call_gets_its_own_row() {
    for prefix in ["PGBOUNCER_", "supavisor_", "PGCAT_", "odyssey_"] {
        every_call_gets_its_own_row(prefix).await;
    }
}

async fn every_call_gets_its_own_row(prefix: &'static str) {
    let (_server, [direct, pooled]) = start(prefix).await;
    Db::connect(direct.parse().unwrap()).await.unwrap().migrate().await.unwrap();

    let right = concurrently(4, |program| {
        let config = pooled.parse().unwrap();
        async move {
            let db = Db::connect(config).await.unwrap();
            db.migrate().await.unwrap();
            let mut right = 0;
            for round in 0..50 {
                right += u32::from(writes_and_reads(&db, program * 100 + round + 1).await);
            }
            right
        }
    })
    .await;

    assert_eq!(right, [50; 4], "{prefix}");
}

#[tokio::test]
async fn migrations_do_not_go_through_a_renaming_pooler() {
    let (_server, [_, pooled]) = start("PGBOUNCER_").await;
    let db = Db::connect(pooled.parse().unwrap()).await.unwrap();

    let error = db.migrate().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Migration, "{error:?}");
    assert!(error.to_string().contains("set DB_MIGRATION_URL"), "{error}");
}
