//! What `clip-db doctor` and `clip-db check` say about the database itself: encoding, tables, row-level security, the sequence
//! of users.

use clip_saver_db::{Db, GuildSnapshot, repositories as db};

use super::{changed, clip_db, drop_role, empty, url_for_role};
use crate::support::{TestDatabase, config, connect, create_database, guild, user};

/// Doctor and check must both say this, and end with 2.
async fn assert_wrong(url: &str, told: &str) {
    clip_db(url, "doctor").await.assert_output(2, &[&format!("WRONG  {told}")]);
    clip_db(url, "check").await.assert_output(2, &[&format!("  WRONG  {told}")]);
}

/// Doctor and check must both say this, and find nothing wrong.
async fn assert_noted(url: &str, told: &str) {
    clip_db(url, "doctor").await.assert_output(0, &[&format!("note   {told}")]);
    clip_db(url, "check").await.assert_output(0, &[&format!("  note   {told}")]);
}

#[tokio::test]
async fn a_healthy_database_has_a_good_line_for_each_check() {
    let database = TestDatabase::new().await;

    let lines = [
        "ok     encoding     UTF8",
        "ok     tables       no view or temporary table hides a table",
        "ok     policies     no row-level security applies to this role",
        "ok     sequence     users_id_seq has 2147483647 numbers left",
        "ok     isolation    read committed",
        "ok     retention    no unread replication slot and no old transaction",
    ];
    clip_db(&database.url(), "doctor").await.assert_output(0, &lines);
    let fine = "database: encoding, tables, row-level security and sequence are fine";
    clip_db(&database.url(), "check").await.assert_output(0, &[fine]);
}

async fn in_encoding(encoding: &str) -> TestDatabase {
    let name = create_database(&format!("encoding '{encoding}' template template0 locale 'C'")).await;
    let database = TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name };
    database.migrate().await.unwrap();
    database
}

#[tokio::test]
async fn a_database_that_cannot_store_every_character_is_wrong() {
    let database = in_encoding("LATIN1").await;

    assert_wrong(&database.url(), "encoding     the database has the encoding LATIN1: names with other characters")
        .await;

    let error = db::upsert_guild(&*database, &GuildSnapshot::new(1.into(), "clips 🎬")).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("22P05"), "as it says: {error}");
}

#[tokio::test]
async fn a_database_without_an_encoding_is_wrong() {
    let database = in_encoding("SQL_ASCII").await;
    database.execute(r"insert into bot_guilds (guild_id, name) values ('2', E'\xff')").await;

    assert_wrong(&database.url(), "encoding     the database has no encoding (SQL_ASCII)").await;

    let error = db::get_guilds(&*database).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("22021"), "as it says: {error}");
}

#[tokio::test]
async fn row_level_security_that_hides_rows_from_the_role_is_wrong_until_a_policy_shows_them() {
    let database = TestDatabase::new().await;
    guild(&database, 1).await;
    let rights = "grant all on all tables in schema public to ROLE; grant usage on sequence users_id_seq to ROLE;
                  grant create on database ROLE to ROLE; alter table bot_guilds enable row level security";
    let url = url_for_role(&database, rights).await;
    let role = Db::connect(url.parse().unwrap()).await.unwrap();
    assert_eq!(db::get_guilds(&role).await.unwrap(), []);

    let told = "policies     row-level security may hide rows of bot_guilds from the role";
    assert_wrong(&url, told).await;
    let owner = clip_db(&database.url(), "doctor").await;
    owner.assert_output(0, &["ok     policies     no row-level security applies to this role"]);

    for too_little in ["for select to public using (true)", "to public using (guild_id <> '1')"] {
        database.execute(&format!("create policy p on bot_guilds {too_little}")).await;
        assert_wrong(&url, told).await;
        database.execute("drop policy p on bot_guilds").await;
    }
    database.execute(&format!("create policy p on bot_guilds to {} using (true)", database.name)).await;
    assert_eq!(db::get_guilds(&role).await.unwrap().len(), 1, "as it says");
    let shown = "ok     policies     row-level security shows this role every row";
    clip_db(&url, "doctor").await.assert_output(0, &[shown]);
    database.execute("create policy q on bot_guilds as restrictive to public using (guild_id <> '1')").await;
    assert_wrong(&url, told).await;
    role.close().await;
    database.execute("drop policy p on bot_guilds").await;
    drop_role(&database).await;
}

#[tokio::test]
async fn a_sequence_that_is_behind_its_rows_is_noted_with_the_statement_that_mends_it() {
    let database = changed("insert into users (id, discord_user_id) select n, n from generate_series(1, 50) n").await;

    let remedy = "select setval('public.users_id_seq', 50)";
    let told = "sequence     users_id_seq is at 0, behind the rows (up to 50), as after an import";
    assert_noted(&database.url(), told).await;
    clip_db(&database.url(), "doctor").await.assert_output(0, &[&format!("Let the owner run `{remedy}`")]);

    database.execute(remedy).await;
    let fine = "ok     sequence     users_id_seq has 2147483597 numbers left";
    clip_db(&database.url(), "doctor").await.assert_output(0, &[fine]);
}

#[tokio::test]
async fn a_sequence_near_its_end_is_noted_and_then_wrong() {
    let database = changed("select setval('users_id_seq', 2000000000)").await;
    assert_noted(&database.url(), "sequence     users_id_seq has 147483647 numbers left").await;

    database.execute("select setval('users_id_seq', 2147483640)").await;
    assert_wrong(&database.url(), "sequence     users_id_seq has 7 numbers left").await;

    // What it says to do.
    database.execute("alter sequence users_id_seq restart").await;
    user(&database, 1).await;
    clip_db(&database.url(), "doctor").await.assert_output(0, &["ok     sequence "]);
}

#[tokio::test]
async fn a_row_with_the_highest_number_gives_no_advice_that_ends_the_sequence() {
    let database = changed("insert into users (id, discord_user_id) values (2147483647, '1')").await;

    let output = clip_db(&database.url(), "doctor").await;

    output.assert_output(0, &["note   sequence ", "Give the users with the highest numbers lower ones"]);
    assert!(!output.stdout.contains("setval"), "{}", output.stdout);
}

#[tokio::test]
async fn the_sequence_of_another_programs_users_is_not_checked() {
    let database = empty().await;
    database.execute("create table users (id text); create sequence users_id_seq").await;

    let told = "ok     sequence     not checked: there is no users.id that is a number";
    let output = clip_db(&database.url(), "doctor").await;

    assert!(output.stdout.contains(told), "{}", output.stdout);
}

#[tokio::test]
async fn a_view_with_the_name_of_a_table_is_wrong() {
    let database = changed("drop table install_intents; create view install_intents as select 1 as state").await;

    assert_wrong(&database.url(), "tables       install_intents is a view").await;
}

#[tokio::test]
async fn a_temporary_table_with_the_name_of_a_table_is_noted() {
    let database = TestDatabase::new().await;
    let other = connect(&database.url()).await;
    other.batch_execute("create temporary table users ()").await.unwrap();

    assert_noted(&database.url(), "tables       a session has a temporary table users").await;
}
