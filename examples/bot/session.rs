//! What the gateway's present session has seen of each channel. It proves which messages the bot did not miss.

use std::cell::RefCell;
use std::collections::HashMap;

use clip_saver_db::{ChannelId, MessageId};

#[derive(Default)]
pub struct Session {
    channels: RefCell<HashMap<ChannelId, Seen>>,
}

#[derive(Default, Clone, Copy)]
struct Seen {
    /// The channel's newest message when the session began to see it.
    newest_at_start: Option<MessageId>,
    /// The last message that this session has stored, if it has stored everything since its first one.
    last: Option<MessageId>,
}

impl Session {
    /// A new session: it knows nothing of what came before it.
    pub fn restart(&self) {
        self.channels.borrow_mut().clear();
    }

    /// The session begins to see a channel.
    pub fn begin(&self, channel: ChannelId, newest: Option<MessageId>) {
        self.channels.borrow_mut().insert(channel, Seen { newest_at_start: newest, last: None });
    }

    pub fn newest_at_start(&self, channel: ChannelId) -> Option<MessageId> {
        self.channels.borrow().get(&channel)?.newest_at_start
    }

    /// The last stored message, if every message between it and this one would have come by this session.
    pub fn last_before(&self, channel: ChannelId, message: MessageId) -> Option<MessageId> {
        self.channels.borrow().get(&channel)?.last.filter(|last| *last < message)
    }

    pub fn stored(&self, channel: ChannelId, message: MessageId) {
        let mut channels = self.channels.borrow_mut();
        let seen = channels.entry(channel).or_default();
        seen.last = seen.last.max(Some(message));
    }

    /// A message may have been missed, or was not stored. The next one must not cover it.
    pub fn forget(&self, channel: ChannelId) {
        if let Some(seen) = self.channels.borrow_mut().get_mut(&channel) {
            seen.last = None;
        }
    }

    /// The same for every channel: nobody knows which one the message was in.
    pub fn forget_all(&self) {
        for seen in self.channels.borrow_mut().values_mut() {
            seen.last = None;
        }
    }
}
