//! `clip-db doctor` without poolers.

use std::fs;
use std::path::PathBuf;

use super::{clip_db, drop_role, empty, existing, program, run, url_for_role};
use crate::support::races::wait_for_value;
use crate::support::{Server, TestDatabase, connect, free_port};

#[tokio::test]
async fn doctor_finds_nothing_wrong_with_a_healthy_database() {
    let database = TestDatabase::new().await;

    let output = clip_db(&database.url(), "doctor").await;

    output
        .assert_output(0, &["ok     server       PostgreSQL ", "ok     writable", "ok     pgcrypto", "ok     rights"]);
    output.assert_output(0, &["ok     migrations   up to date", "ok     encryption", "ok     pooler", "ok     clock"]);
    assert!(!output.stdout.contains("WRONG"), "{}", output.stdout);
}

#[tokio::test]
async fn doctor_reports_things_to_do_as_notes() {
    for database in [empty().await, existing("").await] {
        clip_db(&database.url(), "doctor").await.assert_output(0, &["note   migrations ", "`clip-db migrate`"]);
    }
    let database = empty().await;
    clip_db(&database.url(), "doctor").await.assert_output(0, &["note   pgcrypto     not installed yet"]);
}

#[tokio::test]
async fn doctor_lists_the_rights_that_a_read_only_role_lacks() {
    let database = TestDatabase::new().await;
    let reader = url_for_role(&database, "grant select on all tables in schema public to ROLE").await;

    clip_db(&reader, "doctor").await.assert_output(
        2,
        &[
            "WRONG  rights       for the bot: no right to insert, update on bot_authors, bot_channel_coverage, \
             bot_clip_messages, bot_clips, guild_settings, users: let the owner grant what docs/PRIVILEGES.md says",
            "WRONG  rights       for the bot: no right to usage on users_id_seq",
            "WRONG  rights       for the worker: no right to update on bot_channels, bot_guilds",
            "note   migrations   the role ",
            "does not own all tables (bot_authors: postgres, bot_channel_coverage: postgres, ",
            "): run `clip-db migrate` as their owner",
        ],
    );
    drop_role(&database).await;
}

#[tokio::test]
async fn doctor_says_that_a_role_may_not_read_the_history_and_checks_the_rest() {
    let database = TestDatabase::new().await;
    let stranger = url_for_role(&database, "").await;

    let told = [
        "WRONG  migrations   cannot be checked: permission denied for table refinery_schema_history",
        "no right to select on refinery_schema_history",
        "ok     clock",
    ];
    clip_db(&stranger, "doctor").await.assert_output(2, &told);
    drop_role(&database).await;
}

#[tokio::test]
async fn doctor_reports_migrations_that_the_role_cannot_apply_as_wrong() {
    let database = empty().await;
    let reader = url_for_role(&database, "revoke create on schema public from public").await;

    let told = [
        "WRONG  migrations   the role ",
        "may not create tables in the schema public: run `clip-db migrate` as postgres, or let postgres run `grant usage, create",
        "WRONG  pgcrypto     not installed, and this role may not install it",
    ];
    clip_db(&reader, "doctor").await.assert_output(2, &told);
    drop_role(&database).await;
}

#[tokio::test]
async fn doctor_foresees_which_sessions_would_hold_migrations_back() {
    for (database, level, tense) in
        [(TestDatabase::new().await, "note ", "would hold"), (existing("").await, "WRONG", "holds")]
    {
        clip_db(&database.url(), "doctor").await.assert_output(0, &["ok     locks        no open transaction"]);
        let idle = connect(&database.url()).await;
        idle.batch_execute("set application_name = 'old bot'; begin; select from bot_channels").await.unwrap();
        let young = "select clock_timestamp() - xact_start >= interval '3 s' from pg_stat_activity
                     where application_name = 'old bot' and datname = current_database()";
        wait_for_value(&database, young, "t").await;

        let output = clip_db(&database.url(), "doctor").await;

        let line = output.stdout.lines().find(|line| line.contains("locks ")).unwrap();
        assert!(line.starts_with(&format!("{level}  locks        pid ")), "{line}");
        assert!(
            line.contains("(\"old bot\" of user postgres from ") && line.contains("idle in transaction for "),
            "{line}"
        );
        assert!(
            line.contains(&format!("{tense} migrations back: ")) && line.contains("--end-idle-in-transaction"),
            "{line}"
        );
        assert_eq!(output.code, if level == "WRONG" { 2 } else { 0 });
    }
}

