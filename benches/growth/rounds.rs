//! Time per call, in a few rounds.

use std::time::{Duration, Instant};

use clip_saver_db::Error;

use crate::common::numbers::Spread;

/// Rounds of a point, unless it takes too long.
const MOST: usize = 11;

/// Rounds of a point, however long it takes.
const FEWEST: usize = 3;

/// A round goes on until so much time is measured.
const ROUND: Duration = Duration::from_millis(20);

/// No round is begun after so much time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Measures a call, which is given its number and says how long it took, in seconds.
pub async fn rounds(call: impl AsyncFn(u64) -> Duration) -> Spread {
    let mut number = 0..;
    let mut call = async || call(number.next().expect("the range has no end")).await;
    // A connection plans a statement anew at its first five calls.
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

/// How long a call takes. It must give the answer that is expected: a call that finds nothing would be quick.
pub async fn took<T>(call: impl Future<Output = Result<T, Error>>, is_right: impl Fn(&T) -> bool) -> Duration {
    let started = Instant::now();
    let answer = call.await.expect("the call succeeds");
    assert!(is_right(&answer), "the call does what it is measured for");
    drop(answer);
    started.elapsed()
}
