//! The server ends random sessions.

use crate::load::Load;
use crate::rig::{Rig, connect, shared_server, times};

const TERMINATE_ONE: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
    order by random() limit 1";

const TERMINATE_ALL: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_sessions_are_terminated_at_random() {
    let rig = Rig::new(shared_server()).await;
    let admin = connect(&rig.url).await;
    let load = Load::on(&rig);
    let mut terminated = 0;

    while terminated < times(200) {
        load.wait_for_successes(20).await;
        terminated += admin.execute(TERMINATE_ONE, &[]).await.unwrap();
    }

    let ledger = load.end().await;
    admin.execute(TERMINATE_ALL, &[]).await.unwrap();
    let refilled = rig.wait_until_full().await;
    ledger.assert_consistent(&format!("{terminated} sessions terminated"), &rig, refilled).await;
}
