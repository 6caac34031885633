//! `clip-db doctor` behind a pooler: a small one, which does what PgBouncer 1.18 does and the doctor looks for.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::clip_db;
use crate::support::Server;

/// What a client is told when it has connected, and the connection to the server that serves it.
struct Upstream {
    greeting: Vec<u8>,
    stream: TcpStream,
}

impl Upstream {
    async fn open(port: u16) -> Self {
        let mut stream = TcpStream::connect(("localhost", port)).await.unwrap();
        let words = b"user\0postgres\0database\0postgres\0\0";
        stream.write_u32(8 + u32::try_from(words.len()).unwrap()).await.unwrap();
        stream.write_u32(196_608).await.unwrap();
        stream.write_all(words).await.unwrap();
        let greeting = answer(&mut stream).await;
        Self { greeting, stream }
    }
}

/// Reads what the server sends up to and including its "ready for query".
async fn answer(server: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    loop {
        let message = message(server).await.expect("the server goes on");
        let is_ready = message[0] == b'Z';
        answer.extend(message);
        if is_ready {
            return answer;
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

/// Reads the start-up packet.
async fn start_up(client: &mut TcpStream) -> String {
    let length = client.read_u32().await.unwrap();
    let mut packet = vec![0; length as usize - 4];
    client.read_exact(&mut packet).await.unwrap();
    String::from_utf8_lossy(&packet).into_owned()
}

/// Serves a client with connections to the server that others use, too, between its transactions.
async fn serve(mut client: TcpStream, upstream: Arc<Mutex<Upstream>>, refuses_options: bool) {
    if start_up(&mut client).await.contains("options") && refuses_options {
        let words = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        client.write_u8(b'E').await.unwrap();
        client.write_u32(4 + u32::try_from(words.len()).unwrap()).await.unwrap();
        client.write_all(words).await.unwrap();
        return;
    }
    let greeting = upstream.lock().await.greeting.clone();
    client.write_all(&greeting).await.unwrap();
    let mut request = Vec::new();
    while let Some(message) = message(&mut client).await {
        let kind = message[0];
        request.extend(message);
        if matches!(kind, b'S' | b'Q') {
            let mut upstream = upstream.lock().await;
            upstream.stream.write_all(&request).await.unwrap();
            request.clear();
            let answer = answer(&mut upstream.stream).await;
            drop(upstream);
            if client.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

/// Starts a pooler with so many connections to the server, which its clients get in turn, and returns its URL.
async fn pooler(server_port: u16, connections: usize, refuses_options: bool) -> String {
    let mut upstreams = Vec::new();
    for _ in 0..connections {
        upstreams.push(Arc::new(Mutex::new(Upstream::open(server_port).await)));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for upstream in upstreams.into_iter().cycle() {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(client, upstream, refuses_options));
        }
    });
    format!("postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable&connect_timeout=1")
}

fn server() -> (Server, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    (Server::start(&["listen_addresses=localhost", &format!("port={port}")]), port)
}

#[tokio::test]
async fn connections_that_share_a_process_are_wrong() {
    let (_server, port) = server();
    let url = pooler(port, 1, false).await;

    clip_db(&url, "doctor").await.says(2, &["WRONG  pooler       in between, in transaction or statement mode"]);
}

#[tokio::test]
async fn a_process_that_is_older_than_its_connection_is_a_note() {
    let (_server, port) = server();
    let url = pooler(port, 2, false).await;
    tokio::time::sleep(Duration::from_secs(3)).await;

    clip_db(&url, "doctor").await.says(0, &["note   pooler       in between, in session mode"]);
}

#[tokio::test]
async fn start_up_options_that_are_refused_are_wrong_and_the_rest_is_looked_at() {
    let (_server, port) = server();
    let url = pooler(port, 4, true).await;

    let told = ["WRONG  pooler       PgBouncer refuses start-up options", "ok     server", "DB_STATEMENT_TIMEOUT=0"];
    clip_db(&url, "doctor").await.says(2, &told);
    clip_db(&url, "status").await.says(3, &["This is PgBouncer."]);
}

#[tokio::test]
async fn check_does_not_blame_the_schema_for_mixed_up_statements() {
    let (_server, port) = server();
    clip_db(&format!("postgresql://postgres@127.0.0.1:{port}/postgres"), "migrate").await.says(0, &[]);
    let url = pooler(port, 1, false).await;
    clip_db(&url, "check").await.says(0, &[]);

    let again = clip_db(&url, "check").await;

    again.says(2, &["A pooler mixes up prepared statements"]);
    assert!(!again.stdout.contains("channels/"), "{}", again.stdout);
}
