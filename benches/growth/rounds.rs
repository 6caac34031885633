//! Measures the time per call in a few rounds.

use std::time::{Duration, Instant};

use clip_saver_db::Error;

use crate::common::numbers::Spread;

/// The most rounds of a point.
const MOST: usize = 11;

/// The fewest rounds of a point, however long they take.
const FEWEST: usize = 3;

/// The least measured time of a round.
const ROUND: Duration = Duration::from_millis(20);

/// No further round begins after this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Measures a call. It is given its number and returns how long it took. The result is in seconds.
pub async fn rounds(call: impl AsyncFn(u64) -> Duration) -> Spread {
    let mut number = 0..;
    let mut call = async || call(number.next().expect("the range has no end")).await;
    // A connection plans a statement again at each of its first five calls.
    round(&mut call).await;
    let started = Instant::now();
    let mut seconds = Vec::new();
    while seconds.len() < FEWEST || (seconds.len() < MOST && started.elapsed() < PATIENCE) {
        seconds.push(round(&mut call).await);
    }
    Spread::of(seconds)
}

/// Seconds per call.
async fn round(call: &mut impl AsyncFnMut() -> Duration) -> f64 {
    let (mut time, mut calls) = (Duration::ZERO, 0);
    while time < ROUND {
        time += call().await;
        calls += 1;
    }
    time.as_secs_f64() / f64::from(calls)
}

/// How long a call takes. Checks the answer, because a call that finds nothing would be fast.
pub async fn took<T>(call: impl Future<Output = Result<T, Error>>, is_right: impl Fn(&T) -> bool) -> Duration {
    let started = Instant::now();
    let answer = call.await.expect("the call succeeds");
    assert!(is_right(&answer), "the call does what it is measured for");
    drop(answer);
    started.elapsed()
}
