//! What of a message is a clip. The bot and the worker store the same.

use std::path::Path;

use clip_saver_db::{Attachment, ClipAuthor, ClipMessage, MessageId, UserId};
use twilight_model::channel::{self, Message};

/// The endings of videos' names.
const VIDEO_ENDINGS: [&str; 6] = ["avi", "m4v", "mkv", "mov", "mp4", "webm"];

pub fn message_id(message: &Message) -> MessageId {
    message.id.get().into()
}

/// The message's clips; `None` if it has none.
pub fn of(message: &Message) -> Option<ClipMessage> {
    let clips = message.attachments.iter().filter(|file| is_video(&file.filename, file.content_type.as_deref()));
    let clips: Vec<_> = clips.map(attachment).collect();
    (!clips.is_empty()).then(|| ClipMessage::new(message_id(message), author(message), clips))
}

/// Discord sends the type of most files, and `application/octet-stream` for some videos. Then the file name decides.
pub fn is_video(file_name: &str, content_type: Option<&str>) -> bool {
    let ending = Path::new(file_name).extension().unwrap_or_default();
    content_type.is_some_and(|kind| kind.starts_with("video/"))
        || VIDEO_ENDINGS.iter().any(|video| ending.eq_ignore_ascii_case(video))
}

fn attachment(file: &channel::Attachment) -> Attachment {
    let pixels = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    let mut attachment = Attachment::new(file.id.get().into(), &file.filename, file.size, &file.url);
    attachment.content_type.clone_from(&file.content_type);
    attachment.duration_seconds = file.duration_secs;
    (attachment.width, attachment.height) = (pixels(file.width), pixels(file.height));
    attachment
}

/// A member's nickname is the display name in the guild. Only messages of the gateway have it.
fn author(message: &Message) -> ClipAuthor {
    let user = &message.author;
    let nickname = message.member.as_ref().and_then(|member| member.nick.clone());
    let mut author = ClipAuthor::new(UserId::from(user.id.get()), &user.name);
    author.display_name = nickname.or_else(|| user.global_name.clone());
    author.avatar = user.avatar.map(|hash| hash.to_string());
    author
}