#[tokio::test]
async fn doctor_reports_read_only_sessions_as_wrong() {
    let database = TestDatabase::new().await;
    database.execute(&format!("alter database {} set default_transaction_read_only = on", database.name)).await;

    clip_db(&database.url(), "doctor").await.assert_output(2, &["WRONG  writable     sessions are read-only"]);
    clip_db(&database.url(), "purge-intents").await.assert_output(2, &["The server accepts no writes"]);
}

#[tokio::test]
async fn doctor_reports_a_pool_with_more_connections_than_the_server_allows_as_wrong() {
    let database = TestDatabase::new().await;
    let mut command = program(&["doctor"]);
    command.env("DATABASE_URL", database.url());
    run(command.env("DB_POOL_MAX", "100000"))
        .await
        .assert_output(2, &["WRONG  connections  up to 100000 in each program"]);

    let limited = "alter role ROLE connection limit 5; grant all on all tables in schema public to ROLE;
                   grant usage on sequence users_id_seq to ROLE";
    let url = url_for_role(&database, limited).await;
    clip_db(&url, "doctor")
        .await
        .assert_output(2, &["WRONG  connections  up to 10 in each program", "the role allows 5"]);
    drop_role(&database).await;
}

/// Starts a server on localhost, with or without TLS. `0.0.0.0` also reaches it and does not count as a local name.
fn server_on_a_port(tls: &[&str]) -> (Server, u16) {
    let port = free_port();
    let settings = ["listen_addresses=localhost".to_owned(), format!("port={port}")];
    let arguments: Vec<&str> = tls.iter().copied().chain(settings.iter().map(String::as_str)).collect();
    (Server::start(&arguments), port)
}

#[tokio::test]
async fn doctor_notes_a_remote_server_without_tls() {
    let (_server, port) = server_on_a_port(&[]);

    let local = clip_db(&format!("postgresql://postgres@localhost:{port}/postgres"), "doctor").await;
    local.assert_output(0, &["ok     encryption   none, and none needed: this machine"]);
    let remote = clip_db(&format!("postgresql://postgres@0.0.0.0:{port}/postgres"), "doctor").await;
    remote.assert_output(0, &["note   encryption   none (sslmode=prefer)", "sslmode=verify-full"]);
}

#[tokio::test]
async fn doctor_notes_a_remote_server_whose_certificate_is_not_verified() {
    let [certificate, key] = certificate();
    let (_server, port) = server_on_a_port(&["--tls", certificate.to_str().unwrap(), key.to_str().unwrap()]);
    let at = |host, parameters| format!("postgresql://postgres@{host}:{port}/postgres?{parameters}");

    clip_db(&at("localhost", ""), "doctor").await.assert_output(0, &["ok     encryption   TLSv1.3, TLS_AES_"]);
    let told = ["note   encryption   TLSv1.3, but with sslmode=require anybody could pose as the server"];
    clip_db(&at("0.0.0.0", "sslmode=require"), "doctor").await.assert_output(0, &told);
    let verified = format!("sslmode=verify-ca&sslrootcert={}", certificate.display());
    clip_db(&at("0.0.0.0", &verified), "doctor")
        .await
        .assert_output(0, &["ok     encryption   TLSv1.3", "sslmode=verify-ca"]);
    clip_db(&at("localhost", "sslmode=verify-full"), "status").await.assert_output(3, &["with sslrootcert=FILE"]);
}

/// A self-signed certificate and its key.
fn certificate() -> [PathBuf; 2] {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    [("doctor.crt", certificate), ("doctor.key", key.serialize_pem())].map(|(name, content)| {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&file, content).unwrap();
        file
    })
}
