//! Batches of more than 10,000 rows, in any order, with any duplicates. As in small batches, the last duplicate is stored,
//! and one bad row refuses the whole batch.

use crate::support::changed;
use std::collections::BTreeMap;

use clip_saver_db::{ChannelId, ChannelSnapshot, GuildSnapshot, UserSnapshot, repositories as db};
use proptest::prelude::*;

use super::{Subject, check_property};

/// Ids in random order, a few of them twice.
fn ids() -> impl Strategy<Value = Vec<u64>> {
    (10_001..21_000_u64, any::<u64>())
        .prop_map(|(count, seed)| (0..count).map(|n| (n.wrapping_mul(seed | 1) >> 3) % (count * 8)).collect())
}

/// The index of the last row of each id.
fn last_rows(ids: &[u64]) -> BTreeMap<u64, usize> {
    ids.iter().enumerate().map(|(place, id)| (*id, place)).collect()
}

async fn assert_names(subject: &Subject, (table, key, name): (&str, &str, &str), ids: &[u64]) {
    let last_rows = last_rows(ids);
    let expected: Vec<_> = last_rows.keys().map(u64::to_string).collect();
    let places: Vec<_> = last_rows.values().map(usize::to_string).collect();
    let condition = format!(
        "(select count(*) = (select count(*) from {table}) from {table}
          join unnest($1::text[], $2::text[]) as t (key, place) on {key} = t.key and {name} = t.place)"
    );
    assert!(subject.is_true(&condition, &[&expected, &places]).await);
    assert!(
        subject
            .is_true(&format!("(select count(*) from {table}) = $1"), &[&i64::try_from(last_rows.len()).unwrap()])
            .await
    );
}

#[test]
fn any_large_batch_of_users_is_stored_or_refused_as_a_whole() {
    check_property(2, &(ids(), any::<prop::sample::Index>()), async |subject, (ids, bad)| {
        let mut batch: Vec<_> =
            ids.iter().enumerate().map(|(place, id)| UserSnapshot::new((*id).into(), place.to_string())).collect();
        let written = u64::try_from(last_rows(&ids).len()).unwrap();

        assert_eq!(subject.call(db::upsert_users(&**subject, &batch)).await, Ok(written));

        assert_names(subject, ("users", "discord_user_id", "username"), &ids).await;
        let place = bad.index(batch.len());
        batch[place].avatar = Some("\0".into());
        assert_eq!(subject.call(db::upsert_users(&**subject, &batch)).await, Err(format!("users[{place}].avatar")));
    });
}

#[test]
fn any_large_batch_of_guilds_is_stored_or_refused_as_a_whole() {
    check_property(2, &(ids(), any::<prop::sample::Index>()), async |subject, (ids, bad)| {
        let mut batch: Vec<_> =
            ids.iter().enumerate().map(|(place, id)| GuildSnapshot::new((*id).into(), place.to_string())).collect();
        let written = u64::try_from(last_rows(&ids).len()).unwrap();

        assert_eq!(subject.call(db::upsert_guilds(&**subject, &batch)).await, Ok(written));

        assert_names(subject, ("bot_guilds", "guild_id", "name"), &ids).await;
        // The bad row may be in a later part. Then the transaction undoes the earlier parts.
        let place = *last_rows(&ids).values().nth(bad.index(last_rows(&ids).len())).unwrap();
        for guild in &mut batch {
            guild.name.push('!');
        }
        batch[place].owner_user_id = Some(7.into());
        let refused = subject.call(db::upsert_guilds(&**subject, &batch)).await;
        assert_eq!(refused, Err("bot_guilds_owner_user_id_fkey".into()));
    });
}

#[test]
fn any_large_batch_of_channels_is_stored_and_deleted() {
    check_property(2, &ids(), async |subject, ids| {
        let named = |(place, id): (usize, &u64)| ChannelSnapshot::new((*id).into(), place.to_string(), "text");
        let channels = ids.iter().enumerate().map(named).collect();
        let guild = changed!(GuildSnapshot::new(1.into(), "x"), channels);
        let written = u64::try_from(last_rows(&ids).len()).unwrap();

        assert_eq!(subject.call(db::sync_guild(&**subject, &guild)).await, Ok(written));

        assert_names(subject, ("bot_channels", "channel_id", "name"), &ids).await;
        let again = db::upsert_channels_for_guild(&**subject, guild.id, &guild.channels);
        assert_eq!(subject.call(again).await, Ok(written));
        let ids: Vec<ChannelId> = ids.into_iter().map(Into::into).collect();
        assert_eq!(subject.call(db::delete_channels(&**subject, &ids)).await, Ok(written));
    });
}
