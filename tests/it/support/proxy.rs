//! A proxy between the crate and the server: it tells what was sent, and in how many flights, and it holds answers back,
//! delivers them in pieces, throttles and cuts connections on command.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use clip_saver_db::{Config, Db};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::Host;

use crate::support::races::TEST_TIMEOUT;
use crate::support::url_of;

/// The most bytes that are read at once: more than any flight has.
const CHUNK: usize = 1 << 18;

/// How often a throttled connection forwards some bytes.
const THROTTLE_INTERVAL: Duration = Duration::from_millis(50);

/// A port that leads to a database. It is closed with the runtime of its test.
pub struct Proxy {
    url: String,
    state: Arc<watch::Sender<State>>,
}

#[derive(Default)]
struct State {
    connections: Vec<Traffic>,
    is_held: bool,
    /// The places of the connections that get no answer.
    held_connections: Range<usize>,
    /// The bytes that go through in each direction in [`THROTTLE_INTERVAL`].
    rate: Option<usize>,
    holds_at: Option<char>,
    holds_back: bool,
    is_piecemeal: bool,
    cuts: usize,
    /// The error that the next answer is replaced with. After it the connection ends.
    last_words: Option<Vec<u8>>,
    /// The error that new connections get.
    refusal: Option<Vec<u8>>,
    refused: usize,
    newcomers: Newcomers,
}

/// What becomes of new connections.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Newcomers {
    #[default]
    Served,
    /// They are closed at once.
    Closed,
    /// Nothing answers them.
    Ignored,
}

/// The traffic of one connection, without the messages that open it.
#[derive(Default, Clone)]
pub struct Traffic {
    /// What the client sent between two answers, one letter for each message: `PDS` prepares a statement, `BES` runs a
    /// prepared one.
    pub flights: Vec<String>,
    /// Whether the server has answered since the client's last message.
    is_answered: bool,
    is_closed: bool,
}

impl Proxy {
    /// Starts a proxy to a database of the server that all tests share.
    pub async fn to(database: &str) -> Self {
        let server: tokio_postgres::Config = url_of(database).parse().expect("the URL is valid");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("the listener is bound").port();
        let user = utf8_percent_encode(server.get_user().unwrap_or("postgres"), NON_ALPHANUMERIC);
        let password = String::from_utf8_lossy(server.get_password().unwrap_or_default());
        let password = utf8_percent_encode(&password, NON_ALPHANUMERIC);
        let url = format!("postgresql://{user}:{password}@127.0.0.1:{port}/{database}?sslmode=disable");
        let state = Arc::new(watch::Sender::new(State::default()));
        tokio::spawn(accept(listener, server, state.clone()));
        Self { url, state }
    }

    /// A pool of at most `pool_max` connections through this proxy. The traffic of connecting is not recorded.
    pub async fn pool(&self, pool_max: usize) -> Db {
        let mut config = self.config();
        config.pool_max = pool_max;
        let db = Db::connect(config).await.expect("the database exists");
        self.clear_traffic();
        db
    }

    /// The URL of the database through this proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The configuration of a pool through this proxy.
    pub fn config(&self) -> Config {
        self.url.parse().expect("the URL is valid")
    }

    /// The traffic of each connection since the start of the proxy.
    pub fn traffic(&self) -> Vec<Traffic> {
        self.state.borrow().connections.clone()
    }

    /// The flights of all connections together.
    pub fn flights(&self) -> Vec<String> {
        self.traffic().into_iter().flat_map(|connection| connection.flights).collect()
    }

    /// Deletes the recorded traffic.
    pub fn clear_traffic(&self) {
        self.state.send_modify(|state| {
            state.connections.iter_mut().for_each(|connection| connection.flights.clear());
        });
    }

    /// From now on, holds the answers to the client back.
    pub fn hold(&self) {
        self.state.send_modify(|state| state.is_held = true);
    }

    /// From now on, holds the answers on the open connections back. New connections get their answers.
    pub fn hold_these(&self) {
        self.state.send_modify(|state| state.held_connections = 0..state.connections.len());
    }

    /// From now on, holds the answers on new connections back.
    pub fn hold_new(&self) {
        self.state.send_modify(|state| state.held_connections = state.connections.len()..usize::MAX);
    }

    /// From now on, forwards at most this many bytes a second in each direction.
    pub fn throttle(&self, bytes_a_second: usize) {
        self.state.send_modify(|state| state.rate = Some(bytes_a_second / 20));
    }

    /// From the next message of a kind on the client gets no answer; waits until there is one to hold back.
    pub async fn hold_at(&self, kind: char) {
        self.state.send_modify(|state| state.holds_at = Some(kind));
        self.until(|state| state.holds_back).await;
    }

