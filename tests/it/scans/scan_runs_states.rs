//! The states of a scan run, and which changes are allowed.

use crate::support::{assert_error, changed};
use clip_saver_db::{Client, ErrorKind, ScanRunId, ScanStatus, repositories as db};

use crate::channels::batch::UNUSUAL_TEXTS;
use crate::channels::lists::time;
use crate::channels::writes::fifty_at_once;
use crate::scans::scan_runs::{one_run, stored_run, unknown_run};
use crate::support::races::now;

#[derive(Debug, Clone, Copy)]
enum Step {
    Started,
    Succeeded,
    Failed,
    Canceled,
}

impl Step {
    const ALL: [Self; 4] = [Self::Started, Self::Succeeded, Self::Failed, Self::Canceled];

    async fn take(self, client: &impl Client, run: ScanRunId) -> bool {
        match self {
            Self::Started => db::mark_scan_started(client, run).await,
            Self::Succeeded => db::mark_scan_succeeded(client, run).await,
            Self::Failed => db::mark_scan_failed(client, run, "new reason").await,
            Self::Canceled => db::mark_scan_canceled(client, run).await,
        }
        .expect("the run can be marked")
    }

    fn status(self) -> ScanStatus {
        match self {
            Self::Started => ScanStatus::Running,
            Self::Succeeded => ScanStatus::Succeeded,
            Self::Failed => ScanStatus::Failed,
            Self::Canceled => ScanStatus::Canceled,
        }
    }
}

/// The contract's table: for each status whether a run in it can be started, succeed, fail and be canceled.
const TABLE: [(&str, [bool; 4]); 5] = [
    ("queued", [true, true, true, true]),
    ("running", [false, true, true, true]),
    ("succeeded", [false, false, false, false]),
    ("failed", [false, false, false, false]),
    ("canceled", [false, false, false, false]),
];

#[tokio::test]
async fn a_run_changes_its_status_as_the_table_of_states_says() {
    let (database, run) = one_run().await;
    for (status, allowed) in TABLE {
        for (step, allowed) in Step::ALL.into_iter().zip(allowed) {
            let (started_at, finished_at, reason) = match status {
                "queued" => ("null", "null", "null"),
                "running" => ("'2026-01-02Z'", "null", "null"),
                _ => ("'2026-01-02Z'", "'2026-01-03Z'", "'old reason'"),
            };
            database
                .execute(&format!(
                    "update bot_channel_scan_runs
                     set status = '{status}', started_at = {started_at}, finished_at = {finished_at},
                         error_message = {reason}, messages_scanned = 5, messages_matched = 1, before_message_id = '9'"
                ))
                .await;
            let before = stored_run(&database, run).await;
            let transaction = database.begin().await.unwrap();

            let taken = step.take(&transaction, run).await;

            let now = now(&transaction).await;
            transaction.commit().await.unwrap();
            let expected = match (allowed, step) {
                (false, _) => before,
                (true, Step::Started) => changed!(before, status = step.status(), started_at = Some(now)),
                (true, Step::Failed) => changed!(
                    before,
                    status = step.status(),
                    finished_at = Some(now),
                    error_message = Some("new reason".into())
                ),
                (true, _) => changed!(before, status = step.status(), finished_at = Some(now)),
            };
            assert_eq!(taken, allowed, "{status}, {step:?}");
            assert_eq!(stored_run(&database, run).await, expected, "{status}, {step:?}");
        }
    }
}

#[tokio::test]
async fn marking_an_unknown_run_returns_false_and_changes_no_other_run() {
    let (database, run) = one_run().await;
    let before = stored_run(&database, run).await;

    for step in Step::ALL {
        assert!(!step.take(&*database, unknown_run()).await, "{step:?}");
    }

    assert_eq!(stored_run(&database, run).await, before);
}

#[tokio::test]
async fn exactly_one_of_many_concurrent_callers_starts_a_run() {
    let (database, run) = one_run().await;

    let started = fifty_at_once(&database, "select from bot_channel_scan_runs for update", |database, _| async move {
        db::mark_scan_started(&database, run).await.unwrap()
    })
    .await;

    assert_eq!(started.iter().filter(|started| **started).count(), 1);
}

#[tokio::test]
async fn exactly_one_of_many_concurrent_callers_finishes_a_run() {
    let (database, run) = one_run().await;
    let finished =
        fifty_at_once(&database, "select from bot_channel_scan_runs for update", |database, caller| async move {
            let step = [Step::Succeeded, Step::Failed, Step::Canceled][usize::try_from(caller % 3).unwrap()];
            (step, step.take(&database, run).await)
        })
        .await;

    let winners: Vec<_> = finished.iter().filter(|(_, won)| *won).map(|(step, _)| step.status()).collect();
    assert_eq!(winners, [stored_run(&database, run).await.status], "the stored status is the winner's");
}

#[tokio::test]
async fn the_reason_of_a_failed_run_is_stored_unchanged_whatever_it_is() {
    for reason in UNUSUAL_TEXTS.into_iter().chain([&*"long ".repeat(10_000)]) {
        let (database, run) = one_run().await;

        assert!(db::mark_scan_failed(&*database, run, reason).await.unwrap());

        assert_eq!(stored_run(&database, run).await.error_message.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn a_zero_character_in_a_reason_is_refused_and_the_run_stays_as_it_is() {
    let (database, run) = one_run().await;
    let before = stored_run(&database, run).await;

    let error = db::mark_scan_failed(&*database, run, "403\0").await.unwrap_err();

    assert_error(&error, ErrorKind::InvalidInput, "mark_scan_failed", "error_message");
    assert_eq!(stored_run(&database, run).await, before);
}

#[tokio::test]
async fn this_release_does_not_finish_a_run_with_a_status_of_a_newer_release() {
    let (database, run) = one_run().await;
    database.execute("alter type scan_status add value 'paused'").await;
    database.execute("update bot_channel_scan_runs set status = 'paused', started_at = '2026-01-02Z'").await;

    for step in Step::ALL {
        assert!(!step.take(&*database, run).await, "{step:?}");
    }

    let stored = stored_run(&database, run).await;
    assert_eq!(stored.status, ScanStatus::Unknown("paused".into()));
    assert_eq!((stored.started_at, stored.finished_at), (Some(time("2026-01-02T00:00:00Z")), None));
}
