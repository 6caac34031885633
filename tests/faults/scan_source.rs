//! What the worker processes read instead of Discord: the messages of all channels, served on a port by the test's own process,
//! which also posts and removes messages. It notes which worker holds which claim, and who was told that it is lost.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use clip_saver_db::{Attachment, ClipAuthor, ClipMessage, MessageId, ScanClaim};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::rig::TEST_TIMEOUT;

/// The most messages of a page.
pub const PAGE: usize = 50;

/// How long a page takes, as over a network: a run lasts longer than a lease.
const LATENCY: Duration = Duration::from_millis(20);

const CLIP_URL: &str = "https://cdn.example/clip.mp4?ex=70000000";

/// The messages of all channels.
pub struct Source {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    channels: Mutex<BTreeMap<u64, BTreeSet<u64>>>,
    /// The worker of each claim, by run and token.
    claims: Mutex<HashMap<String, String>>,
    /// Claims that two workers held.
    shared_claims: Mutex<Vec<String>>,
    pages: watch::Sender<u64>,
    lost: watch::Sender<u64>,
}

impl State {
    fn channels(&self) -> MutexGuard<'_, BTreeMap<u64, BTreeSet<u64>>> {
        self.channels.lock().expect("nobody panics with the lock")
    }

    /// Answers a line of a worker: the ids of a page, or nothing.
    async fn answer(&self, line: &str) -> String {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["claimed", claim, worker] => self.claimed(claim, worker),
            ["lost"] => {
                self.lost.send_modify(|lost| *lost += 1);
                String::new()
            }
            ["after", channel, id] => {
                self.page(channel, |ids| ids.range(number(id) + 1..).take(PAGE).copied().collect()).await
            }
            ["before", channel, id] => {
                self.page(channel, |ids| ids.range(..number(id)).rev().take(PAGE).copied().collect()).await
            }
            _ => panic!("{line}: not a question"),
        }
    }

    async fn page(&self, channel: &str, choose: impl Fn(&BTreeSet<u64>) -> Vec<u64>) -> String {
        sleep(LATENCY).await;
        let ids = choose(&self.channels()[&number(channel)]);
        self.pages.send_modify(|pages| *pages += 1);
        ids.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
    }

    fn claimed(&self, claim: &str, worker: &str) -> String {
        let mut claims = self.claims.lock().expect("nobody panics with the lock");
        let holder = claims.entry(claim.to_owned()).or_insert_with(|| worker.to_owned());
        if holder != worker {
            let shared = format!("{claim} of {holder} and {worker}");
            self.shared_claims.lock().expect("nobody panics with the lock").push(shared);
        }
        String::new()
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

impl Source {
    /// Serves channels, each with this many messages.
    pub async fn start(channels: RangeInclusive<u64>, messages: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("the listener is bound").port();
        let state = Arc::new(State::default());
        let ids = |channel: u64| (1..=messages).map(|n| id(channel, n)).collect();
        *state.channels() = channels.map(|channel| (channel, ids(channel))).collect();
        tokio::spawn(accept(listener, state.clone()));
        Self { port, state }
    }

    /// Posts messages in a channel, the newest last.
    pub fn post(&self, channel: u64, count: usize) -> Vec<MessageId> {
        let mut channels = self.state.channels();
        let ids = channels.get_mut(&channel).expect("the channel is there");
        let last = ids.last().copied().unwrap_or_else(|| id(channel, 0));
        let posted: Vec<_> = (last + 1..).take(count).collect();
        ids.extend(&posted);
        posted.into_iter().map(MessageId::from).collect()
    }

    /// Some messages of a channel, at random, but never its last: an id must not come twice.
    pub fn some_of(&self, channel: u64, count: usize) -> Vec<MessageId> {
        let channels = self.state.channels();
        let ids = &channels[&channel];
        let chosen = (0..count).filter_map(|_| ids.iter().nth(rand::random_range(0..ids.len() - 1)));
        chosen.copied().map(MessageId::from).collect()
    }

    pub fn remove(&self, channel: u64, messages: &[MessageId]) {
        let mut channels = self.state.channels();
        let ids = channels.get_mut(&channel).expect("the channel is there");
        ids.retain(|id| !messages.contains(&MessageId::from(*id)));
    }

    /// The messages of each channel.
    pub fn messages(&self) -> BTreeMap<u64, BTreeSet<u64>> {
        self.state.channels().clone()
    }

    /// Waits until `more` more pages were read.
    pub async fn wait_for_pages(&self, more: u64) {
        reaches(&self.state.pages, self.pages() + more).await;
    }

    pub fn pages(&self) -> u64 {
        *self.state.pages.borrow()
    }

    /// Waits until a worker was told that its claim was lost.
    pub async fn wait_for_loss(&self) {
        reaches(&self.state.lost, 1).await;
    }

    /// How often a worker was told that its claim was lost.
    pub fn lost(&self) -> u64 {
        *self.state.lost.borrow()
    }

    /// Claims that two workers held, each with the same token.
    pub fn shared_claims(&self) -> Vec<String> {
        self.state.shared_claims.lock().expect("nobody panics with the lock").clone()
    }

    pub fn claims(&self) -> usize {
        self.state.claims.lock().expect("nobody panics with the lock").len()
    }
}

async fn reaches(count: &watch::Sender<u64>, enough: u64) {
    let mut count = count.subscribe();
    let waiting = timeout(TEST_TIMEOUT, count.wait_for(|count| *count >= enough)).await;
    waiting.expect("workers go on").expect("the source is there");
}

/// The id of a channel's n-th message.
fn id(channel: u64, n: u64) -> u64 {
    channel * 1_000_000 + n
}

/// The clips of a message: every tenth has one, every twentieth two.
pub fn clips_of(message: u64) -> Vec<u64> {
    let count = u64::from(message.is_multiple_of(10)) + u64::from(message.is_multiple_of(20));
    (0..count).map(|n| 2 * message + n).collect()
}

/// Those of the messages that hold clips.
pub fn with_clips(messages: &[MessageId]) -> Vec<ClipMessage> {
    let clip = |id: u64| Attachment::new(id.into(), "clip.mp4", 10, CLIP_URL);
    let of_message = |message: &MessageId| {
        let clips: Vec<_> = clips_of(message.get()).into_iter().map(clip).collect();
        let author = ClipAuthor::new((message.get() % 7).into(), "author");
        (!clips.is_empty()).then(|| ClipMessage::new(*message, author, clips))
    };
    messages.iter().filter_map(of_message).collect()
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(serve(client, state.clone()));
    }
}