    /// Sends the client the answers that were held back, and all that follow.
    pub fn release(&self) {
        self.state.send_modify(|state| {
            (state.is_held, state.holds_back, state.held_connections) = (false, false, 0..0);
        });
    }

    /// From now on, the client handles each message of an answer separately, even if it reads several at once.
    pub fn deliver_in_pieces(&self) {
        self.state.send_modify(|state| state.is_piecemeal = true);
    }

    /// Cuts all open connections.
    pub async fn cut(&self) {
        let there = self.traffic().len();
        self.state.send_modify(|state| state.cuts += 1);
        self.until(|state| state.connections[..there].iter().all(|connection| connection.is_closed)).await;
    }

    /// Speaks for the server, as a pooler does: replaces the answers that are held back with an error, and ends these
    /// connections.
    pub async fn speak(&self, error: &PoolerError) {
        let there = self.traffic().len();
        self.state.send_modify(|state| state.last_words = Some(error.message()));
        self.until(|state| state.connections[..there].iter().all(|connection| connection.is_closed)).await;
        self.state.send_modify(|state| state.last_words = None);
    }

    /// From now on, refuses new connections with this error. Returns when that has happened `count` times, and accepts again.
    pub async fn refuse(&self, error: &PoolerError, count: usize) {
        self.state.send_modify(|state| (state.refusal, state.refused) = (Some(error.message()), 0));
        self.until(|state| state.refused >= count).await;
        self.state.send_modify(|state| state.refusal = None);
    }

    /// Says what becomes of new connections from now on.
    pub fn treat_newcomers(&self, newcomers: Newcomers) {
        self.state.send_modify(|state| state.newcomers = newcomers);
    }

    /// Waits until the client has sent `count` messages of a kind.
    pub async fn until_sent(&self, kind: char, count: usize) {
        let of_kind = |traffic: &Traffic| traffic.flights.iter().flat_map(|flight| flight.matches(kind)).count();
        self.until(|state| state.connections.iter().map(of_kind).sum::<usize>() >= count).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        let mut state = self.state.subscribe();
        let waiting = timeout(TEST_TIMEOUT, state.wait_for(|state| is_so(state))).await;
        waiting.expect("the proxy reaches the state").expect("the proxy is running");
    }
}

/// An error that a pooler makes itself: severity, code and text. PostgreSQL's own errors also have the field `V`.
#[derive(Debug, Clone, Copy)]
pub struct PoolerError(pub &'static str, pub &'static str, pub &'static str);

impl PoolerError {
    fn message(&self) -> Vec<u8> {
        let fields = format!("S{}\0C{}\0M{}\0\0", self.0, self.1, self.2);
        let length = u32::try_from(fields.len() + 4).expect("the text is short");
        [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat()
    }
}

/// A TCP or Unix socket.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

type Link = Box<dyn Socket>;

async fn accept(listener: TcpListener, server: tokio_postgres::Config, state: Arc<watch::Sender<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        client.set_nodelay(true).expect("the socket is open");
        let (mut place, mut cuts) = (0, 0);
        state.send_modify(|state| {
            (place, cuts) = (state.connections.len(), state.cuts);
            state.connections.push(Traffic::default());
        });
        let (server, state) = (server.clone(), state.clone());
        let newcomers = state.borrow().newcomers;
        tokio::spawn(async move {
            match newcomers {
                Newcomers::Served => {}
                Newcomers::Closed => return,
                Newcomers::Ignored => return pending(client).await,
            }
            let upstream = dial(&server).await;
            serve(Box::new(client), upstream, Side { state: state.clone(), place }, cuts).await;
            state.send_modify(|state| state.connections[place].is_closed = true);
        });
    }
}

/// Keeps a connection open without an answer.
async fn pending(_client: TcpStream) {
    std::future::pending::<()>().await;
}

async fn dial(server: &tokio_postgres::Config) -> Link {
    let port = server.get_ports().first().copied().unwrap_or(5432);
    match &server.get_hosts()[0] {
        Host::Tcp(name) => Box::new(TcpStream::connect((name.as_str(), port)).await.expect("the server is running")),
        Host::Unix(folder) => {
            Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.expect("the server is running"))
        }
    }
}

/// Where the traffic of one connection is recorded.
#[derive(Clone)]
struct Side {
    state: Arc<watch::Sender<State>>,
    place: usize,
}

impl Side {
    async fn pass(&self, to: &mut WriteHalf<Link>, bytes: &[u8]) -> std::io::Result<()> {
        let Some(rate) = self.state.borrow().rate else { return to.write_all(bytes).await };
        for piece in bytes.chunks(rate) {
            to.write_all(piece).await?;
            sleep(THROTTLE_INTERVAL).await;
        }
        Ok(())
    }
}

