//! 1,000 tasks on 4 connections: every call gets its turn.

use std::time::{Duration, Instant};

use clip_saver_db::{Db, Error, repositories as db};
use tokio::task::JoinSet;

use crate::ledger::report;
use crate::rig::{Rig, TEST_TIMEOUT, shared_server, the_guild};

const TASKS: usize = 1000;
const CALLS: usize = 5;

/// The duration of each call of 1,000 tasks. Each task makes its calls one after the other.
async fn durations<F>(db: &Db, call: impl Fn(Db) -> F + Copy + Send + 'static) -> Vec<Duration>
where
    F: Future<Output = Result<bool, Error>> + Send,
{
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let db = db.clone();
        tasks.spawn(async move {
            let mut durations = [Duration::ZERO; CALLS];
            for duration in &mut durations {
                let begun = Instant::now();
                assert!(call(db.clone()).await.unwrap());
                *duration = begun.elapsed();
            }
            durations
        });
    }
    let mut durations = tasks.join_all().await.concat();
    durations.sort();
    durations
}

fn report_durations(calls: &str, durations: &[Duration]) {
    let (median, longest) = (durations[durations.len() / 2], durations[durations.len() - 1]);
    let ratio = longest.as_secs_f64() / median.as_secs_f64();
    report(&format!(
        "{TASKS} tasks on 4 connections, {} {calls}: median {median:.1?}, longest {longest:.1?}, {ratio:.1} times the median",
        durations.len()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tasks_on_four_connections_all_get_their_answers() {
    let direct = Rig::new(shared_server()).await;
    let mut config = direct.config.clone();
    config.pool_max = 4;
    config.acquire_timeout = TEST_TIMEOUT;
    let db = Db::connect(config).await.unwrap();

    let writes = durations(&db, async |db: Db| db::touch_guild(&db, the_guild()).await).await;
    let reads = durations(&db, async |db: Db| Ok(db::get_guild(&db, the_guild()).await?.is_some())).await;

    report_durations("writes", &writes);
    report_durations("reads", &reads);
}
