//! Install intents: any state, any time to live, any grace.

use std::time::Duration;

use clip_saver_db::{NewInstallIntent, repositories as db};
use proptest::prelude::*;
use proptest::sample::select;

use super::strategies::{id, is_bad_text, text};
use super::{check_property, first};
use crate::support::user;

const CENTURY: Duration = Duration::from_hours(100 * 366 * 24);

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => (0..4_000_000_000_u64, any::<u32>()).prop_map(|(s, n)| Duration::new(s, n % 1_000_000_000)),
        1 => (any::<u64>(), any::<u32>()).prop_map(|(s, n)| Duration::new(s, n % 1_000_000_000)),
        1 => select(vec![Duration::ZERO, CENTURY, CENTURY + Duration::from_nanos(1), Duration::MAX]),
    ]
}

/// Any text, also texts that are about as long as a state may be.
fn state() -> impl Strategy<Value = String> {
    let long = (1_900..2_100_usize, any::<u64>()).prop_map(|(length, seed)| {
        let letters = (0_u64..).map(|n| char::from(b'!' + (n.wrapping_mul(seed | 1) >> 7).to_le_bytes()[0] % 90));
        letters.take(length).collect()
    });
    prop_oneof![6 => text(), 1 => long]
}

#[test]
fn any_intent_is_stored_read_and_consumed_once_or_refused() {
    check_property(48, &(state(), id(), id(), duration()), async |subject, (state, owner, guild, lifetime)| {
        user(subject, 1).await;
        let intent = NewInstallIntent::new(state, owner.into(), guild.into(), lifetime);

        let created = subject.call(db::create_install_intent(&**subject, &intent)).await;

        let bad_state = is_bad_text(&intent.state);
        let refused = first([
            ("state", bad_state || intent.state.len() > 2_000),
            ("lifetime", lifetime > CENTURY),
            ("install_intents_user_id_fkey", owner != 1),
        ]);
        let is_there = refused.is_none();
        if let Some(refused) = refused {
            assert_eq!(created, Err(refused));
        } else {
            let stored = "(select state = $1 and guild_id = $2 and expires_at - created_at = make_interval(secs => $3)
                from install_intents)";
            let guild = intent.guild_id.to_string();
            assert!(subject.is_true(stored, &[&intent.state, &guild, &lifetime.as_secs_f64()]).await);
            let again = subject.call(db::create_install_intent(&**subject, &intent)).await;
            assert_eq!(again, Err("install_intents_pkey".into()));
        }
        let read = subject.call(db::get_install_intent(&**subject, &intent.state)).await;
        let taken = subject.call(db::consume_install_intent(&**subject, &intent.state)).await;
        let again = subject.call(db::consume_install_intent(&**subject, &intent.state)).await;
        if bad_state {
            assert_eq!([read, taken, again], [(); 3].map(|()| Err("state".to_owned())));
        } else {
            let is_running = lifetime > Duration::from_secs(1);
            let mut given = created.ok();
            assert_eq!(read.unwrap(), given);
            given = if is_running { given } else { taken.clone().unwrap() };
            assert_eq!((taken.unwrap(), again.unwrap()), (given, None));
        }
        assert!(is_there || subject.is_true("(select count(*) from install_intents) = 0", &[]).await);
    });
}

#[test]
fn any_grace_up_to_a_century_is_accepted_and_others_are_refused() {
    check_property(48, &(duration(), -4_000_000_000..4_000_000_000_i64), async |subject, (grace, ago)| {
        user(subject, 1).await;
        let expired = "insert into install_intents values
            ('x', '1', '1', now(), now() at time zone 'utc' - make_interval(secs => $1))";
        #[expect(clippy::cast_precision_loss, reason = "below 2^52")]
        let seconds = ago as f64;
        subject.sql.execute(expired, &[&seconds]).await.unwrap();

        let purged = subject.call(db::purge_expired_install_intents(&**subject, grace)).await;

        if grace > CENTURY {
            assert_eq!(purged, Err("grace".into()));
        } else {
            let is_due = u64::try_from(ago).is_ok_and(|ago| Duration::from_secs(ago) >= grace);
            assert_eq!(purged, Ok(u64::from(is_due)));
        }
    });
}
