//! Batches of more than 10,000 rows, in any order, with any duplicates: as of small ones the last duplicate is stored, and
//! one bad row keeps out all others.

use crate::support::changed;
use std::collections::BTreeMap;

use clip_saver_db::{ChannelId, ChannelSnapshot, GuildSnapshot, UserSnapshot, repositories as db};
use proptest::prelude::*;

use super::{Subject, holds};

/// Ids in an order that a number decides, a few of them twice.
fn ids() -> impl Strategy<Value = Vec<u64>> {
    (10_001..21_000_u64, any::<u64>())
        .prop_map(|(count, seed)| (0..count).map(|n| (n.wrapping_mul(seed | 1) >> 3) % (count * 8)).collect())
}

/// The place of the last row of each id.
fn last(ids: &[u64]) -> BTreeMap<u64, usize> {
    ids.iter().enumerate().map(|(place, id)| (*id, place)).collect()
}

async fn names_are(subject: &Subject, (table, key, name): (&str, &str, &str), ids: &[u64]) {
    let last = last(ids);
    let expected: Vec<_> = last.keys().map(u64::to_string).collect();
    let places: Vec<_> = last.values().map(usize::to_string).collect();
    let condition = format!(
        "(select count(*) = (select count(*) from {table}) from {table}
          join unnest($1::text[], $2::text[]) as t (key, place) on {key} = t.key and {name} = t.place)"
    );
    assert!(subject.says(&condition, &[&expected, &places]).await);
    assert!(
        subject.says(&format!("(select count(*) from {table}) = $1"), &[&i64::try_from(last.len()).unwrap()]).await
    );
}

#[test]
fn a_large_batch_of_users_in_any_order() {
    holds(2, &(ids(), any::<prop::sample::Index>()), async |subject, (ids, bad)| {
        let mut batch: Vec<_> =
            ids.iter().enumerate().map(|(place, id)| UserSnapshot::new((*id).into(), place.to_string())).collect();
        let written = u64::try_from(last(&ids).len()).unwrap();

        assert_eq!(subject.call(db::upsert_users(&**subject, &batch)).await, Ok(written));

        names_are(subject, ("users", "discord_user_id", "username"), &ids).await;
        let place = bad.index(batch.len());
        batch[place].avatar = Some("\0".into());
        assert_eq!(subject.call(db::upsert_users(&**subject, &batch)).await, Err(format!("users[{place}].avatar")));
    });
}

#[test]
fn a_large_batch_of_guilds_in_any_order() {
    holds(2, &(ids(), any::<prop::sample::Index>()), async |subject, (ids, bad)| {
        let mut batch: Vec<_> =
            ids.iter().enumerate().map(|(place, id)| GuildSnapshot::new((*id).into(), place.to_string())).collect();
        let written = u64::try_from(last(&ids).len()).unwrap();

        assert_eq!(subject.call(db::upsert_guilds(&**subject, &batch)).await, Ok(written));

        names_are(subject, ("bot_guilds", "guild_id", "name"), &ids).await;
        // In another part than the first ones perhaps: their transaction takes them back.
        let place = *last(&ids).values().nth(bad.index(last(&ids).len())).unwrap();
        for guild in &mut batch {
            guild.name.push('!');
        }
        batch[place].owner_user_id = Some(7.into());
        let refused = subject.call(db::upsert_guilds(&**subject, &batch)).await;
        assert_eq!(refused, Err("bot_guilds_owner_user_id_fkey".into()));
    });
}

#[test]
fn a_large_batch_of_channels_in_any_order() {
    holds(2, &ids(), async |subject, ids| {
        let named = |(place, id): (usize, &u64)| ChannelSnapshot::new((*id).into(), place.to_string(), "text");
        let channels = ids.iter().enumerate().map(named).collect();
        let guild = changed!(GuildSnapshot::new(1.into(), "x"), channels);
        let written = u64::try_from(last(&ids).len()).unwrap();

        assert_eq!(subject.call(db::sync_guild(&**subject, &guild)).await, Ok(written));

        names_are(subject, ("bot_channels", "channel_id", "name"), &ids).await;
        let again = db::upsert_channels_for_guild(&**subject, guild.id, &guild.channels);
        assert_eq!(subject.call(again).await, Ok(written));
        let ids: Vec<ChannelId> = ids.into_iter().map(Into::into).collect();
        assert_eq!(subject.call(db::delete_channels(&**subject, &ids)).await, Ok(written));
    });
}