/// Answers each line with a line, until the worker ends.
async fn serve(client: TcpStream, state: Arc<State>) {
    let (reads, mut writes) = client.into_split();
    let mut lines = BufReader::new(reads).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = state.answer(&line).await + "\n";
        if writes.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A worker's end of the source.
#[derive(Clone, Copy)]
pub struct SourceClient {
    pub port: u16,
}

impl SourceClient {
    async fn ask(self, question: String) -> Vec<MessageId> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("the test runs");
        stream.write_all((question + "\n").as_bytes()).await.expect("the test runs");
        let mut answer = String::new();
        BufReader::new(&mut stream).read_line(&mut answer).await.expect("the test runs");
        answer.split_whitespace().map(|id| number(id).into()).collect()
    }

    /// A page of the messages after one; empty at the end.
    pub async fn after(self, claim: &ScanClaim, message: Option<MessageId>) -> Vec<MessageId> {
        self.ask(format!("after {} {}", claim.channel_id, message.map_or(0, MessageId::get))).await
    }

    /// A page of the messages before one, or of the newest; empty at the beginning.
    pub async fn before(self, claim: &ScanClaim, message: Option<MessageId>) -> Vec<MessageId> {
        self.ask(format!("before {} {}", claim.channel_id, message.map_or(u64::MAX, MessageId::get))).await
    }

    /// Says that a claim was lost.
    pub async fn lost(self) {
        self.ask("lost".to_owned()).await;
    }

    /// Says which worker holds a claim.
    pub async fn claimed(self, claim: &ScanClaim, worker: &str) {
        self.ask(format!("claimed {}/{} {worker}", claim.run_id, claim.token)).await;
    }
}
