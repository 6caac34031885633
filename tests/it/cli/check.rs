//! `clip-db check`

use super::{NEWER, changed, clip_db, drop_role, empty, existing, url_for_role};
use crate::project::style::files;
use crate::support::{TestDatabase, versions};

#[tokio::test]
async fn check_accepts_a_migrated_database() {
    let database = TestDatabase::new().await;

    let fits = ["migrations: up to date", "fit the schema", "schema: exactly what the applied migrations make"];
    clip_db(&database.url(), "check").await.assert_output(0, &fits);
}

#[tokio::test]
async fn check_prepares_every_query_of_the_sql_files() {
    let database = TestDatabase::new().await;
    let mut queries = Vec::new();
    for (path, sql) in files("queries", ".sql") {
        let file = path.trim_start_matches("queries/").trim_end_matches(".sql").to_owned();
        let names = sql.lines().filter_map(|line| line.strip_prefix("--! ")?.split([' ', '(']).next());
        queries.extend(names.map(|name| format!("{file}/{name}")));
    }
    queries.sort();

    let output = clip_db(&database.url(), "check --verbose").await;

    let mut prepared: Vec<_> = output.stdout.lines().filter_map(|line| line.trim().strip_suffix(": ok")).collect();
    prepared.sort_unstable();
    assert_eq!(prepared, queries, "src/bin/clip-db/queries.rs lists the queries");
    output.assert_output(0, &[&format!("queries: all {} fit the schema", queries.len())]);
}

#[tokio::test]
async fn check_names_a_dropped_column_and_the_queries_that_need_it() {
    let database = changed("alter table bot_guilds drop column icon").await;

    let output = clip_db(&database.url(), "check").await;

    output.assert_output(2, &["  column bot_guilds.icon: missing (expected text)"]);
    for query in ["get_guild", "get_guilds", "upsert_guild", "upsert_guilds", "sync_guild"] {
        let told = |line: &str| line.starts_with(&format!("  guilds/{query}: ")) && line.contains("icon");
        assert!(output.stdout.lines().any(told), "{query}: {}", output.stdout);
    }
    assert!(output.stdout.contains("queries: 5 of "), "{}", output.stdout);
}

#[tokio::test]
async fn check_names_a_dropped_table_and_the_queries_that_need_it() {
    let database = changed("drop table install_intents").await;

    let told = [
        "  install_intents/create_install_intent: relation \"install_intents\" does not exist (SQLSTATE 42P01)",
        "queries: 5 of ",
        "  table install_intents: missing",
    ];
    clip_db(&database.url(), "check").await.assert_output(2, &told);
}

#[tokio::test]
async fn check_reports_a_dropped_index_or_trigger_as_drift() {
    for (change, told) in [
        ("drop index idx_bot_channels_guild", "index bot_channels.idx_bot_channels_guild: missing"),
        ("drop index idx_bot_guilds_owner", "index bot_guilds.idx_bot_guilds_owner: missing"),
        ("alter table bot_channels disable trigger user", "trigger bot_channels.trg_bot_channels_updated_at: expected"),
    ] {
        let database = changed(change).await;
        clip_db(&database.url(), "check").await.assert_output(2, &["fit the schema", "1 to fix:", told]);
    }
}

#[tokio::test]
async fn check_lists_and_accepts_additions_by_other_programs() {
    let database = changed("create table dashboards (id int primary key); create index on bot_channels (name)").await;

    let told = ["and more:", "table dashboards: not part of this program (tolerated)", "index bot_channels."];
    clip_db(&database.url(), "check").await.assert_output(0, &told);
}

#[tokio::test]
async fn check_says_that_an_index_is_harmless_that_an_old_program_has_made_again() {
    // What psycopg3's init_db runs at each start.
    let again = "
        create index if not exists idx_bot_scan_runs_channel on bot_channel_scan_runs (channel_id, created_at desc);
        create index if not exists idx_bot_channels_last_message_id on bot_channels (last_message_id)";
    let database = changed(again).await;

    let told = [
        "index bot_channel_scan_runs.idx_bot_scan_runs_channel: harmless, an older program has made it again",
        "`drop index concurrently \"public\".idx_bot_scan_runs_channel`",
        "index bot_channels.idx_bot_channels_last_message_id: harmless, an older program has made it again",
        "(tolerated)",
    ];
    clip_db(&database.url(), "check").await.assert_output(0, &told);
    clip_db(&database.url(), "status").await.assert_output(0, &["up to date"]);
    database.execute("drop index concurrently \"public\".idx_bot_scan_runs_channel").await;
    database.execute("drop index concurrently \"public\".idx_bot_channels_last_message_id").await;
    clip_db(&database.url(), "check").await.assert_output(0, &["exactly what the applied migrations make"]);
}

#[tokio::test]
async fn check_exits_with_1_if_there_are_only_pending_migrations() {
    let empty = empty().await;
    let all = versions().len();
    let pending = format!("migrations: {all} pending");
    clip_db(&empty.url(), "check").await.assert_output(1, &[&pending, "there are no tables yet"]);

    let database = existing("").await;
    let told = [
        "no history",
        "scan_runs/record_scan_progress: ",
        "the pending migrations may fix that",
        "schema: exactly what V1 makes",
    ];
    clip_db(&database.url(), "check").await.assert_output(1, &told);
    clip_db(&database.url(), "adopt").await.assert_output(0, &[]);
    let pending = format!("migrations: {} pending", all - 1);
    clip_db(&database.url(), "check").await.assert_output(1, &[&pending, "schema: exactly what the applied"]);

    database.execute("drop index idx_bot_channels_work; alter table users drop column avatar").await;
    let told = [
        &pending,
        "users/get_user: ",
        "the pending migrations may fix that",
        "2 to fix:",
        "column users.avatar: missing",
    ];
    clip_db(&database.url(), "check").await.assert_output(2, &told);
}

#[tokio::test]
async fn check_lists_and_accepts_the_differences_of_a_newer_database() {
    let newer = format!("{NEWER}; drop index idx_bot_channels_guild; alter table users add column pronouns text");
    let database = changed(&newer).await;

    let told =
        ["newer than this program", "index bot_channels.idx_bot_channels_guild: missing", "column users.pronouns"];
    clip_db(&database.url(), "check").await.assert_output(0, &told);

    database.execute("alter table users drop column avatar").await;
    clip_db(&database.url(), "check").await.assert_output(2, &["users/get_user: "]);
}

#[tokio::test]
async fn check_says_that_a_role_may_not_compare_the_schema_and_still_checks_the_queries() {
    let database = TestDatabase::new().await;
    let reader = url_for_role(&database, "grant select on all tables in schema public to ROLE").await;

    clip_db(&reader, "check")
        .await
        .assert_output(1, &["fit the schema", "schema: not compared", "grant create on database"]);

    drop_role(&database).await;
}
