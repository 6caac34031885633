//! Sessions that hold migrations back: which ones are named, and which ones are ended.

use std::time::Duration;

use clip_saver_db::migrate::Progress;

use crate::migrate::adoption::{EXISTING, existing};
use crate::migrate::blocked::{LONG, Migrating, SHORT, WRITER, idle, idle_reader, is_alive};
use crate::pool::connecting::Log;
use crate::project::roles::Roles;
use crate::support::races::LockHolder;
use crate::support::{Server, applied, connect, value, versions};

/// A database of the Python programs whose owner is not a superuser.
async fn owners_database() -> Roles {
    let roles = Roles::on_empty().await;
    roles.database.execute(EXISTING).await;
    roles.hand_over().await;
    roles
}

#[tokio::test]
async fn sessions_that_block_and_are_idle_in_transaction_are_ended_if_asked_and_no_others() {
    let database = existing("").await;
    let (_writer, writer) = idle(&database, WRITER).await;
    let (_reader, reader) = idle_reader(&database).await;
    let (_neighbour, neighbour) = idle(&database, "create table notes (); begin; lock table notes").await;
    let mut migrating = Migrating::start(&database, LONG, Some(Duration::ZERO)).await;

    let mut ended = Vec::new();
    while ended.len() < 2 {
        if let Progress::Ended(session) = migrating.next().await {
            ended.push(session.pid);
        }
    }
    migrating.result().await.unwrap();

    assert_eq!(ended, [writer, reader]);
    assert!(is_alive(&database, neighbour).await, "it does not block");
    assert_eq!(applied(&database).await, versions());
}

#[tokio::test]
async fn a_session_that_has_not_been_idle_for_long_enough_is_not_ended() {
    let database = existing("").await;
    let (_writer, pid) = idle(&database, WRITER).await;

    let mut migrating = Migrating::start(&database, SHORT, Some(Duration::from_hours(1))).await;
    let mut steps = Vec::new();
    while let Some(step) = migrating.reports.recv().await {
        steps.push(step);
    }

    migrating.gave_up().await;
    let tells_of_an_end = |step: &Progress| matches!(step, Progress::Ended(_) | Progress::NotEnded(..));
    assert!(!steps.iter().any(tells_of_an_end), "{steps:?}");
    assert!(is_alive(&database, pid).await);
}

#[tokio::test]
async fn a_prepared_transaction_is_named() {
    let server = Server::start(&["max_prepared_transactions=2"]);
    let client = connect(&server.url).await;
    client.batch_execute(EXISTING).await.unwrap();
    client
        .batch_execute("begin; lock table public.bot_guilds in row exclusive mode; prepare transaction 'x'")
        .await
        .unwrap();

    let error = Migrating::at(&server.url, SHORT, None).await.gave_up().await;

    assert!(error.contains("a prepared transaction (see pg_prepared_xacts)"), "{error}");
    assert_eq!(
        value(&client, "select string_agg(version::text, '') from public.refinery_schema_history").await.as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn sessions_that_this_role_may_not_see_or_end_are_named_with_the_reason() {
    let roles = owners_database().await;
    let (writer, pid) = idle(&roles.database, WRITER).await;
    let mut migrating = Migrating::at(&roles.url("owner"), SHORT, Some(Duration::ZERO)).await;

    let waiting = migrating.waiting().await;
    let refused = migrating.next().await;

    assert!(waiting.to_string().contains("of user postgres, state and statement hidden from this role"), "{waiting}");
    assert!(
        matches!(&refused, Progress::NotEnded(session, reason) if session.pid == pid && reason.contains("may not see")),
        "{refused:?}"
    );
    migrating.gave_up().await;
    assert!(is_alive(&roles.database, pid).await);
    // With the right to see it, the server itself refuses.
    roles.database.execute(&format!("grant pg_read_all_stats to {}", roles.name("owner"))).await;
    let mut migrating = Migrating::at(&roles.url("owner"), SHORT, Some(Duration::ZERO)).await;
    migrating.waiting().await;
    let refused = migrating.next().await;
    assert!(
        matches!(&refused, Progress::NotEnded(_, reason) if reason.contains("42501") && reason.contains("pg_signal_backend")),
        "{refused:?}"
    );
    migrating.gave_up().await;
    assert!(is_alive(&roles.database, pid).await);
    drop(writer);
    roles.drop().await;
}

#[tokio::test]
async fn a_wait_is_reported_if_no_second_connection_can_be_opened_to_ask_who_blocks() {
    let roles = owners_database().await;
    roles.database.execute(&format!("alter role {} connection limit 2", roles.name("owner"))).await;
    let (writer, _) = idle(&roles.database, WRITER).await;
    let mut migrating = Migrating::at(&roles.url("owner"), Duration::from_secs(5), None).await;

    let waiting = migrating.waiting().await;

    assert!(waiting.sessions.is_empty());
    assert!(waiting.unlisted.as_deref().is_some_and(|reason| reason.contains("53300")), "{waiting}");
    let error = migrating.gave_up().await;
    assert!(error.contains("which sessions is unknown: a second connection cannot be opened"), "{error}");
    drop(writer);
    roles.drop().await;
}

#[tokio::test]
async fn a_program_that_starts_logs_what_it_waits_for() {
    let database = existing("").await;
    let writer = LockHolder::new(&database, "lock table bot_guilds in row exclusive mode").await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let freeing = async {
        log.holds("V2__indexes_for_queries has waited").await;
        writer.rollback().await;
    };
    let (migrated, ()) = tokio::join!(database.migrate(), freeing);

    migrated.unwrap();
}
