//! SQL in place of a text: it is stored unchanged and never runs.

use std::time::Duration;

use clip_saver_db::{ChannelSnapshot, GuildSnapshot, NewInstallIntent, Settings, UserSnapshot, repositories as db};
use serde_json::json;

use super::Subject;
use crate::support::{changed, queued_run, reading_channel};

/// Injections that have worked in other programs.
pub const INJECTIONS: [&str; 20] = [
    "'; drop table users; --",
    "'); drop table users cascade; --",
    "\"; drop table users; --",
    "1; drop table users",
    "' or '1'='1",
    "' or 1=1 --",
    "') or ('1'='1",
    "' union select null, version() --",
    "'; update bot_channels set message_count = 1; --",
    "'; copy users to program 'true'; --",
    "'; select pg_sleep(60); --",
    "'||(select current_user)||'",
    "$$; drop table users; $$",
    "$1'; drop table users; --",
    "\\'; drop table users; --",
    "%27%3B drop table users--",
    "/**/'/**/; drop/**/table/**/users",
    "'::text; delete from users where ''='",
    "{'}', drop table users, '{'}",
    "\u{2019}; drop table users; \u{2014}",
];

/// A hash of the tables, their columns and the functions.
async fn schema(subject: &Subject) -> String {
    let schema = "select md5(string_agg(what, ',' order by what)) from (
        select table_name || '.' || column_name || ' ' || data_type from information_schema.columns
          where table_schema = 'public'
        union all select proname from pg_proc) as schema (what)";
    subject.row(schema, &[]).await.get(0)
}

#[tokio::test]
async fn sql_in_any_text_is_stored_unchanged_and_never_runs() {
    let subject = Subject::new().await;
    let schema_before = schema(&subject).await;
    for text in INJECTIONS {
        subject.clear().await;
        store_everywhere(&subject, text).await;

        let everywhere = "((select username = $1 and global_name = $1 and avatar = $1 from users)
            and (select name = $1 and icon = $1 from bot_guilds)
            and (select name = $1 and type = $1 and settings ->> $1 = $1 from bot_channels)
            and (select settings = jsonb_build_object($1::text, $1::text) from guild_settings)
            and (select error_message = $1 from bot_channel_scan_runs) and (select state = $1 from install_intents))";
        assert!(subject.is_true(everywhere, &[&text]).await, "{text}");
        assert!(db::consume_install_intent(&*subject, text).await.unwrap().is_some(), "{text}");
    }
    assert_eq!(schema(&subject).await, schema_before);
}

/// Stores one row in each table, with the text in every text argument of every function.
async fn store_everywhere(subject: &Subject, text: &str) {
    let some = || Some(text.to_owned());
    let settings = Settings::from_serialize(&json!({ text: text })).unwrap();
    let user = changed!(UserSnapshot::new(7.into(), text), global_name = some(), avatar = some());
    let guild = changed!(GuildSnapshot::new(1001.into(), text), icon = some());
    let overrides = Some(settings.clone());
    let channel = changed!(ChannelSnapshot::new(2001.into(), text, text), settings_overrides = overrides);

    db::upsert_user(&**subject, &user).await.unwrap();
    db::upsert_users(&**subject, &[user]).await.unwrap();
    let run = queued_run(subject, reading_channel(subject).await).await;
    assert!(db::mark_scan_failed(&**subject, run, text).await.unwrap());
    db::upsert_guild(&**subject, &guild).await.unwrap();
    db::upsert_guilds(&**subject, std::slice::from_ref(&guild)).await.unwrap();
    db::upsert_channels_for_guild(&**subject, guild.id, std::slice::from_ref(&channel)).await.unwrap();
    db::sync_guild(&**subject, &changed!(guild.clone(), channels = vec![channel])).await.unwrap();
    db::update_channel_settings(&**subject, 2001.into(), &settings).await.unwrap();
    db::ensure_guild_settings(&**subject, guild.id, &settings).await.unwrap();
    db::update_guild_settings(&**subject, guild.id, &settings).await.unwrap();
    db::set_guild_settings(&**subject, guild.id, &settings).await.unwrap();
    db::set_channel_settings(&**subject, 2001.into(), &settings).await.unwrap();
    let lifetime = Duration::from_mins(1);
    let intent = NewInstallIntent::new(text, 7.into(), guild.id, lifetime);
    db::create_install_intent(&**subject, &intent).await.unwrap();
    assert!(db::get_install_intent(&**subject, text).await.unwrap().is_some());
}
