//! Storing the clips of a page without coverage, claim and counters, as one would write it by hand: only inserts. A page may come
//! again, so they skip what is stored.

use chrono::{DateTime, Utc};
use clip_saver_db::{Attachment, ClipMessage, ScanPage};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use crate::database::connect;

const CLIPS: &str = "
insert into bot_clips (attachment_id, message_id, channel_id, guild_id, author_id, file_name, size, url, url_expires_at)
select p.attachment_id, p.message_id, $1, $2, p.author_id, p.file_name, p.size, p.url, p.url_expires_at
from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::text[], $9::timestamptz[])
  as p (message_id, author_id, attachment_id, file_name, size, url, url_expires_at)
on conflict do nothing";

/// The same with the rows of the messages and of the authors ($10: their names).
const ALL: &str = "
with messages as (
  insert into bot_clip_messages (message_id, channel_id, author_id, created_at)
  select p.message_id, $1, p.author_id, to_timestamp(((p.message_id >> 22) + 1420070400000) / 1000.0)
  from unnest($3::bigint[], $4::bigint[]) as p (message_id, author_id)
  on conflict do nothing
),
authors as (
  insert into bot_authors (guild_id, user_id, name)
  select distinct on (p.user_id) $2, p.user_id, p.name
  from unnest($4::bigint[], $10::text[]) as p (user_id, name)
  on conflict do nothing
)";

/// What is inserted.
#[derive(Clone, Copy)]
pub enum Rows {
    Clips,
    All,
}

/// A connection with prepared statements.
pub struct ByHand {
    client: Client,
    clips: Statement,
    all: Statement,
}

impl ByHand {
    pub async fn prepare(url: &str) -> Self {
        let client = connect(url).await;
        let clips = client.prepare(CLIPS).await.expect("the statement is right");
        let all = client.prepare(&format!("{ALL}{CLIPS}")).await.expect("the statement is right");
        Self { client, clips, all }
    }

    /// Inserts what a page of guild 1000 holds.
    pub async fn insert(&self, channel: u64, page: &ScanPage, rows: Rows) {
        let (channel, guild) = (channel.to_string(), "1000");
        let of =
            |number: fn(&ClipMessage) -> u64| page.clips.iter().map(number).map(u64::cast_signed).collect::<Vec<_>>();
        let attachments: Vec<&Attachment> = page.clips.iter().flat_map(|clip| &clip.attachments).collect();
        let messages = of(|clip| clip.id.get());
        let authors = of(|clip| clip.author.id.get());
        let ids: Vec<i64> = attachments.iter().map(|clip| clip.id.get().cast_signed()).collect();
        let names: Vec<&str> = attachments.iter().map(|clip| clip.file_name.as_str()).collect();
        let sizes: Vec<i64> = attachments.iter().map(|clip| clip.size.cast_signed()).collect();
        let urls: Vec<&str> = attachments.iter().map(|clip| clip.url.as_str()).collect();
        let expiries: Vec<Option<DateTime<Utc>>> = attachments.iter().map(|clip| clip.url_expires_at()).collect();
        let author_names: Vec<&str> = page.clips.iter().map(|clip| clip.author.name.as_str()).collect();
        let params: [&(dyn ToSql + Sync); 10] =
            [&channel, &guild, &messages, &authors, &ids, &names, &sizes, &urls, &expiries, &author_names];
        let inserted = match rows {
            Rows::Clips => self.client.execute(&self.clips, &params[..9]).await,
            Rows::All => self.client.execute(&self.all, &params).await,
        };
        assert_eq!(inserted.expect("the rows are new"), page.clips.len() as u64);
    }
}
