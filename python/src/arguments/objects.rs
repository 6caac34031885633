//! Arguments that are objects: they are read by their attributes, whatever their class.

use clip_saver_db::{
    Attachment, ChannelSnapshot, ClipAuthor, ClipKey, ClipMessage, GuildSnapshot, MessageInterval, ScanClaim, ScanPage,
    UserSnapshot,
};
use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::{
    Place, Value, boolean, each, id, ids, integer, optional, optional_float, optional_id, optional_integer,
    optional_settings, optional_text, optional_time, run_id, size, text,
};

/// Reads an attribute.
fn field<'py, T>(
    place: Place<'_>,
    value: Value<'_, 'py>,
    (name, attribute): (&str, &Bound<'py, PyString>),
    read: impl FnOnce(Place<'_>, Value<'_, 'py>) -> PyResult<T>,
) -> PyResult<T> {
    let found = value.getattr(attribute).map_err(|error| {
        if error.is_instance_of::<PyAttributeError>(value.py()) {
            let reason = format!("must have an attribute `{name}`: {}", error.value(value.py()));
            place.wrong_type_because(error, value, &reason)
        } else {
            error
        }
    })?;
    place.in_field(name, |place| read(place, &found))
}

/// Makes a function that reads an object by its attributes.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident($place:ident, $value:ident) -> $type:ty {
        $($field:ident $(= $attribute:literal)?: $read:expr,)+
    } => $make:expr) => {
        $(#[$doc])*
        pub fn $name($place: Place<'_>, $value: Value<'_, '_>) -> PyResult<$type> {
            $(
                let name = object!(@name $field $($attribute)?);
                let $field = field($place, $value, (name, intern!($value.py(), object!(@name $field $($attribute)?))), $read)?;
            )+
            Ok($make)
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $attribute:literal) => { $attribute };
}

pub fn guild(place: Place<'_>, value: Value<'_, '_>) -> PyResult<GuildSnapshot> {
    let mut guild = guild_alone(place, value)?;
    guild.channels = field(place, value, ("channels", intern!(value.py(), "channels")), channels)?;
    Ok(guild)
}

object! {
    /// Without its channels, which `upsert_guilds` does not write.
    guild_alone(place, value) -> GuildSnapshot {
        id: id, name: text, icon: optional_text, owner_user_id: optional_id, joined_at: optional_time,
    } => {
        let mut guild = GuildSnapshot::new(id, name);
        (guild.icon, guild.owner_user_id, guild.joined_at) = (icon, owner_user_id, joined_at);
        guild
    }
}

object! {
    channel(place, value) -> ChannelSnapshot {
        id: id, name: optional_text, kind = "type": optional_text, is_nsfw: boolean, settings_overrides: optional_settings,
    } => {
        let mut channel = ChannelSnapshot::new(id, "", "");
        (channel.name, channel.kind) = (name, kind);
        (channel.is_nsfw, channel.settings_overrides) = (is_nsfw, settings_overrides);
        channel
    }
}

object! {
    user(place, value) -> UserSnapshot {
        id: id, username: optional_text, global_name: optional_text, avatar: optional_text, last_login_at: optional_time,
    } => {
        let mut user = UserSnapshot::new(id, "");
        (user.username, user.global_name, user.avatar, user.last_login_at) = (username, global_name, avatar, last_login_at);
        user
    }
}

object! {
    /// What `claim_scan_runs` returned.
    claim(place, value) -> ScanClaim {
        run_id: run_id, token: integer, channel_id: id, guild_id: id, after: optional_id, before: optional_id, attempt: integer,
    } => {
        let mut claim = ScanClaim::new(run_id, token, channel_id, guild_id);
        (claim.after, claim.before, claim.attempt) = (after, before, attempt);
        claim
    }
}

object! {
    interval(place, value) -> MessageInterval { first: id, last: id, } => {
        MessageInterval::new(first, last)
    }
}

object! {
    page(place, value) -> ScanPage { covered: interval, messages: ids, clips: clip_messages, } => {
        ScanPage::new(covered, messages).with_clips(clips)
    }
}

object! {
    clip_message(place, value) -> ClipMessage {
        id: id, author: author, attachments: attachments,
    } => ClipMessage::new(id, author, attachments)
}

object! {
    author(place, value) -> ClipAuthor {
        id: id, name: text, display_name: optional_text, avatar: optional_text,
    } => {
        let mut author = ClipAuthor::new(id, name);
        (author.display_name, author.avatar) = (display_name, avatar);
        author
    }
}

object! {
    attachment(place, value) -> Attachment {
        id: id, file_name: text, content_type: optional_text, size: size, duration_seconds: optional_float,
        width: optional_integer, height: optional_integer, url: text,
    } => {
        let mut attachment = Attachment::new(id, file_name, size, url);
        (attachment.content_type, attachment.duration_seconds) = (content_type, duration_seconds);
        (attachment.width, attachment.height) = (width, height);
        attachment
    }
}

object! {
    clip_key(place, value) -> ClipKey { message_id: id, attachment_id: id, } => {
        ClipKey { message_id, attachment_id }
    }
}

pub fn optional_clip_key(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Option<ClipKey>> {
    optional(place, value, clip_key)
}

pub fn guilds(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<GuildSnapshot>> {
    each(place, value, "GuildSnapshots", guild_alone)
}

pub fn channels(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<ChannelSnapshot>> {
    each(place, value, "ChannelSnapshots", channel)
}

pub fn users(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<UserSnapshot>> {
    each(place, value, "UserSnapshots", user)
}

pub fn claims(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<ScanClaim>> {
    each(place, value, "ScanClaims", claim)
}

fn clip_messages(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<ClipMessage>> {
    each(place, value, "ClipMessages", clip_message)
}

fn attachments(place: Place<'_>, value: Value<'_, '_>) -> PyResult<Vec<Attachment>> {
    each(place, value, "Attachments", attachment)
}
