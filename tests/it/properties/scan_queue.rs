//! The queue: any request, any claim, any reason.

use std::time::Duration;

use clip_saver_db::{
    CancelScope, LeaseState, RecordedScanPage, ScanClaim, ScanRequest, ScanRequested, ScanWorker, repositories as db,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::strategies::{id, is_bad_text, is_bad_time, is_stored_as, text, time};
use super::{check_property, first};
use crate::support::changed;
use crate::support::scans::{LEASE, channel_of, claim, claimed, page};

/// The shortest lease that a function takes.
const SHORTEST_LEASE: Duration = Duration::from_millis(1);

/// Longer than a few calls take, whatever else the machine does.
const MOMENT: Duration = Duration::from_mins(10);

/// The longest time that a function takes.
pub const CENTURY: Duration = Duration::from_hours(100 * 366 * 24);

pub fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (1..100_000_u64).prop_map(Duration::from_secs),
        1 => any::<Duration>(),
        2 => select(vec![
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_nanos(999_999),
            SHORTEST_LEASE,
            CENTURY,
            CENTURY.saturating_add(Duration::from_nanos(1)),
            Duration::MAX,
        ]),
    ]
}

const fn is_too_large(id: u64) -> bool {
    id > i64::MAX as u64
}

#[test]
fn any_request_is_stored_or_refused() {
    let request = (option::of(id()), option::of(id()), any::<i16>(), option::of(time()));
    check_property(96, &request, async |subject, (after, before, priority, not_before)| {
        let channel = channel_of(subject, 1001, 2001).await;
        let request = changed!(
            ScanRequest::new(),
            after = after.map(Into::into),
            before = before.map(Into::into),
            priority,
            not_before,
        );

        let requested = subject.call(db::request_scan(&**subject, channel, &request)).await;

        let is_empty = after.zip(before).is_some_and(|(after, before)| before <= after || before - after == 1);
        let bad = first([
            ("after", after.is_some_and(is_too_large)),
            ("before", before.is_some_and(is_too_large) || is_empty),
            ("not_before", is_bad_time(not_before)),
        ]);
        if let Some(field) = bad {
            assert_eq!(requested, Err(field));
            return;
        }
        let Ok(ScanRequested::Enqueued(run)) = requested else { panic!("{requested:?}") };
        let again = subject.call(db::request_scan(&**subject, channel, &request)).await;
        assert_eq!(again, Ok(ScanRequested::AlreadyActive(run)));
        let stored = subject.row("select priority, not_before from bot_channel_scan_runs", &[]).await;
        assert_eq!(stored.get::<_, i16>(0), priority);
        assert!(is_stored_as(not_before, stored.get(1)));
        subject.row("update bot_channel_scan_runs set not_before = null returning 1", &[]).await;
        let claim = claim(subject).await;
        assert_eq!((claim.after, claim.before), (request.after, request.before));
    });
}

#[test]
fn any_limit_and_lease_of_a_claim_is_kept_or_refused() {
    check_property(
        48,
        &(0..6_usize, any::<u32>(), duration(), text()),
        async |subject, (there, limit, lease, name)| {
            let channel = channel_of(subject, 1001, 2001).await;
            for number in 0..there {
                let request = ScanRequest::new().with_after((number as u64).into());
                db::request_scan(&**subject, channel, &request).await.unwrap();
            }
            for limit in [limit, limit % 8] {
                let worker = ScanWorker::new(name.clone());
                let claims = subject.call(db::claim_scan_runs(&**subject, &worker, limit, lease)).await;
                let bad = first([
                    ("worker", is_bad_text(&name)),
                    ("limit", !(1..=100).contains(&limit)),
                    ("lease", !(SHORTEST_LEASE..=CENTURY).contains(&lease)),
                ]);
                match claims {
                    Err(field) => assert_eq!(Some(field), bad),
                    Ok(claims) => {
                        assert_eq!(bad, None);
                        assert!(claims.len() <= usize::try_from(limit).unwrap());
                    }
                }
            }
        },
    );
}

#[test]
fn any_lease_of_a_renewal_is_kept_or_refused() {
    check_property(48, &duration(), async |subject, lease| {
        let claim = claimed(subject).await;

        let renewed = subject.call(db::renew_scan_lease(&**subject, &claim, lease)).await;

        let is_kept = (SHORTEST_LEASE..=CENTURY).contains(&lease);
        assert_eq!(renewed, if is_kept { Ok(LeaseState::Held) } else { Err("lease".into()) });
    });
}

