//! Channels: batches, counters, cursors.

use clip_saver_db::{ChannelId, ChannelSnapshot, GuildId, MessageId, Settings, repositories as db};
use proptest::collection::vec;
use proptest::prelude::*;

use super::settings::{is_storable, merged};
use super::strategies::{amount, channel, id, is_bad, text};
use super::{Subject, check_property, distinct, first, first_of};
use crate::support::{channel as stored_channel, guild, json};

pub fn bad(channel: &ChannelSnapshot) -> Option<String> {
    first([
        ("name", is_bad(channel.name.as_ref())),
        ("kind", is_bad(channel.kind.as_ref())),
        ("settings_overrides", channel.settings_overrides.as_ref().is_some_and(|overrides| !is_storable(overrides))),
    ])
}

/// Checks that of duplicates the last one is stored, with the overrides of all of them.
pub async fn assert_stored(subject: &Subject, guild: GuildId, channels: &[ChannelSnapshot]) {
    for channel in channels {
        let last = channels.iter().rfind(|other| other.id == channel.id).expect("the channel itself");
        let stored = "select guild_id, name, type, is_nsfw, settings::text from bot_channels where channel_id = $1";
        let row = subject.row(stored, &[&channel.id.to_string()]).await;
        assert_eq!(row.get::<_, String>(0), guild.to_string());
        assert_eq!(row.get::<_, Option<String>>(1), last.name);
        assert_eq!(row.get::<_, Option<String>>(2), last.kind);
        assert_eq!(row.get::<_, Option<bool>>(3), Some(last.is_nsfw));
        let overrides =
            channels.iter().filter(|other| other.id == channel.id).filter_map(|c| c.settings_overrides.as_ref());
        assert!(merged(subject, overrides, row.get(4)).await);
    }
}

#[test]
fn any_batch_of_channels_is_stored_or_refused_as_a_whole() {
    check_property(48, &(id(), vec(channel(), 0..8)), async |subject, (id, channels)| {
        guild(subject, 1).await;

        let result = subject.call(db::upsert_channels_for_guild(&**subject, id.into(), &channels)).await;

        let unknown = || (id != 1 && !channels.is_empty()).then(|| "bot_channels_guild_id_fkey".to_owned());
        if let Some(refused) = first_of(&channels, "channels", bad).or_else(unknown) {
            assert_eq!(result, Err(refused));
            return;
        }
        assert_eq!(result, Ok(distinct(channels.iter().map(|channel| channel.id))));
        assert_stored(subject, id.into(), &channels).await;
    });
}

#[test]
fn any_amount_is_added_to_the_count_or_refused() {
    let amounts = vec((amount(), any::<bool>()), 1..6);
    check_property(48, &(id(), amounts), async |subject, (id, amounts)| {
        let guild = guild(subject, 1).await;
        stored_channel(subject, guild, 1).await;
        let mut expected = 0_i64;
        for (amount, is_progress) in amounts {
            let result = if is_progress {
                subject.call(db::update_channel_progress(&**subject, id.into(), 5.into(), amount)).await
            } else {
                subject.call(db::increment_channel_message_count(&**subject, id.into(), amount)).await
            };

            match expected.checked_add(amount) {
                _ if id != 1 => assert_eq!(result, Ok(false)),
                None => assert_eq!(result, Err("22003".into())),
                Some(sum) => {
                    assert_eq!(result, Ok(true));
                    expected = sum;
                }
            }
            assert!(subject.is_true("(select message_count from bot_channels) = $1", &[&expected]).await);
            assert_eq!(subject.call(db::total_message_count(&**subject, guild)).await, Ok(expected));
        }
    });
}

#[test]
fn any_two_counts_add_up_or_are_refused() {
    check_property(48, &(amount(), amount()), async |subject, (one, other)| {
        let guild = guild(subject, 1).await;
        for (id, count) in [(1, one), (2, other)] {
            let channel = stored_channel(subject, guild, id).await;
            db::increment_channel_message_count(&**subject, channel, count).await.unwrap();
        }

        let sum = subject.call(db::total_message_count(&**subject, guild)).await;

        assert_eq!(sum, one.checked_add(other).ok_or("22003".into()));
    });
}

#[test]
fn any_cursor_is_stored_and_never_goes_back_by_progress() {
    check_property(48, &(proptest::option::of(id()), vec(id(), 0..5)), async |subject, (cursor, seen)| {
        let channel = guild_and_channel(subject).await;

        let set = subject.call(db::update_channel_cursor(&**subject, channel, cursor.map(Into::into))).await;
        let mut expected = cursor;
        assert_eq!(set, Ok(true));
        assert!(has_cursor(subject, expected).await);
        for seen in seen {
            assert_eq!(subject.call(db::update_channel_progress(&**subject, channel, seen.into(), 0)).await, Ok(true));
            expected = expected.max(Some(seen));
            assert!(has_cursor(subject, expected).await);
        }
        let read = subject.call(db::get_channel(&**subject, channel)).await.unwrap().unwrap();
        assert_eq!(read.last_message_id, expected.map(MessageId::from));
    });
}

