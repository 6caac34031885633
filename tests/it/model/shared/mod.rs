//! Shared scans, coverage and clips as a model in memory. Random calls run one after the other on the database and on the model:
//! each must give the same answer, and both must hold the same at the end. `MODEL_SEED` repeats the calls of a failed test run.

mod calls;
mod pages;
mod state;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::calls::{Call, Names};
use self::state::{CHANNELS, Model};
use super::Seed;
use crate::support::TestDatabase;
use crate::support::scans::channel_of;

const CALLS: usize = 150;
const SEEDS: u64 = 4;

fn calls(seed: u64) -> Vec<Call> {
    let bytes: Vec<u8> = [seed; 4].iter().flat_map(|seed| seed.to_le_bytes()).collect();
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    vec(Call::any(), CALLS).new_tree(&mut runner).expect("the strategy generates calls").current()
}

async fn compare_with_model(seed: u64) {
    let database = TestDatabase::new().await;
    for (guild, channel) in CHANNELS {
        channel_of(&database, guild, channel).await;
    }
    let (mut model, mut names) = (Model::new(), Names::default());
    for (number, call) in calls(seed).iter().enumerate() {
        let answer = call.on_database(&database, &mut names).await;
        assert_eq!(answer, call.on_model(&mut model), "call {number}: {call:?}");
    }
    assert_eq!(state::stored(&database, &names).await, model.rows());
}

#[tokio::test]
async fn the_database_equals_the_model_of_shared_scans_after_150_calls() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    let seeds = match env::var("MODEL_SEED") {
        Ok(seed) => vec![seed.parse().expect("MODEL_SEED is a number")],
        Err(_) => (0..SEEDS).map(|n| now().as_secs() * SEEDS + n).collect(),
    };
    for seed in seeds {
        let seed = Seed(seed);
        compare_with_model(seed.0).await;
    }
}
