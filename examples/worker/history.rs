//! A stand-in for Discord's API: returns the messages of a file in pages, and refuses some requests as Discord does.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use clip_saver_db::{ChannelId, MessageId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use twilight_model::channel::Message;

use super::support::Failure;
use super::support::clips::message_id;

/// The most messages that Discord returns in one page.
const PAGE: usize = 100;

/// The first pause after a server error. Each further one is twice as long, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// After so many attempts a refusal counts as one for good.
const MOST_ATTEMPTS: u32 = 10;

pub struct History {
    channels: HashMap<ChannelId, Vec<Message>>,
    refusals: Mutex<HashMap<ChannelId, VecDeque<Refusal>>>,
    delay: Duration,
}

/// Where a page begins: Discord's `after` and `before`. Neither message is on the page.
#[derive(Clone, Copy)]
pub enum Place {
    /// The oldest messages after this one.
    After(MessageId),
    /// The newest messages before this one.
    Before(MessageId),
}

/// Discord's answer if it returns no messages.
#[derive(Deserialize, thiserror::Error, Debug, Clone)]
#[error("Discord answered {status}: {}", body.message)]
pub struct Refusal {
    status: u16,
    body: RefusalBody,
}

#[derive(Deserialize, Debug, Clone)]
struct RefusalBody {
    message: String,
    /// Seconds, with status 429.
    retry_after: Option<f64>,
}

impl Refusal {
    /// When to ask again. `None`: Discord refuses for good (no access, no such channel), or did it too often.
    pub fn retry_at(&self, attempt: u32) -> Option<DateTime<Utc>> {
        let pause = match self.status {
            _ if attempt >= MOST_ATTEMPTS => return None,
            429 => Duration::try_from_secs_f64(self.body.retry_after?).ok()?,
            500.. => FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt - 1)),
            _ => return None,
        };
        Some((SystemTime::now() + pause.min(LONGEST_PAUSE)).into())
    }

    fn is_temporary(&self) -> bool {
        matches!(self.status, 429 | 500..)
    }
}

impl History {
    /// `delay` is how long a request takes.
    pub fn load(messages: &Path, refusals: &Path, delay: Duration) -> Result<Self, Failure> {
        let mut channels: HashMap<_, Vec<Message>> = HashMap::new();
        for (line, number) in read(messages)?.lines().zip(1..) {
            let message: Message = parse(line, &format!("{}, line {number}", messages.display()))?;
            channels.entry(ChannelId::from(message.channel_id.get())).or_default().push(message);
        }
        for history in channels.values_mut() {
            history.sort_by_key(message_id);
        }
        let refusals = Mutex::new(parse(&read(refusals)?, &refusals.display().to_string())?);
        Ok(Self { channels, refusals, delay })
    }

    /// One page of a channel's messages; empty if nothing is there.
    pub async fn messages(&self, channel: ChannelId, place: Place) -> Result<&[Message], Refusal> {
        sleep(self.delay).await;
        if let Some(refusal) = self.refusal(channel) {
            return Err(refusal);
        }
        let history = self.channels.get(&channel).ok_or_else(unknown_channel)?;
        Ok(match place {
            Place::After(id) => {
                let rest = &history[history.partition_point(|message| message_id(message) <= id)..];
                &rest[..rest.len().min(PAGE)]
            }
            Place::Before(id) => {
                let rest = &history[..history.partition_point(|message| message_id(message) < id)];
                &rest[rest.len().saturating_sub(PAGE)..]
            }
        })
    }

    /// The channel's next refusal. One for good comes every time.
    fn refusal(&self, channel: ChannelId) -> Option<Refusal> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals = refusals.get_mut(&channel)?;
        if refusals.front()?.is_temporary() { refusals.pop_front() } else { refusals.front().cloned() }
    }
}

fn unknown_channel() -> Refusal {
    Refusal { status: 404, body: RefusalBody { message: "Unknown Channel".to_owned(), retry_after: None } }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

fn parse<T: DeserializeOwned>(json: &str, place: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| format!("{place}: {error}").into())
}
