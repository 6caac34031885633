//! Connections are cut at a statement: before the server receives it, when the server has half of it, after the server
//! has run it, and in the middle of the answer.

use std::collections::BTreeSet;

use clip_saver_db::{ChannelSnapshot, ErrorKind, GenericClient as _, repositories as db};

use crate::ledger::{Outcome, outcome_of};
use crate::load::Load;
use crate::proxy::{Flight, Place, through_a_proxy};
use crate::rig::{Rig, connect, the_guild, times};

/// All places, in order.
pub const PLACES: [Place; 4] = [Place::BeforeStatement, Place::InStatement, Place::BeforeAnswer, Place::InAnswer];

/// Makes the channel on which the tests count.
pub const CHANNEL: &str = "insert into bot_channels (channel_id, guild_id) values ('7', '1')";

/// The messages that are counted on the channel.
pub async fn count(rig: &Rig) -> i64 {
    let sql = "select message_count from bot_channels where channel_id = '7'";
    connect(&rig.url).await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_connections_are_cut_at_a_statement() {
    let (proxy, rig) = through_a_proxy().await;
    let load = Load::on(&rig);
    let cuts = times(120);

    for (number, place) in (0..cuts).zip(PLACES.into_iter().cycle()) {
        proxy.cut_next(Flight::Run, place);
        proxy.wait_for_cuts(number + 1).await;
        load.wait_for_successes(20).await;
    }

    let ledger = load.end().await;
    let refilled = rig.wait_until_full().await;
    ledger.assert_consistent(&format!("{cuts} connections cut at a statement"), &rig, refilled).await;
}

/// As a NAT does to a connection that was idle for long: it ends at its next use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_leaves_its_neighbours() {
    let (proxy, rig) = through_a_proxy().await;
    let before = pids(&rig).await;
    proxy.cut_next(Flight::Run, Place::BeforeStatement);

    let guild = db::get_guild(&rig.db, the_guild()).await;

    assert!(guild.unwrap().is_some());
    proxy.wait_for_cuts(1).await;
    let after = pids(&rig).await;
    assert_eq!((before.len(), before.intersection(&after).count()), (16, 15));
}

/// The backends of all connections of the pool.
async fn pids(rig: &Rig) -> BTreeSet<i32> {
    let mut pids = BTreeSet::new();
    for connection in rig.all_connections().await.unwrap() {
        let pid = connection.prepare("select pg_backend_pid()").await.unwrap();
        pids.insert(connection.query_one(&pid, &[]).await.unwrap().get(0));
    }
    pids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_at_a_write_leaves_its_outcome_unknown() {
    let (proxy, rig) = through_a_proxy().await;
    rig.execute(CHANNEL).await;
    db::increment_channel_message_count(&rig.db, 7.into(), 1).await.unwrap();

    for (cut, is_stored) in PLACES.into_iter().zip([0, 0, 1, 1]) {
        let before = count(&rig).await;
        proxy.cut_next(Flight::Run, cut);

        let error = db::increment_channel_message_count(&rig.db, 7.into(), 1).await.unwrap_err();

        assert_eq!(outcome_of(&error), Outcome::Unknown, "{cut:?}: {error:?}");
        assert_eq!(count(&rig).await - before, is_stored, "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_at_a_commit_leaves_its_outcome_unknown() {
    let (proxy, rig) = through_a_proxy().await;
    rig.execute(CHANNEL).await;

    for (cut, is_stored) in PLACES.into_iter().zip([0, 0, 1, 1]) {
        let before = count(&rig).await;
        let transaction = rig.db.begin().await.unwrap();
        db::increment_channel_message_count(&transaction, 7.into(), 1).await.unwrap();
        proxy.cut_next(Flight::Words, cut);

        let error = transaction.commit().await.unwrap_err();

        assert_eq!(outcome_of(&error), Outcome::Unknown, "{cut:?}: {error:?}");
        assert_eq!(count(&rig).await - before, is_stored, "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_while_a_write_is_prepared_stores_nothing_and_the_error_says_so() {
    for cut in PLACES {
        let (proxy, rig) = through_a_proxy().await;
        rig.execute(CHANNEL).await;
        proxy.cut_next(Flight::Prepare, cut);

        let error = db::increment_channel_message_count(&rig.db, 7.into(), 1).await.unwrap_err();

        assert!(error.kind() == ErrorKind::Connection, "{cut:?}: {error:?}");
        assert_eq!(count(&rig).await, 0, "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotent_write_is_sent_again_when_its_connection_is_cut() {
    let (proxy, rig) = through_a_proxy().await;
    let channel = [ChannelSnapshot::new(7.into(), "channel", "text")];
    db::upsert_channels_for_guild(&rig.db, the_guild(), &channel).await.unwrap();

    for (number, cut) in (1..).zip(PLACES) {
        proxy.cut_next(Flight::Run, cut);

        let written = db::upsert_channels_for_guild(&rig.db, the_guild(), &channel).await;

        assert_eq!(written.unwrap(), 1, "{cut:?}");
        proxy.wait_for_cuts(number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_sent_again_when_its_connection_is_cut() {
    let (proxy, rig) = through_a_proxy().await;
    db::get_channels_by_guild(&rig.db, the_guild()).await.unwrap();

    for (number, cut) in (1..).zip(PLACES) {
        proxy.cut_next(Flight::Run, cut);
        let channels = db::get_channels_by_guild(&rig.db, the_guild()).await;

        assert_eq!(channels.unwrap(), [], "{cut:?}");
        proxy.wait_for_cuts(number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_network_makes_calls_slow_and_causes_no_error() {
    let (proxy, rig) = through_a_proxy().await;
    proxy.throttle();
    let load = Load::on(&rig);

    for _ in 0..times(1) {
        load.wait_for_successes(500).await;
    }

    let ledger = load.end().await;
    let refilled = rig.wait_until_full().await;
    assert_eq!(ledger.errors.len(), 0, "{:?}", ledger.errors);
    ledger.assert_consistent("16 bytes a millisecond", &rig, refilled).await;
}
