//! The contract as a model in memory. 8 tasks make 200 random calls on the database and on a model of maps. Both must give
//! the same answers and hold the same rows at the end.
//!
//! Each task may make any call on its own rows, so the order of these calls is known. On rows that all tasks share it makes
//! calls whose order does not matter, and claims that exactly one task wins: to start a run, finish it, consume an intent.
//! `MODEL_SEED` repeats the calls of a failed test run. Their order is up to the server.

mod channels;
mod guilds;
mod install_intents;
mod scan_runs;
mod settings;
mod shared;
mod state;

use std::env;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clip_saver_db::{Db, Error, ScanRunId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value};

use self::channels::ChannelCall;
use self::guilds::GuildCall;
use self::install_intents::IntentCall;
use self::scan_runs::{RunCall, Runs};
use self::settings::SettingsCall;
use self::state::Model;
use crate::properties::named;
use crate::support::{TestDatabase, concurrently};

const TASKS: u64 = 8;
const CALLS_OF_A_TASK: usize = 25;
const SEEDS: u64 = 5;

/// The owner of the shared rows. A row's id is ten times its owner's number plus a small number.
const SHARED_OWNER: u64 = 0;

type Object = Map<String, Value>;

/// One call of the facade with its arguments.
#[derive(Debug, Clone)]
enum Call {
    Guild(GuildCall),
    Settings(SettingsCall),
    Channel(ChannelCall),
    Run(RunCall),
    Intent(IntentCall),
}

/// The result of a call without the values that only the database knows: times and generated ids.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Is(bool),
    Number(i64),
    Numbers(Option<Vec<i64>>),
    Ids(Vec<u64>),
    Object(Option<Object>),
    Refused(String),
}

impl Answer {
    fn of<T>(result: Result<T, Error>, answer: impl FnOnce(T) -> Self) -> Self {
        result.map_or_else(|error| Self::Refused(named(&error)), answer)
    }

    fn count(count: u64) -> Self {
        Self::Number(count.try_into().expect("the number is small"))
    }
}

impl Call {
    /// A call on a task's own rows.
    fn own(task: u64) -> impl Strategy<Value = Self> {
        prop_oneof![
            4 => GuildCall::own(task).prop_map(Self::Guild),
            2 => SettingsCall::own(task).prop_map(Self::Settings),
            6 => ChannelCall::own(task).prop_map(Self::Channel),
            5 => RunCall::own(task).prop_map(Self::Run),
            2 => IntentCall::own(task).prop_map(Self::Intent),
        ]
    }

    /// A call of a task on shared rows.
    fn shared(task: u64) -> impl Strategy<Value = Self> {
        prop_oneof![
            1 => SettingsCall::shared(task).prop_map(Self::Settings),
            3 => ChannelCall::shared(task).prop_map(Self::Channel),
            3 => RunCall::shared().prop_map(Self::Run),
            1 => IntentCall::shared().prop_map(Self::Intent),
        ]
    }

    async fn on_database(&self, db: &Db, runs: &mut Runs) -> Answer {
        match self {
            Self::Guild(call) => call.on_database(db).await,
            Self::Settings(call) => call.on_database(db).await,
            Self::Channel(call) => call.on_database(db).await,
            Self::Run(call) => call.on_database(db, runs).await,
            Self::Intent(call) => call.on_database(db).await,
        }
    }

    fn on_model(&self, model: &mut Model) -> Answer {
        match self {
            Self::Guild(call) => call.on_model(model),
            Self::Settings(call) => call.on_model(model),
            Self::Channel(call) => call.on_model(model),
            Self::Run(call) => call.on_model(model),
            Self::Intent(call) => call.on_model(model),
        }
    }
}

/// What a task did: its expected rows, its runs, and the answers of calls on shared rows.
struct Done {
    model: Model,
    runs: Vec<ScanRunId>,
    shared: Vec<(Call, Answer)>,
}

async fn work(db: Db, task: u64, calls: Vec<(bool, Call)>, shared_runs: Arc<[ScanRunId]>) -> Done {
    let mut runs = Runs { own: Vec::new(), shared: shared_runs };
    let mut done = Done { model: Model::of(task), runs: Vec::new(), shared: Vec::new() };
    for (is_shared, call) in calls {
        let answer = call.on_database(&db, &mut runs).await;
        if is_shared {
            done.shared.push((call, answer));
        } else {
            assert_eq!(answer, call.on_model(&mut done.model), "task {task}: {call:?}");
        }
    }
    Done { runs: runs.own, ..done }
}

/// The calls of each task for a seed, each with whether it is on shared rows.
fn calls(seed: u64) -> Vec<Vec<(bool, Call)>> {
    let bytes: Vec<u8> = [seed; 4].iter().flat_map(|seed| seed.to_le_bytes()).collect();
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let of_task = |task| {
        let own = Call::own(task).prop_map(|call| (false, call));
        let call = prop_oneof![3 => own, 1 => Call::shared(task).prop_map(|call| (true, call))];
        vec(call, CALLS_OF_A_TASK)
    };
    (1..=TASKS)
        .map(|task| of_task(task).new_tree(&mut runner).expect("the strategy generates calls").current())
        .collect()
}

/// The shared rows after all calls on them. Calls that won a claim come first, and no other call may win it.
fn shared_rows(mut model: Model, mut calls: Vec<(Call, Answer)>) -> Model {
    calls.sort_by_key(|(call, answer)| match (call, answer) {
        (Call::Run(call), Answer::Is(true)) if call.starts() => 0,
        (_, Answer::Is(true)) => 1,
        _ => 2,
    });
    for (call, answer) in calls {
        let expected = call.on_model(&mut model);
        if matches!(answer, Answer::Is(_) | Answer::Refused(_)) {
            assert_eq!(answer, expected, "{call:?}");
        }
    }
    model
}

async fn compare_with_model(seed: u64) {
    let database = TestDatabase::new().await;
    let (shared, shared_runs) = state::arrange(&database).await;
    let (db, calls) = (database.db.clone(), calls(seed));

    let done = concurrently(TASKS, |n| {
        let calls = calls[usize::try_from(n).expect("the number is small")].clone();
        work(db.clone(), n + 1, calls, Arc::clone(&shared_runs))
    })
    .await;

    let mut runs = vec![shared_runs.to_vec()];
    let mut on_shared = Vec::new();
    let mut expected = Model::default();
    for task in done {
        runs.push(task.runs);
        on_shared.extend(task.shared);
        expected.absorb(task.model);
    }
    expected.absorb(shared_rows(shared, on_shared));
    assert_eq!(Model::stored(&database, &runs).await, expected);
}

/// Prints itself if the test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("MODEL_SEED={} makes the calls again", self.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_equals_the_contracts_model_after_200_calls_of_8_tasks() {
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
