//! Scan runs: any counter, any reason, any id.

use clip_saver_db::{ScanIncrement, ScanProgress, ScanRunId, repositories as db};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::check_property;
use super::strategies::{amount, id, is_bad_text, text};
use crate::support::{changed, queued_run, reading_channel};

fn run_id() -> impl Strategy<Value = ScanRunId> {
    any::<u128>().prop_map(|number| Uuid::from_u128(number).into())
}

#[test]
fn any_increments_are_added_to_both_counters_or_refused() {
    let increments = vec((amount(), amount()), 1..6);
    check_property(48, &increments, async |subject, increments| {
        let run = queued_run(subject, reading_channel(subject).await).await;
        let mut expected = ScanProgress::default();
        for (scanned, matched) in increments {
            let increment = ScanIncrement::scanned(scanned).with_matched(matched);
            let result = subject.call(db::update_scan_progress(&**subject, run, increment)).await;

            let sums = (expected.messages_scanned.checked_add(scanned), expected.messages_matched.checked_add(matched));
            if let (Some(messages_scanned), Some(messages_matched)) = sums {
                expected = changed!(ScanProgress::default(), messages_scanned, messages_matched);
                assert_eq!(result, Ok(Some(expected)));
            } else {
                assert_eq!(result, Err("22003".into()));
            }
            let counters = "(select messages_scanned = $1 and messages_matched = $2 from bot_channel_scan_runs)";
            assert!(subject.is_true(counters, &[&expected.messages_scanned, &expected.messages_matched]).await);
        }
    });
}

#[test]
fn any_page_is_counted_once_or_refused() {
    let pages = vec((id(), amount(), amount()), 1..6);
    check_property(24, &(pages, amount()), async |subject, (pages, before)| {
        let channel = reading_channel(subject).await;
        let run = queued_run(subject, channel).await;
        db::increment_channel_message_count(&**subject, channel, before).await.unwrap();
        let (mut last, mut expected, mut count) = (None, ScanProgress::default(), before);
        for (page, scanned, matched) in pages {
            let increment = ScanIncrement::scanned(scanned).with_matched(matched);
            let record = || db::record_scan_progress(&**subject, run, channel, page.into(), increment);
            let (result, again) = (subject.call(record()).await, subject.call(record()).await);

            let sums = (expected.messages_scanned.checked_add(scanned), expected.messages_matched.checked_add(matched));
            assert_eq!(result, again);
            match (sums, count.checked_add(scanned)) {
                _ if last >= Some(page) => assert_eq!(result, Ok(Some(expected))),
                ((Some(messages_scanned), Some(messages_matched)), Some(sum)) => {
                    (last, expected, count) =
                        (Some(page), changed!(ScanProgress::default(), messages_scanned, messages_matched), sum);
                    assert_eq!(result, Ok(Some(expected)));
                }
                _ => assert_eq!(result, Err("22003".into())),
            }
            let stored = "(select message_count = $1 and last_message_id is not distinct from $2 from bot_channels)";
            assert!(subject.is_true(stored, &[&count, &last.map(|last| last.to_string())]).await);
        }
    });
}

#[test]
fn any_reason_for_a_failure_is_stored_or_refused() {
    check_property(48, &text(), async |subject, reason| {
        let run = queued_run(subject, reading_channel(subject).await).await;

        let failed = subject.call(db::mark_scan_failed(&**subject, run, &reason)).await;

        if is_bad_text(&reason) {
            assert_eq!(failed, Err("error_message".into()));
            return;
        }
        assert_eq!(failed, Ok(true));
        let stored = "(select error_message = $1 and status = 'failed' from bot_channel_scan_runs)";
        assert!(subject.is_true(stored, &[&reason]).await);
        let again = subject.call(db::mark_scan_failed(&**subject, run, "another")).await;
        assert_eq!(again, Ok(false));
        let read = subject.call(db::get_scan_run(&**subject, run)).await.unwrap().unwrap();
        assert_eq!(read.error_message, Some(reason));
    });
}

#[test]
fn calls_on_any_unknown_run_find_and_change_nothing() {
    check_property(48, &(run_id(), amount(), text()), async |subject, (run, amount, reason)| {
        let increment = ScanIncrement::scanned(amount).with_matched(amount);

        assert_eq!(subject.call(db::get_scan_run(&**subject, run)).await, Ok(None));
        assert_eq!(subject.call(db::update_scan_progress(&**subject, run, increment)).await, Ok(None));
        assert_eq!(subject.call(db::mark_scan_started(&**subject, run)).await, Ok(false));
        assert_eq!(subject.call(db::mark_scan_succeeded(&**subject, run)).await, Ok(false));
        assert_eq!(subject.call(db::mark_scan_canceled(&**subject, run)).await, Ok(false));
        let failed = subject.call(db::mark_scan_failed(&**subject, run, &reason)).await;
        assert!(!failed.unwrap_or_default());
    });
}

#[test]
fn any_limit_of_runs_is_accepted_and_any_channel_id_can_be_enqueued() {
    check_property(48, &(0..4_usize, any::<u32>(), id()), async |subject, (there, limit, id)| {
        let channel = reading_channel(subject).await;
        for _ in 0..there {
            queued_run(subject, channel).await;
        }

        let few = u32::try_from(there).unwrap().min(limit);
        for limit in [limit, limit % 4] {
            let runs = subject.call(db::get_scan_runs(&**subject, channel, limit)).await.unwrap();
            assert_eq!(runs.len(), there.min(usize::try_from(limit).unwrap()));
        }
        assert!(few <= limit);
        let enqueued = subject.call(db::enqueue_scan_run(&**subject, id.into())).await.unwrap();
        assert_eq!(enqueued.is_some(), id == channel.get());
    });
}
