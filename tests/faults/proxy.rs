//! A proxy between the crate and the server. It stalls or throttles the traffic, and cuts connections at a statement.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::unix;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::Host;

use crate::rig::{Rig, TEST_TIMEOUT, shared_server};

/// The most bytes that are read at once: more than any statement in these tests has.
const CHUNK: usize = 1 << 16;

/// The bytes that a throttled proxy forwards at a time.
const THROTTLED_BYTES: usize = 16;

/// Where a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The server does not receive the statement.
    BeforeStatement,
    /// The server receives half of the statement.
    InStatement,
    /// The server has run the statement. The client receives nothing of the answer.
    BeforeAnswer,
    /// The client receives half of the answer.
    InAnswer,
}

/// The first message of a flight of the client, by its letter in PostgreSQL's protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flight {
    /// A statement is prepared.
    Prepare = b'P' as isize,
    /// A prepared statement is run.
    Run = b'B' as isize,
    /// A transaction begins or ends.
    Words = b'Q' as isize,
}

#[derive(Clone, Copy, Default)]
struct State {
    is_stalled: bool,
    is_throttled: bool,
    /// The flight that is cut next, and where.
    next_cut: Option<(Flight, Place)>,
    cuts: u64,
}

/// A port that leads to a server. It closes when its test's runtime ends.
pub struct Proxy {
    pub port: u16,
    state: Arc<watch::Sender<State>>,
}

impl Proxy {
    /// Starts a proxy to the server of a URL.
    pub async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("the listener is bound").port();
        let state = Arc::new(watch::Sender::new(State::default()));
        tokio::spawn(accept(listener, socket(url), state.clone()));
        Self { port, state }
    }

    /// The URL of a database through this proxy.
    pub fn url(&self, url: &str) -> String {
        let database = url.rsplit_once('/').expect("the URL ends in /database").1;
        format!("postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// From now on, holds all traffic back in both directions. Nothing is lost.
    pub fn stall(&self) {
        self.state.send_modify(|state| state.is_stalled = true);
    }

    /// Forwards what was held back.
    pub fn resume(&self) {
        self.state.send_modify(|state| state.is_stalled = false);
    }

    /// From now on, forwards only a few bytes at a time.
    pub fn throttle(&self) {
        self.state.send_modify(|state| state.is_throttled = true);
    }

    /// Cuts the connection that sends the next flight of a kind.
    pub fn cut_next(&self, flight: Flight, place: Place) {
        self.state.send_modify(|state| state.next_cut = Some((flight, place)));
    }

    /// Waits until `count` connections have been cut.
    pub async fn wait_for_cuts(&self, count: u64) {
        let mut state = self.state.subscribe();
        let waiting = timeout(TEST_TIMEOUT, state.wait_for(|state| state.cuts >= count)).await;
        waiting.expect("statements arrive").expect("the proxy is running");
    }
}

/// A database, and a pool whose connections go through a proxy.
pub async fn through_a_proxy() -> (Proxy, Rig) {
    let direct = Rig::new(shared_server()).await;
    let proxy = Proxy::to(&direct.url).await;
    let rig = Rig::with_pool_url(&direct.url, &proxy.url(&direct.url)).await;
    (proxy, rig)
}

/// The socket of a server that `./dev server` has started.
fn socket(url: &str) -> PathBuf {
    let server: tokio_postgres::Config = url.parse().expect("the URL is valid");
    let Host::Unix(folder) = &server.get_hosts()[0] else { panic!("{url} must name a folder") };
    folder.join(".s.PGSQL.5432")
}

async fn accept(listener: TcpListener, server: PathBuf, state: Arc<watch::Sender<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        client.set_nodelay(true).expect("the socket is open");
        let (server, state) = (server.clone(), state.clone());
        tokio::spawn(async move {
            // If there is no server, the connection ends at once.
            if let Ok(server) = UnixStream::connect(server).await {
                let link = Link { state, cut: Mutex::default(), is_cut: AtomicBool::new(false) };
                serve(client, server, &link).await;
                link.ended();
            }
        });
    }
}

/// Forwards a connection until either end closes it, or it is cut.
async fn serve(client: TcpStream, server: UnixStream, link: &Link) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = link.forward(from_client, to_server) => (),
        () = link.answer(from_server, to_client) => (),
    }
}

/// One connection.
struct Link {
    state: Arc<watch::Sender<State>>,
    /// Where the next answer is cut.
    cut: Mutex<Option<Place>>,
    is_cut: AtomicBool,
}

impl Link {
    async fn forward(&self, mut client: OwnedReadHalf, mut server: unix::OwnedWriteHalf) {
        while let Some(flight) = read(&mut client).await {
            let cut = self.take_cut(flight[0]);
            let length = match cut {
                Some(Place::BeforeStatement) => 0,
                Some(Place::InStatement) => flight.len() / 2,
                Some(Place::BeforeAnswer | Place::InAnswer) | None => flight.len(),
            };
            if cut.is_some() {
                *self.cut.lock().unwrap() = cut;
            }
            if self.pass(&mut server, &flight[..length]).await.is_err() || length < flight.len() {
                return;
            }
        }
    }

    async fn answer(&self, mut server: unix::OwnedReadHalf, mut client: OwnedWriteHalf) {
        while let Some(answer) = read(&mut server).await {
            let cut = self.cut.lock().unwrap().take();
            let passes = if cut.is_some() { &answer[..answer.len() / 2] } else { &answer[..] };
            if cut == Some(Place::BeforeAnswer) || self.pass(&mut client, passes).await.is_err() || cut.is_some() {
                return;
            }
        }
    }

    async fn pass(&self, to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
        let mut state = self.state.subscribe();
        let is_throttled = state.wait_for(|state| !state.is_stalled).await.is_ok_and(|state| state.is_throttled);
        if !is_throttled {
            return to.write_all(bytes).await;
        }
        for few in bytes.chunks(THROTTLED_BYTES) {
            to.write_all(few).await?;
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Where to cut this flight, if a cut of its kind is requested.
    fn take_cut(&self, kind: u8) -> Option<Place> {
        let mut cut = None;
        self.state.send_if_modified(|state| {
            if state.next_cut.is_some_and(|(flight, _)| flight as u8 == kind) {
                cut = state.next_cut.take().map(|(_, place)| place);
            }
            cut.is_some()
        });
        self.is_cut.fetch_or(cut.is_some(), Ordering::Relaxed);
        cut
    }

    fn ended(&self) {
        self.state.send_modify(|state| state.cuts += u64::from(self.is_cut.load(Ordering::Relaxed)));
    }
}

async fn read(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let length = from.read_buf(&mut chunk).await.ok()?;
    (length > 0).then_some(chunk)
}