async fn guild_and_channel(subject: &Subject) -> ChannelId {
    let guild = guild(subject, 1).await;
    stored_channel(subject, guild, 1).await
}

async fn has_cursor(subject: &Subject, cursor: Option<u64>) -> bool {
    let cursor = cursor.map(|cursor| cursor.to_string());
    subject.is_true("(select last_message_id is not distinct from $1 from bot_channels)", &[&cursor]).await
}

#[test]
fn any_stored_text_counts_as_no_cursor_unless_it_is_a_cursor() {
    let left = prop_oneof![text(), id().prop_map(|id| id.to_string())];
    check_property(48, &(left, id()), async |subject, (left, seen)| {
        let channel = guild_and_channel(subject).await;
        let leave = "update bot_channels set last_message_id = $1";
        if subject.sql.execute(leave, &[&left]).await.is_err() {
            return; // too long for the index
        }
        let cursor = left.parse::<MessageId>().ok();
        db::set_channel_reading(&**subject, channel, true).await.unwrap();

        let read = subject.call(db::get_channel(&**subject, channel)).await.unwrap().unwrap();
        let run = subject.call(db::enqueue_scan_run(&**subject, channel)).await.unwrap().unwrap();
        let run = subject.call(db::get_scan_run(&**subject, run)).await.unwrap().unwrap();
        let progress = subject.call(db::update_channel_progress(&**subject, channel, seen.into(), 0)).await;

        assert_eq!((read.last_message_id, run.after_message_id, progress), (cursor, cursor, Ok(true)));
        assert!(has_cursor(subject, cursor.map(MessageId::get).max(Some(seen))).await);
    });
}

#[test]
fn any_channel_is_found_changed_and_deleted_if_it_exists() {
    let input = (vec(id(), 0..6), vec((id(), any::<bool>()), 0..6));
    check_property(48, &input, async |subject, (there, asked)| {
        let guild = guild(subject, 1).await;
        for id in &there {
            stored_channel(subject, guild, *id).await;
        }
        let is_there = |id: ChannelId| there.contains(&id.get());
        for (id, is_reading) in asked.iter().map(|(id, is_reading)| (ChannelId::from(*id), *is_reading)) {
            assert_eq!(subject.call(db::touch_channel_activity(&**subject, id)).await, Ok(is_there(id)));
            assert_eq!(subject.call(db::set_channel_reading(&**subject, id, is_reading)).await, Ok(is_there(id)));
            let read = subject.call(db::get_channel(&**subject, id)).await.unwrap();
            assert_eq!(read.map(|channel| channel.is_reading), is_there(id).then_some(is_reading));
        }
        assert_lists(subject, guild, &there, &asked).await;
        let asked: Vec<ChannelId> = asked.into_iter().map(|(id, _)| id.into()).collect();
        let deleted = distinct(asked.iter().filter(|id| is_there(**id)));
        assert_eq!(subject.call(db::delete_channels(&**subject, &asked)).await, Ok(deleted));
    });
}

async fn assert_lists(subject: &Subject, guild: GuildId, there: &[u64], asked: &[(u64, bool)]) {
    let mut by_name = there.to_vec();
    by_name.sort_by_key(|id| format!("channel {id}"));
    by_name.dedup();
    let mut reading = by_name.clone();
    reading.retain(|id| asked.iter().rfind(|(other, _)| other == id).is_some_and(|(_, is_reading)| *is_reading));
    reading.sort_unstable();

    let all = subject.call(db::get_channels_by_guild(&**subject, guild)).await.unwrap();
    assert_eq!(all.iter().map(|channel| channel.channel_id.get()).collect::<Vec<_>>(), by_name);
    let read = subject.call(db::get_reading_channels(&**subject, guild)).await.unwrap();
    assert_eq!(read.iter().map(|channel| channel.channel_id.get()).collect::<Vec<_>>(), reading);
    let count = subject.call(db::count_channels_by_guild(&**subject, guild)).await;
    assert_eq!(count, Ok(distinct(there.iter())));
}

#[test]
fn changing_the_settings_of_any_unknown_channel_returns_none() {
    check_property(16, &id(), async |subject, id| {
        let nothing: Settings = json("{}");

        let update = subject.call(db::update_channel_settings(&**subject, id.into(), &nothing)).await;
        let set = subject.call(db::set_channel_settings(&**subject, id.into(), &nothing)).await;

        assert_eq!((update, set), (Ok(None), Ok(None)));
    });
}
