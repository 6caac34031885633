//! The name of a call on the server: the SQL of each query holds the query's name.

use clip_saver_db::repositories as db;

use crate::support::races::LockHolder;
use crate::support::{TestDatabase, reading_channel};

#[tokio::test]
async fn the_servers_activity_shows_a_waiting_call_by_its_name() {
    let database = TestDatabase::new().await;
    let channel = reading_channel(&database).await;
    let lock_holder = LockHolder::new(&database, "select from bot_channels for update").await;

    let handle = database.db.clone();
    let call = tokio::spawn(async move { db::touch_channel_activity(&handle, channel).await });
    lock_holder.wait_until_blocked(1).await;
    let waiting = "select query from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let query = database.text(waiting).await;
    lock_holder.rollback().await;

    assert!(query.starts_with("update /* touch_channel_activity */ "), "{query}");
    assert!(call.await.unwrap().unwrap());
}
