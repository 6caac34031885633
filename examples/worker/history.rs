//! A stand-in for Discord's API: returns the messages of a file in pages, and refuses some requests as Discord does.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use clip_saver_db::{ChannelId, MessageId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use twilight_model::channel::Message;

use super::support::Failure;
use super::support::clips::message_id;

/// The most messages that Discord returns in one page.
const PAGE: usize = 100;

/// The first pause after a server error. Each further one in a row is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// So many server errors in a row count as a refusal for good. It takes two minutes.
const MOST_SERVER_ERRORS: u32 = 10;

/// The pause after a rate limit that does not say how long it lasts.
const UNKNOWN_PAUSE: Duration = Duration::from_mins(1);

/// A worker does something else while a rate limit lasts longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

pub struct History {
    channels: HashMap<ChannelId, Vec<Message>>,
    /// `null` is a request that is not refused.
    refusals: Mutex<HashMap<ChannelId, VecDeque<Option<Refusal>>>>,
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
    /// How long to wait before the same request is sent again. `None`: not worth waiting.
    pub fn pause(&self, server_errors_in_a_row: u32) -> Option<Duration> {
        match self.status {
            429 => Some(self.rate_limit()).filter(|pause| *pause <= LONGEST_WAIT),
            500.. if server_errors_in_a_row < MOST_SERVER_ERRORS => {
                Some(FIRST_PAUSE * 2_u32.pow(server_errors_in_a_row.saturating_sub(1)))
            }
            _ => None,
        }
    }

    /// When the run is to be claimed again. `None`: Discord refuses for good (no access, unknown channel, many server errors).
    ///
    /// The time is by this machine's clock, and PostgreSQL compares it with its own. If this clock is behind, the run comes back
    /// too early, and is refused once more.
    pub fn retry_at(&self) -> Option<DateTime<Utc>> {
        let pause = (self.status == 429).then(|| self.rate_limit())?;
        DateTime::<Utc>::from(SystemTime::now()).checked_add_signed(TimeDelta::from_std(pause).ok()?)
    }

    pub fn is_server_error(&self) -> bool {
        self.status >= 500
    }

    fn is_temporary(&self) -> bool {
        self.status == 429 || self.is_server_error()
    }

    fn rate_limit(&self) -> Duration {
        let pause = self.body.retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        pause.unwrap_or(UNKNOWN_PAUSE)
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

    /// The refusal of the channel's next request. One for good comes every time.
    fn refusal(&self, channel: ChannelId) -> Option<Refusal> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals = refusals.get_mut(&channel)?;
        match refusals.front()? {
            Some(refusal) if !refusal.is_temporary() => Some(refusal.clone()),
            _ => refusals.pop_front()?,
        }
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
