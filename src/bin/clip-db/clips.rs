//! `clip-db clips`

use chrono::SubsecRound as _;
use clip_saver_db::{Clip, ClipFilter, Db, repositories};
use serde_json::{Value, json};

use crate::arguments::ClipList;
use crate::exit::{Exit, Failure};
use crate::output::{Output, table};

pub async fn list(db: &Db, wanted: &ClipList, output: &mut Output) -> Result<Exit, Failure> {
    let mut filter = ClipFilter::new(wanted.guild);
    (filter.channel_id, filter.author_id) = (wanted.channel, wanted.author);
    (filter.since, filter.until) = (wanted.since, wanted.until);
    let clips = repositories::get_clips(db, &filter, None, wanted.limit).await?.clips;
    let total = repositories::count_clips(db, &filter).await?;
    if wanted.json {
        let clips: Vec<Value> = clips.iter().map(object).collect();
        output.line(json!({ "clips": clips, "total": total }));
        return Ok(Exit::Fine);
    }
    let mut table = table(&["clip", "posted", "channel", "author", "file", "bytes", "link expires"]);
    for clip in &clips {
        table.add_row(cells(clip));
    }
    output.line(table);
    output.line(format_args!("{} of {total} clips", clips.len()));
    Ok(Exit::Fine)
}

fn cells(clip: &Clip) -> [String; 7] {
    let author = &clip.author;
    let name = author.display_name.as_ref().unwrap_or(&author.name);
    let expires = clip.url_expires_at.map(|time| time.to_string());
    [
        clip.id.to_string(),
        clip.message_id.created_at().trunc_subsecs(0).to_string(),
        clip.channel_id.to_string(),
        if name.is_empty() { author.id.to_string() } else { name.clone() },
        clip.file_name.clone(),
        clip.size.to_string(),
        expires.unwrap_or_else(|| "unknown".to_owned()),
    ]
}

fn object(clip: &Clip) -> Value {
    json!({
        "id": clip.id,
        "message_id": clip.message_id,
        "channel_id": clip.channel_id,
        "guild_id": clip.guild_id,
        "author_id": clip.author.id,
        "author_name": clip.author.name,
        "posted_at": clip.message_id.created_at().to_rfc3339(),
        "file_name": clip.file_name,
        "content_type": clip.content_type,
        "size": clip.size,
        "duration_seconds": clip.duration_seconds,
        "width": clip.width,
        "height": clip.height,
        "url": clip.url,
        "url_expires_at": clip.url_expires_at.map(|time| time.to_rfc3339()),
        "first_seen_at": clip.first_seen_at.to_rfc3339(),
    })
}
