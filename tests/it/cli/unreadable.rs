//! `clip-db unreadable`

use super::{changed, clip_db, drop_role, url_for_role};

/// Good rows, and in each table a row that cannot be read.
const ROWS: &str = "
    insert into users (discord_user_id) values ('abc'), ('1');
    insert into bot_guilds (guild_id, name, owner_user_id) values
      ('1001', 'good', '1'), ('1002', 'unreadable owner', 'abc'), ('x', 'bad', null);
    insert into bot_channels (channel_id, guild_id) values ('', '1001'), ('2001', '1001'), ('2002', 'x');
    insert into bot_channel_scan_runs (channel_id) values (''), (''), ('2001'), ('2002');
    insert into install_intents values ('s', 'abc', '1001', now(), now()), ('t', '1', 'bad', now(), now()),
      ('good', '1', '1001', now(), now());
    insert into guild_settings values ('18446744073709551616'), ('1001')";

/// The keys of all rows, table by table.
const KEYS: &str = "select (select string_agg(discord_user_id, ' ') from users)
    || '; ' || (select string_agg(guild_id || ' ' || coalesce(owner_user_id, '-'), ', ' order by guild_id) from bot_guilds)
    || '; ' || (select string_agg(channel_id, ' ') from bot_channels)
    || '; ' || (select string_agg(channel_id, ' ') from bot_channel_scan_runs)
    || '; ' || (select string_agg(state, ' ') from install_intents)
    || '; ' || (select string_agg(guild_id, ' ') from guild_settings)";

/// What is left when the rows that cannot be read are deleted.
const GOOD: &str = "1; 1001 1, 1002 -; 2001; 2001; good; 1001";

#[tokio::test]
async fn unreadable_shows_rows_that_cannot_be_read_and_deletes_nothing() {
    let database = changed(ROWS).await;
    let before = database.text(KEYS).await;

    let shown = [
        "users.discord_user_id of row \"abc\": \"abc\" is not a Discord snowflake\n",
        "bot_guilds.owner_user_id of row \"1002\": \"abc\" is not a Discord snowflake\n",
        "bot_channels.channel_id of row \"\": \"\" is not a Discord snowflake\n",
        "10 values cannot be read; `clip-db unreadable --delete` would delete 1 user, 2 install intents, 1 guild, 1 row of \
         guild settings, 2 channels, 3 scan runs\n",
    ];
    clip_db(&database.url(), "unreadable").await.assert_output(1, &shown);

    assert_eq!(database.text(KEYS).await, before);
}

#[tokio::test]
async fn unreadable_deletes_what_it_shows_and_what_refers_to_it() {
    let database = changed(ROWS).await;

    let told = [
        "bot_channels.channel_id of row \"\": ",
        "deleted 1 user, 2 install intents, 1 guild, 1 row of guild settings, 2 channels, 3 scan runs; every row can be read",
    ];
    clip_db(&database.url(), "unreadable --delete").await.assert_output(0, &told);

    assert_eq!(database.text(KEYS).await, GOOD);
    clip_db(&database.url(), "unreadable").await.assert_output(0, &["every row can be read"]);
    clip_db(&database.url(), "unreadable --delete").await.assert_output(0, &["deleted nothing; every row can be read"]);
}

#[tokio::test]
async fn unreadable_leaves_rows_whose_times_cannot_be_read() {
    let database = changed(ROWS).await;
    database.execute("update bot_channels set last_scanned_at = 'infinity' where channel_id = '2001'").await;

    let told = ["deleted 1 user", "1 value cannot be read. Set the times by hand"];
    clip_db(&database.url(), "unreadable --delete").await.assert_output(1, &told);

    assert_eq!(database.text(KEYS).await, GOOD);
    let shown = ["bot_channels.last_scanned_at of row \"2001\": \"infinity\" is not a time", "would delete nothing"];
    clip_db(&database.url(), "unreadable").await.assert_output(1, &shown);
}

#[tokio::test]
async fn unreadable_prints_json() {
    let database = changed(ROWS).await;

    let shown = clip_db(&database.url(), "unreadable --json").await;
    shown.assert_output(1, &[]);
    assert_eq!(shown.json()["rows"].as_array().unwrap().len(), 10);
    assert_eq!(shown.json()["rows"][0]["key"], "abc");
    assert_eq!(shown.json()["deletable"]["scan_runs"], 3);

    let deleted = clip_db(&database.url(), "unreadable --delete --json").await;
    deleted.assert_output(0, &[]);
    assert_eq!(deleted.json()["deleted"]["channels"], 2);
    assert_eq!(deleted.json()["left"], serde_json::json!([]));
}

#[tokio::test]
async fn unreadable_shows_and_deletes_a_thousand_at_a_time() {
    let database = changed(
        "insert into bot_guilds (guild_id, name) values ('1001', 'g');
         insert into bot_channels (channel_id, guild_id) select 'bad ' || n, '1001' from generate_series(1, 1500) n",
    )
    .await;

    clip_db(&database.url(), "unreadable").await.assert_output(1, &["1000 values cannot be read, perhaps more"]);
    let told = ["deleted 1000 channels; 500 values cannot be read\n"];
    clip_db(&database.url(), "unreadable --delete").await.assert_output(1, &told);
    clip_db(&database.url(), "unreadable --delete").await.assert_output(0, &["deleted 500 channels; every row can"]);
}

#[tokio::test]
async fn a_thousand_unreadable_times_do_not_hide_the_ids_that_can_be_deleted() {
    let database = changed(
        "insert into users (discord_user_id, last_login_at) select n, 'infinity' from generate_series(1, 1000) n;
         insert into bot_guilds (guild_id, name) values ('1001', 'g');
         insert into bot_channels (channel_id, guild_id) values ('bad', '1001')",
    )
    .await;

    let told =
        ["bot_channels.channel_id of row \"bad\"", "deleted 1 channel; 1000 values cannot be read, perhaps more. Set"];
    clip_db(&database.url(), "unreadable --delete").await.assert_output(1, &told);
}

#[tokio::test]
async fn a_role_that_may_not_delete_rows_is_told_who_may() {
    let database = changed(ROWS).await;
    let before = database.text(KEYS).await;
    let reader = url_for_role(&database, "grant select, update on all tables in schema public to ROLE").await;

    clip_db(&reader, "unreadable").await.assert_output(1, &["10 values cannot be read"]);
    let told = ["SQLSTATE 42501", "Nothing was deleted: let the owner of the tables run this command."];
    clip_db(&reader, "unreadable --delete").await.assert_output(2, &told);

    assert_eq!(database.text(KEYS).await, before);
    drop_role(&database).await;
}
