//! A stand-in for Discord's API: returns the messages of a file in pages.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use clip_saver_db::{ChannelId, MessageId, ScanIncrement};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::support::Failure;

/// The most messages that Discord returns in one page.
const PAGE: usize = 100;

pub struct History {
    channels: HashMap<ChannelId, Vec<Message>>,
    errors: HashMap<ChannelId, ApiError>,
}

#[derive(Deserialize)]
pub struct Message {
    pub id: MessageId,
    channel_id: ChannelId,
    attachments: Vec<Attachment>,
}

#[derive(Deserialize)]
struct Attachment {
    filename: String,
    content_type: Option<String>,
}

/// Discord's answer if it refuses to return messages.
#[derive(Deserialize, thiserror::Error, Debug)]
#[error("403 Forbidden (error code: {code}): {message}")]
pub struct ApiError {
    code: u32,
    message: String,
}

impl History {
    pub fn load(messages: &Path, errors: &Path) -> Result<Self, Failure> {
        let mut channels: HashMap<_, Vec<Message>> = HashMap::new();
        for (line, number) in read(messages)?.lines().zip(1..) {
            let message: Message = parse(line, &format!("{}, line {number}", messages.display()))?;
            channels.entry(message.channel_id).or_default().push(message);
        }
        for history in channels.values_mut() {
            history.sort_by_key(|message| message.id);
        }
        Ok(Self { channels, errors: parse(&read(errors)?, &errors.display().to_string())? })
    }

    pub fn len(&self) -> usize {
        self.channels.values().map(Vec::len).sum()
    }

    /// The number of a channel's messages up to a cursor.
    pub fn passed(&self, channel: ChannelId, cursor: Option<MessageId>) -> usize {
        let history = self.channels.get(&channel).map_or(&[][..], Vec::as_slice);
        history.partition_point(|message| Some(message.id) <= cursor)
    }

    /// One page of the oldest messages after the cursor; empty at the end.
    pub fn page(&self, channel: ChannelId, after: Option<MessageId>) -> Result<&[Message], &ApiError> {
        if let Some(error) = self.errors.get(&channel) {
            return Err(error);
        }
        let history = self.channels.get(&channel).map_or(&[][..], Vec::as_slice);
        let rest = &history[self.passed(channel, after)..];
        Ok(&rest[..rest.len().min(PAGE)])
    }
}

/// What a page adds to a scan run.
pub fn count(page: &[Message]) -> ScanIncrement {
    let clips = page.iter().filter(|message| message.attachments.iter().any(Attachment::is_video)).count();
    ScanIncrement::scanned(number(page.len())).with_matched(number(clips))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Attachment {
    /// Discord sends the type of most files. For the others the file name decides.
    fn is_video(&self) -> bool {
        let extension = Path::new(&self.filename).extension().unwrap_or_default();
        self.content_type.as_deref().map_or_else(
            || ["mp4", "webm", "mov"].iter().any(|video| extension.eq_ignore_ascii_case(video)),
            |kind| kind.starts_with("video/"),
        )
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

fn parse<T: DeserializeOwned>(json: &str, place: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| format!("{place}: {error}").into())
}
