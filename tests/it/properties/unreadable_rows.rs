//! Rows with any text for an id: a list returns the row, or leaves it out and it is reported.

use clip_saver_db::{ChannelId, repositories as db};
use proptest::prelude::*;

use super::{Subject, check_property};
use crate::support::guild;

/// Texts that are snowflakes, nearly so, or anything else that PostgreSQL stores.
fn stored_id() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,21}",
        "1844674407370955[0-9]{4}",
        "[ +-]?[0-9]{0,3}[\\n a]?",
        any::<String>().prop_map(|text| text.replace('\0', ""))
    ]
}

async fn store(subject: &Subject, id: &str) {
    guild(subject, 1001).await;
    let insert = "insert into bot_channels (channel_id, guild_id) values ($1, '1001')";
    subject.sql.execute(insert, &[&id]).await.expect("the text can be stored");
}

#[test]
fn any_stored_id_is_listed_or_reported_as_unreadable() {
    check_property(128, &(stored_id(), any::<u32>()), async |subject, (id, limit)| {
        store(subject, &id).await;

        let listed = subject.call(db::get_channels_by_guild(&**subject, 1001.into())).await.unwrap();
        let reported = subject.call(db::get_unreadable_rows(&**subject, limit.max(1))).await.unwrap();

        let listed: Vec<_> = listed.iter().map(|channel| channel.channel_id).collect();
        let reported: Vec<_> = reported.iter().map(|row| (row.column.as_str(), row.key.as_str())).collect();
        match id.parse::<ChannelId>() {
            Ok(good) => assert_eq!((listed, reported), (vec![good], vec![])),
            Err(_) => assert_eq!((listed, reported), (vec![], vec![("channel_id", id.as_str())])),
        }
    });
}
