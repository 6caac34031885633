//! Guilds, one by one, in batches and with their channels.

use clip_saver_db::{GuildId, GuildSnapshot, repositories as db};
use proptest::collection::vec;

use super::channels::{self, assert_stored};
use super::strategies::{channel, guild, id, is_bad, is_bad_text, is_bad_time, is_stored_as};
use super::{Subject, check_property, distinct, first, first_of};
use crate::support::{changed, channel as stored_channel, user};

fn bad(guild: &GuildSnapshot) -> Option<String> {
    first([
        ("name", is_bad_text(&guild.name)),
        ("icon", is_bad(guild.icon.as_ref())),
        ("joined_at", is_bad_time(guild.joined_at)),
    ])
}

/// The constraint that refuses a guild. Only user 1 is stored.
fn refusing_constraint(guild: &GuildSnapshot) -> Option<String> {
    let is_unknown = guild.owner_user_id.is_some_and(|owner| owner != 1.into());
    is_unknown.then(|| "bot_guilds_owner_user_id_fkey".to_owned())
}

/// Checks that of duplicates the last one is stored. A guild without `joined_at` has joined now.
async fn assert_guilds_stored(subject: &Subject, guilds: &[GuildSnapshot]) {
    for guild in guilds {
        let last = guilds.iter().rfind(|other| other.id == guild.id).expect("the guild itself");
        let stored =
            "select name, icon, owner_user_id, joined_at, last_seen_at <= now() from bot_guilds where guild_id = $1";
        let row = subject.row(stored, &[&guild.id.to_string()]).await;
        assert_eq!(row.get::<_, String>(0), last.name);
        assert_eq!(row.get::<_, Option<String>>(1), last.icon);
        assert_eq!(row.get::<_, Option<String>>(2), last.owner_user_id.map(|owner| owner.to_string()));
        assert!(last.joined_at.is_none() || is_stored_as(last.joined_at, row.get(3)));
        assert!(row.get::<_, bool>(4));
    }
}

#[test]
fn any_guild_is_stored_or_refused() {
    check_property(48, &guild(), async |subject, guild| {
        user(subject, 1).await;

        let result = subject.call(db::upsert_guild(&**subject, &guild)).await;

        let refused = bad(&guild).or_else(|| refusing_constraint(&guild));
        assert_eq!(result.err(), refused);
        if refused.is_none() {
            assert_guilds_stored(subject, &[guild]).await;
        }
    });
}

#[test]
fn any_batch_of_guilds_is_stored_or_refused_as_a_whole() {
    check_property(48, &vec(guild(), 0..8), async |subject, guilds| {
        user(subject, 1).await;

        let result = subject.call(db::upsert_guilds(&**subject, &guilds)).await;

        // Of duplicates only the last one needs its owner.
        let last =
            |guild: &&GuildSnapshot| std::ptr::eq(*guild, guilds.iter().rfind(|other| other.id == guild.id).unwrap());
        let refusing_constraint = || guilds.iter().filter(last).find_map(refusing_constraint);
        if let Some(refused) = first_of(&guilds, "guilds", bad).or_else(refusing_constraint) {
            assert_eq!(result, Err(refused));
            return;
        }
        assert_eq!(result, Ok(distinct(guilds.iter().map(|guild| guild.id))));
        assert_guilds_stored(subject, &guilds).await;
    });
}

#[test]
fn any_guild_with_any_channels_is_stored_or_refused_as_a_whole() {
    check_property(48, &(guild(), vec(channel(), 0..6)), async |subject, (guild, channels)| {
        let guild = changed!(guild, channels);

        let result = subject.call(db::sync_guild(&**subject, &guild)).await;

        if let Some(field) = bad(&guild).or_else(|| first_of(&guild.channels, "channels", channels::bad)) {
            assert_eq!(result, Err(field));
            return;
        }
        assert_eq!(result, Ok(distinct(guild.channels.iter().map(|channel| channel.id))));
        assert_guilds_stored(subject, std::slice::from_ref(&guild)).await;
        assert_stored(subject, guild.id, &guild.channels).await;
    });
}

#[test]
fn any_guild_is_found_touched_and_deleted_if_it_exists() {
    check_property(48, &(vec(id(), 0..6), vec(id(), 0..6)), async |subject, (there, asked)| {
        let there: Vec<_> = there.into_iter().map(|id| GuildSnapshot::new(id.into(), format!("guild {id}"))).collect();
        db::upsert_guilds(&**subject, &there).await.unwrap();
        if let Some(guild) = there.first() {
            stored_channel(subject, guild.id, 1).await;
        }
        let asked: Vec<GuildId> = asked.into_iter().map(Into::into).collect();
        let is_there = |id: GuildId| there.iter().any(|guild| guild.id == id);

        let mut ids: Vec<_> = there.iter().map(|guild| guild.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let all = subject.call(db::get_guilds(&**subject)).await.unwrap();
        assert_eq!(all.iter().map(|guild| guild.guild_id).collect::<Vec<_>>(), ids);
        for id in &asked {
            assert_eq!(subject.call(db::get_guild(&**subject, *id)).await.unwrap().is_some(), is_there(*id));
            assert_eq!(subject.call(db::touch_guild(&**subject, *id)).await, Ok(is_there(*id)));
        }
        let deleted = distinct(asked.iter().filter(|id| is_there(**id)));
        assert_eq!(subject.call(db::delete_guilds(&**subject, &asked)).await, Ok(deleted));
        let left = i64::try_from(distinct(ids.iter()) - deleted).unwrap();
        assert!(subject.is_true("(select count(*) from bot_guilds) = $1", &[&left]).await);
    });
}