/// Until either end closes, or a cut. `cuts` is how many there were when the connection came: a later one also counts if the
/// server had not been reached yet.
async fn serve(client: Link, server: Link, side: Side, cuts: usize) {
    let (client_reads, client_writes) = split(client);
    let (server_reads, server_writes) = split(server);
    let mut state = side.state.subscribe();
    tokio::select! {
        () = forward(client_reads, server_writes, side.clone()) => (),
        () = answer(server_reads, client_writes, side) => (),
        _ = state.wait_for(|state| state.cuts > cuts) => (),
    }
}

async fn forward(mut client: ReadHalf<Link>, mut server: WriteHalf<Link>, side: Side) {
    let mut messages = Messages { begins: true, ..Messages::default() };
    while let Some(chunk) = read(&mut client).await {
        let kinds = messages.complete(&chunk).into_iter().map(|(kind, _)| kind);
        // Without the start-up packet and the password.
        let kinds: String = kinds.filter(|kind| !matches!(kind, '\0' | 'p')).collect();
        if !kinds.is_empty() {
            side.state.send_modify(|state| state.request(side.place, &kinds));
        }
        if side.pass(&mut server, &chunk).await.is_err() {
            return;
        }
    }
}

async fn answer(mut server: ReadHalf<Link>, mut client: WriteHalf<Link>, side: Side) {
    let (mut messages, mut state) = (Messages::default(), side.state.subscribe());
    let refusal = state.borrow().refusal.clone();
    if let Some(refusal) = refusal {
        _ = client.write_all(&refusal).await; // the client may be gone
        side.state.send_modify(|state| state.refused += 1);
        return;
    }
    while let Some(chunk) = read(&mut server).await {
        let complete = messages.complete(&chunk);
        side.state.send_if_modified(|state| {
            state.holds_back |= state.is_held;
            state.is_held
        });
        let goes_on = |state: &State| !state.is_held && !state.held_connections.contains(&side.place);
        let waiting = state.wait_for(|state| goes_on(state) || state.last_words.is_some()).await;
        let (is_piecemeal, words) =
            waiting.map_or((false, None), |state| (state.is_piecemeal, state.last_words.clone()));
        if let Some(words) = words {
            _ = client.write_all(&words).await; // the client may be gone
            return;
        }
        let sent =
            if is_piecemeal { in_pieces(&mut client, &complete).await } else { side.pass(&mut client, &chunk).await };
        if sent.is_err() {
            return;
        }
        side.state.send_modify(|state| state.connections[side.place].is_answered = true);
    }
}

/// A `ParameterStatus` message, which is allowed anywhere. tokio-postgres passes on separately what it has read before it.
const SEPARATOR: &[u8] = b"S\x00\x00\x00\x0cpiece\0x\0";

async fn in_pieces(client: &mut WriteHalf<Link>, messages: &[(char, Vec<u8>)]) -> std::io::Result<()> {
    for (_, message) in messages {
        client.write_all(message).await?;
        client.write_all(SEPARATOR).await?;
    }
    Ok(())
}

async fn read(from: &mut ReadHalf<Link>) -> Option<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let length = from.read_buf(&mut chunk).await.ok()?;
    (length > 0).then_some(chunk)
}

impl State {
    fn request(&mut self, place: usize, kinds: &str) {
        if self.holds_at.is_some_and(|kind| kinds.contains(kind)) {
            (self.is_held, self.holds_at) = (true, None);
        }
        let traffic = &mut self.connections[place];
        match traffic.flights.last_mut() {
            Some(flight) if !traffic.is_answered => flight.push_str(kinds),
            _ => traffic.flights.push(kinds.to_owned()),
        }
        traffic.is_answered = false;
    }
}

/// Assembles messages from the chunks that arrive.
#[derive(Default)]
struct Messages {
    /// Whether the next message is a start-up packet, which has no kind.
    begins: bool,
    rest: Vec<u8>,
}

impl Messages {
    /// The messages that this chunk completes, each with its kind.
    fn complete(&mut self, chunk: &[u8]) -> Vec<(char, Vec<u8>)> {
        self.rest.extend_from_slice(chunk);
        let mut messages = Vec::new();
        loop {
            let head = usize::from(!self.begins);
            let Some(length) = self.rest.get(head..head + 4) else { return messages };
            let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
            if self.rest.len() < head + length {
                return messages;
            }
            let rest = self.rest.split_off(head + length);
            let message = std::mem::replace(&mut self.rest, rest);
            messages.push((if self.begins { '\0' } else { char::from(message[0]) }, message));
            self.begins = false;
        }
    }
}