#[test]
fn any_reason_and_time_of_a_failure_is_stored_or_refused() {
    check_property(64, &(text(), option::of(time())), async |subject, (reason, retry_at)| {
        let claim = claimed(subject).await;

        let failed = subject.call(db::fail_scan(&**subject, &claim, &reason, retry_at)).await;

        if let Some(field) = first([("reason", is_bad_text(&reason)), ("retry_at", is_bad_time(retry_at))]) {
            assert_eq!(failed, Err(field));
            return;
        }
        assert_eq!(failed, Ok(true));
        let columns = "select error_message, not_before, status::text from bot_channel_scan_runs";
        let stored = subject.row(columns, &[]).await;
        assert_eq!(stored.get::<_, String>(0), reason);
        assert!(is_stored_as(retry_at, stored.get(1)));
        assert_eq!(stored.get::<_, String>(2), if retry_at.is_some() { "queued" } else { "failed" });
    });
}

#[test]
fn calls_with_any_unknown_claim_find_and_change_nothing() {
    let claim = (any::<u128>(), any::<i64>(), id(), id());
    check_property(48, &(claim, text()), async |subject, ((run, token, channel, guild), reason)| {
        claimed(subject).await;
        let run = Uuid::from_u128(run).into();
        let claim = ScanClaim::new(run, token, channel.into(), guild.into());
        let before = subject.everything().await;

        assert_eq!(subject.call(db::complete_scan(&**subject, &claim)).await, Ok(false));
        assert_eq!(subject.call(db::complete_scans(&**subject, &[claim, claim])).await, Ok(Vec::new()));
        assert_eq!(subject.call(db::release_scan(&**subject, &claim)).await, Ok(false));
        assert_eq!(subject.call(db::renew_scan_lease(&**subject, &claim, LEASE)).await, Ok(LeaseState::Lost));
        assert!(!subject.call(db::fail_scan(&**subject, &claim, &reason, None)).await.unwrap_or_default());
        assert_eq!(subject.call(db::request_scan_cancel(&**subject, run)).await, Ok(false));
        let recorded = subject.call(db::record_scan_page(&**subject, &claim, &page(1, 5))).await;
        assert_eq!(recorded, Ok(RecordedScanPage::Lost));
        assert_eq!(subject.everything().await, before);
    });
}

#[test]
fn any_guild_and_channel_can_be_asked_for_and_canceled() {
    check_property(48, &(id(), vec(id(), 0..5), id()), async |subject, (guild, channels, up_to)| {
        let known = claimed(subject).await;
        let channels: Vec<_> = channels.into_iter().map(Into::into).collect();

        assert_eq!(subject.call(db::get_scan_states(&**subject, guild.into())).await, Ok(Vec::new()));
        for channel in &channels {
            assert_eq!(subject.call(db::get_scan_coverage(&**subject, *channel)).await, Ok(Vec::new()));
            let gaps = subject.call(db::get_scan_gaps(&**subject, *channel, up_to.into())).await;
            assert_eq!(gaps, if is_too_large(up_to) { Err("up_to".into()) } else { Ok(Vec::new()) });
        }
        let canceled = subject.call(db::cancel_scans(&**subject, CancelScope::Guild(guild.into()))).await;
        assert_eq!(canceled, Ok(0));
        assert_eq!(subject.call(db::cancel_scans(&**subject, CancelScope::Channels(&channels))).await, Ok(0));
        let with_the_known: Vec<_> = channels.into_iter().chain([known.channel_id, known.channel_id]).collect();
        let canceled = subject.call(db::cancel_scans(&**subject, CancelScope::Channels(&with_the_known))).await;
        assert_eq!(canceled, Ok(1));
    });
}

#[test]
fn any_age_and_number_of_runs_to_keep_is_accepted_or_refused() {
    let keep = prop_oneof![Just(0), any::<u32>()];
    check_property(48, &(duration(), keep), async |subject, (older_than, keep)| {
        let claim = claimed(subject).await;
        db::complete_scan(&**subject, &claim).await.unwrap();

        let purged = subject.call(db::purge_finished_scan_runs(&**subject, older_than, keep)).await;

        match purged {
            Err(field) => assert!(field == "older_than" && older_than > CENTURY),
            Ok(deleted) if older_than < Duration::from_micros(1) => assert_eq!(deleted, u64::from(keep == 0)),
            // The run is a few calls old.
            Ok(deleted) if older_than < MOMENT => assert!(deleted <= u64::from(keep == 0)),
            Ok(deleted) => assert_eq!(deleted, 0),
        }
        let stats = subject.call(db::scan_queue_stats(&**subject)).await.unwrap();
        assert_eq!((stats.queued, stats.running, stats.oldest), (0, 0, None));
    });
}
