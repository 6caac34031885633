//! A proxy between the crate and the server: it tells what was sent, and in how many flights, and it holds answers back,
//! delivers them in pieces, throttles and cuts connections on command.

use std::sync::Arc;
use std::time::Duration;

use clip_saver_db::{Config, Db};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::Host;

use crate::support::races::PATIENCE;
use crate::support::url_of;

/// The most that is read at once: more than a flight is long.
const CHUNK: usize = 1 << 18;

/// How often a throttled connection passes some bytes on.
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
    /// The first so many connections get no answer.
    held_connections: usize,
    /// How many bytes go through in each direction in [`THROTTLE_INTERVAL`].
    rate: Option<usize>,
    holds_at: Option<char>,
    holds_back: bool,
    is_piecemeal: bool,
    cuts: usize,
}

/// What went over one connection, but for what connecting takes.
#[derive(Default, Clone)]
pub struct Traffic {
    /// What the client sent before it got some more of an answer, one letter a message: `PDS` prepares a statement, `BES`
    /// runs a prepared one.
    pub flights: Vec<String>,
    /// Whether the server has spoken since the client did.
    is_answered: bool,
    is_closed: bool,
}

impl Proxy {
    /// A way to a database of the server that all tests share.
    pub async fn to(database: &str) -> Self {
        let server: tokio_postgres::Config = url_of(database).parse().expect("the URL is valid");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let user = utf8_percent_encode(server.get_user().unwrap_or("postgres"), NON_ALPHANUMERIC);
        let password = String::from_utf8_lossy(server.get_password().unwrap_or_default());
        let password = utf8_percent_encode(&password, NON_ALPHANUMERIC);
        let url = format!("postgresql://{user}:{password}@127.0.0.1:{port}/{database}?sslmode=disable");
        let state = Arc::new(watch::Sender::new(State::default()));
        tokio::spawn(accept(listener, server, state.clone()));
        Self { url, state }
    }

    /// A pool of so many connections that go through here; what connecting takes does not count.
    pub async fn pool(&self, pool_max: usize) -> Db {
        let mut config = self.config();
        config.pool_max = pool_max;
        let db = Db::connect(config).await.expect("the database is there");
        self.forget();
        db
    }

    /// The URL that leads through here.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The configuration that leads through here.
    pub fn config(&self) -> Config {
        self.url.parse().expect("the URL is valid")
    }

    /// What went over each connection that was ever made.
    pub fn traffic(&self) -> Vec<Traffic> {
        self.state.borrow().connections.clone()
    }

    /// The flights of all connections together.
    pub fn flights(&self) -> Vec<String> {
        self.traffic().into_iter().flat_map(|connection| connection.flights).collect()
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        self.state.send_modify(|state| {
            state.connections.iter_mut().for_each(|connection| connection.flights.clear());
        });
    }

    /// From now on the client gets no answer.
    pub fn hold(&self) {
        self.state.send_modify(|state| state.is_held = true);
    }

    /// From now on the client gets no answer on the connections that are there. New ones are as before.
    pub fn hold_these(&self) {
        self.state.send_modify(|state| state.held_connections = state.connections.len());
    }

    /// From now on so many bytes a second go through in each direction.
    pub fn throttle(&self, bytes_a_second: usize) {
        self.state.send_modify(|state| state.rate = Some(bytes_a_second / 20));
    }

    /// From the next message of a kind on the client gets no answer; waits until there is one to hold back.
    pub async fn hold_at(&self, kind: char) {
        self.state.send_modify(|state| state.holds_at = Some(kind));
        self.until(|state| state.holds_back).await;
    }

    /// The client gets what was held back, and all that follows.
    pub fn release(&self) {
        self.state.send_modify(|state| {
            (state.is_held, state.holds_back, state.held_connections) = (false, false, 0);
        });
    }

    /// From now on the client takes each message of an answer by itself, however many of them it reads at once.
    pub fn deliver_in_pieces(&self) {
        self.state.send_modify(|state| state.is_piecemeal = true);
    }

    /// Cuts the connections that are there.
    pub async fn cut(&self) {
        let there = self.traffic().len();
        self.state.send_modify(|state| state.cuts += 1);
        self.until(|state| state.connections[..there].iter().all(|connection| connection.is_closed)).await;
    }

    /// Waits until so many messages of a kind have been sent.
    pub async fn until_sent(&self, kind: char, count: usize) {
        let of_kind = |traffic: &Traffic| traffic.flights.iter().flat_map(|flight| flight.matches(kind)).count();
        self.until(|state| state.connections.iter().map(of_kind).sum::<usize>() >= count).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        let mut state = self.state.subscribe();
        let waiting = timeout(PATIENCE, state.wait_for(|state| is_so(state))).await;
        waiting.expect("what is waited for comes").expect("the proxy lives");
    }
}

/// A socket of either kind.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

type Link = Box<dyn Socket>;

async fn accept(listener: TcpListener, server: tokio_postgres::Config, state: Arc<watch::Sender<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        client.set_nodelay(true).expect("the socket is open");
        let mut place = 0;
        state.send_modify(|state| {
            place = state.connections.len();
            state.connections.push(Traffic::default());
        });
        let (server, state) = (server.clone(), state.clone());
        tokio::spawn(async move {
            let upstream = dial(&server).await;
            serve(Box::new(client), upstream, Side { state: state.clone(), place }).await;
            state.send_modify(|state| state.connections[place].is_closed = true);
        });
    }
}

async fn dial(server: &tokio_postgres::Config) -> Link {
    let port = server.get_ports().first().copied().unwrap_or(5432);
    match &server.get_hosts()[0] {
        Host::Tcp(name) => Box::new(TcpStream::connect((name.as_str(), port)).await.expect("the server is there")),
        Host::Unix(folder) => {
            Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.expect("the server is there"))
        }
    }
}

/// Where a connection's traffic is written down.
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

/// Until either end closes, or a cut.
async fn serve(client: Link, server: Link, side: Side) {
    let (client_reads, client_writes) = split(client);
    let (server_reads, server_writes) = split(server);
    let mut state = side.state.subscribe();
    let cuts = state.borrow().cuts;
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
        // Neither the start-up packet nor a password.
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
    while let Some(chunk) = read(&mut server).await {
        let complete = messages.complete(&chunk);
        side.state.send_if_modified(|state| {
            state.holds_back |= state.is_held;
            state.is_held
        });
        let goes_on = |state: &State| !state.is_held && side.place >= state.held_connections;
        let is_piecemeal = state.wait_for(goes_on).await.is_ok_and(|state| state.is_piecemeal);
        let sent =
            if is_piecemeal { in_pieces(&mut client, &complete).await } else { side.pass(&mut client, &chunk).await };
        if sent.is_err() {
            return;
        }
        side.state.send_modify(|state| state.connections[side.place].is_answered = true);
    }
}

/// A parameter's status, which may stand anywhere: tokio-postgres hands what it has read before it over by itself.
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

/// Puts messages together from what comes.
#[derive(Default)]
struct Messages {
    /// Whether the next one is a start-up packet, which has no kind.
    begins: bool,
    rest: Vec<u8>,
}

impl Messages {
    /// The messages that are complete with this chunk, by their kinds.
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
