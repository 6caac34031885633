//! Runs the sides in alternation.

use std::array::from_fn;
use std::time::Duration;

use tokio_postgres::Client;

use crate::check::{read, reset, written};
use crate::common::numbers::Spread;
use crate::common::server::Server;
use crate::cost::Cost;
use crate::diesel_peer::Diesel;
use crate::peer::{self, Input, Work};
use crate::sea_orm_peer::SeaOrm;
use crate::sqlx_peer::Sqlx;

/// Rounds of an operation. Each gives one ratio for each side.
const ROUNDS: usize = 25;

/// Turns in a round, so that all sides run under the same load of the machine.
const TURNS: usize = 8;

/// The least time that the hand-written side takes in a round, if one run is not longer.
const ROUND: Duration = Duration::from_millis(50);

/// The sides in the order of the table, after the one that they are compared with.
#[derive(Debug, Clone, Copy)]
enum Side {
    ByHand,
    Ours,
    Sqlx,
    Diesel,
    SeaOrm,
}

const SIDES: [Side; 5] = [Side::ByHand, Side::Ours, Side::Sqlx, Side::Diesel, Side::SeaOrm];

/// The libraries, connected to the server.
pub struct Peers {
    sqlx: Sqlx,
    diesel: Diesel,
    sea_orm: SeaOrm,
    input: Input,
    /// A plain connection, for what is not measured.
    client: Client,
}

impl Peers {
    pub async fn connect(server: &Server) -> Self {
        let url = server.url();
        Self {
            sqlx: Sqlx::connect(url).await,
            diesel: Diesel::new(url),
            sea_orm: SeaOrm::connect(url).await,
            input: Input::new(),
            client: server.connect().await,
        }
    }

    /// Wall time and client CPU time of each side but the hand-written one, divided by its: the medians of the rounds.
    pub async fn compare(&self, work: Work, ours: &impl AsyncFn(u64), by_hand: &impl AsyncFn(u64)) -> [[f64; 2]; 4] {
        let run = async |side, times| match side {
            Side::ByHand => by_hand(times).await,
            Side::Ours => ours(times).await,
            Side::Sqlx => peer::run(&self.sqlx, work, &self.input, times).await,
            Side::Diesel => peer::run(&self.diesel, work, &self.input, times).await,
            Side::SeaOrm => peer::run(&self.sea_orm, work, &self.input, times).await,
        };
        self.check(work, &run).await;
        let times = enough(&run).await;
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            rounds.push(one_round(round, times, &run).await);
        }
        let median = |place: usize, of: fn(&Cost) -> Duration| {
            let ratios = rounds.iter().map(|costs| of(&costs[place]).as_secs_f64() / of(&costs[0]).as_secs_f64());
            Spread::of(ratios).median
        };
        from_fn(|place| [median(place + 1, |cost| cost.wall), median(place + 1, |cost| cost.cpu)])
    }

    /// Lets each side run once, and compares what it wrote; what the libraries read, too. The other sides count what they read.
    async fn check(&self, work: Work, run: &impl AsyncFn(Side, u64)) {
        let mut expected = None;
        for side in SIDES {
            reset(&self.client, work).await;
            run(side, 1).await;
            let written = written(&self.client, work).await;
            assert!(
                *expected.get_or_insert_with(|| written.clone()) == written,
                "{work:?}: {side:?} writes other rows"
            );
        }
        let expected = read(&self.sqlx, work).await;
        assert!(read(&self.diesel, work).await == expected, "{work:?}: diesel-async reads other rows than sqlx");
        assert!(read(&self.sea_orm, work).await == expected, "{work:?}: SeaORM reads other rows than sqlx");
    }
}

/// How many runs make a round long enough. Finding out warms up all sides.
async fn enough(run: &impl AsyncFn(Side, u64)) -> usize {
    let mut times = 1;
    loop {
        let costs = one_round(0, times, run).await;
        if costs[0].wall >= ROUND {
            return times;
        }
        times *= 2;
    }
}

/// Runs all sides so many times, in turns; returns their costs. Each turn begins with another side, and every second one goes
/// backwards.
async fn one_round(round: usize, times: usize, run: &impl AsyncFn(Side, u64)) -> [Cost; 5] {
    let mut costs = [Cost::default(); 5];
    let turns = times.min(TURNS);
    for turn in 0..turns {
        let share = times * (turn + 1) / turns - times * turn / turns;
        let mut places: [usize; 5] = from_fn(|place| (place + round + turn) % SIDES.len());
        if (round + turn) % 2 == 1 {
            places.reverse();
        }
        for place in places {
            costs[place] += Cost::of(run(SIDES[place], share as u64)).await;
        }
    }
    costs
}
