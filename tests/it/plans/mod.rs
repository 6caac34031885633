//! The plan of each query on a large database: no query reads a whole table, or sorts more than a guild's rows where an
//! index could return them in order. The plans are stored in snapshots/, so a review shows every change.
//! `INSTA_UPDATE=always cargo test plans` accepts the current plans.

mod calls;
mod explain_client;
mod plan;
mod planned_once;

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use crate::project::style::files;
use crate::project::style_columns::generated;
use crate::support::TestDatabase;
use explain_client::ExplainClient;
use plan::{pages_read, rows_seen, sorts, tree, whole_reads};

/// The settings that plans depend on, so that plans are the same everywhere: PostgreSQL's defaults, except that random reads
/// are as cheap as on an SSD or in memory.
const SETTINGS: &str = "
    set random_page_cost = 1.1;
    set seq_page_cost = 1;
    set effective_cache_size = '4GB';
    set work_mem = '4MB';
    set max_parallel_workers_per_gather = 0;
    set jit = off";

/// PostgreSQL's default assumes a spinning disk. With it, PostgreSQL prefers to read rows in disk order and sort them.
const SPINNING_DISK: &str = "set random_page_cost = 4";

/// A query of queries/ and its plans.
struct Planned {
    name: String,
    custom: Value,
    generic: Value,
}

struct Plans {
    /// In the order of the files.
    reviewed: Vec<Planned>,
    /// The same on a spinning disk.
    on_spinning_disk: Vec<Planned>,
    /// Some of the queries, without their indexes.
    without_indexes: Vec<Planned>,
    /// Batches of 10,000 rows, as they ran.
    large_batches: Vec<Planned>,
    /// Batches of two rows, as they ran.
    small_batches: Vec<Planned>,
}

/// Counts tables with pages that are not marked all-visible. An index-only scan would have to read these pages.
const NOT_ALL_VISIBLE: &str = "select count(*) from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace and relallvisible < relpages";

/// Fills a database once for all tests in this file, reads the plans, and drops the database.
async fn plans() -> &'static Plans {
    static PLANS: OnceCell<Plans> = OnceCell::const_new();
    PLANS.get_or_init(read_plans).await
}

async fn read_plans() -> Plans {
    let database = TestDatabase::new().await;
    database.execute(include_str!("../../fixtures/large_database.sql")).await;
    database.execute("vacuum").await;
    while database.text(NOT_ALL_VISIBLE).await != "0" {
        // Vacuum skips rows whose commit the server has not written to disk yet. So it may need several attempts.
        database.execute("vacuum").await;
    }
    database.execute("analyze").await;
    let client = ExplainClient::at(&database.url()).await;
    client.execute(SETTINGS).await;
    let reviewed = planned(&client, "").await;
    let large_batches = large_batches(&client).await;
    let without_indexes = planned(&client, "drop index idx_bot_scan_runs_newest, idx_install_intents_expires").await;
    client.execute(SPINNING_DISK).await;
    let on_spinning_disk = planned(&client, "").await;
    client.execute(SETTINGS).await;
    let small_batches = small_batches(&client).await; // the last: statistics of pages stay when it is undone
    Plans { reviewed, on_spinning_disk, without_indexes, large_batches, small_batches }
}

/// Calls each function twice: the planner first knows the parameters' values, and then does not. `first` runs before the
/// calls and is undone afterwards.
async fn planned(client: &ExplainClient, first: &str) -> Vec<Planned> {
    let mut plans = Vec::new();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        client.execute(&format!("set plan_cache_mode = {mode}; begin; {first}")).await;
        calls::of_guilds(&client.client).await;
        calls::of_channels(&client.client).await;
        calls::of_guild_settings(&client.client).await;
        calls::of_install_intents(&client.client).await;
        calls::of_parts(&client.client).await;
        calls::of_scan_runs(&client.client).await;
        calls::of_scan_queue(&client.client).await;
        if first.is_empty() {
            calls::of_many_channels(&client.client).await; // without indexes it would take minutes
        }
        calls::of_scan_pages(&client.client).await;
        calls::of_clips(&client.client).await;
        calls::of_unreadable_rows(&client.client).await;
        calls::of_users(&client.client).await;
        client.execute("rollback").await;
        plans.push(client.take());
    }
    of_each_query(&plans)
}

/// Calls each function that takes batches twice, as `planned` does. The plans say how many rows they have seen.
async fn large_batches(client: &ExplainClient) -> Vec<Planned> {
    as_they_ran(client, "", async |client| calls::of_large_batches(client).await).await
}

/// The average decides about a plan that is made without knowing the values. Here most channels have few clips, but the calls are
/// of one with 250,000.
const FEW_CLIPS: &str =
    "alter table bot_clips alter channel_id set (n_distinct = -0.1); analyze bot_clips (channel_id)";

/// The same for small batches.
async fn small_batches(client: &ExplainClient) -> Vec<Planned> {
    as_they_ran(client, FEW_CLIPS, async |client| calls::of_small_batches(client).await).await
}

/// As `planned`, but the plans say what the calls have read.
async fn as_they_ran(client: &ExplainClient, first: &str, calls: impl AsyncFn(&Client)) -> Vec<Planned> {
    let mut plans = Vec::new();
    client.execute("set auto_explain.log_analyze = on; set auto_explain.log_timing = off").await;
    client.execute("set auto_explain.log_buffers = on").await;
    for mode in ["force_custom_plan", "force_generic_plan"] {
        client.execute(&format!("set plan_cache_mode = {mode}; begin; {first}")).await;
        calls(&client.client).await;
        client.execute("rollback").await;
        plans.push(client.take());
    }
    client.execute("set auto_explain.log_analyze = off").await;
    of_each_query(&plans)
}

/// The first plan of each query, of both kinds.
fn of_each_query(plans: &[Vec<(String, Value)>]) -> Vec<Planned> {
    let queries = files("codegen/queries", ".rs").into_iter().flat_map(|(_, rust)| generated(&rust));
    let planned = queries.filter_map(|query| {
        let of_query =
            |plans: &[(String, Value)]| plans.iter().find(|(sql, _)| *sql == query.sql).map(|(_, plan)| plan.clone());
        Some(Planned { custom: of_query(&plans[0])?, generic: of_query(&plans[1])?, name: query.name.clone() })
    });
    planned.collect()
}

/// Reads every table, and sorts what it finds: it is for people.
const FOR_PEOPLE: &str = "get_unreadable_rows";

/// The findings of a rule in the plans of each query that programs run.
fn found(planned: &[Planned], rule: impl Fn(&Value) -> Vec<String>) -> Vec<String> {
    let of_query = |Planned { name, custom, generic }: &Planned| {
        let both = BTreeSet::from_iter([rule(custom), rule(generic)].concat());
        both.into_iter().map(|what| format!("{name}: {what}")).collect::<Vec<_>>()
    };
    planned.iter().filter(|planned| planned.name != FOR_PEOPLE).flat_map(of_query).collect()
}

#[tokio::test]
async fn every_query_has_a_plan() {
    let sql = files("queries", ".sql");
    let titles = sql.iter().flat_map(|(_, sql)| sql.lines().filter_map(|line| line.strip_prefix("--! ")));
    let mut written: Vec<_> = titles.map(|title| title.split([' ', '(']).next().unwrap_or_default()).collect();
    let planned = &plans().await.reviewed;

    written.retain(|name| planned.iter().all(|planned| planned.name != *name));

    assert_eq!(written, [""; 0], "tests/it/plans/calls.rs must call each query, and codegen/ must be up to date");
}

/// Without reads of the table that has a row for each priority.
fn large(found: Vec<String>) -> Vec<String> {
    found.into_iter().filter(|read| !read.contains("Seq Scan on bot_scan_queue")).collect()
}

#[tokio::test]
async fn no_query_reads_a_table_from_end_to_end() {
    let plans = plans().await;
    // This query returns all guilds.
    let exception = "get_guilds: Seq Scan on bot_guilds";

    assert_eq!(large(found(&plans.reviewed, whole_reads)), [exception]);
    assert_eq!(large(found(&plans.on_spinning_disk, whole_reads)), [exception]);
}

#[tokio::test]
async fn no_query_sorts_more_than_a_guilds_rows_that_an_index_could_return_in_order() {
    let exceptions = [
        // It reads the whole table, which is smaller than such an index and its rows together.
        "get_guilds: Sort by (length(guild_id)), guild_id COLLATE \"C\"",
        // It needs the channels of several guilds in one order. An index holds them by guild.
        "delete_guilds: Sort by c.channel_id",
        // A page's new authors, in one order, for their locks.
        "record_scan_page: Sort by p_1.user_id",
        // The intervals of one channel.
        "get_scan_coverage: Sort by (lower(i.covered))",
        "get_scan_gaps: Sort by (lower(i.gap))",
        // The priorities, and at most 100 claims.
        "claim_queued_scan_runs: Sort by bot_scan_queue.priority DESC",
        "claim_queued_scan_runs: Sort by claimed.priority DESC, claimed.turn, claimed.created_at, claimed.id",
        "claim_scan_runs: Sort by bot_channel_scan_runs.id",
        "claim_scan_runs: Sort by bot_scan_queue.priority DESC",
        "claim_scan_runs: Sort by claimed.priority DESC, claimed.turn, claimed.created_at, claimed.id",
        // Runs and their channels in one order, for their locks.
        "cancel_scans: Sort by bot_channel_scan_runs_1.id",
        "cancel_scans: Sort by bot_channels.channel_id",
        // At most 500 channels, and the active runs of one.
        "get_scan_states: Sort by (length(c.channel_id)), c.channel_id COLLATE \"C\"",
        "get_scan_states: Sort by r.status DESC, r.created_at, r.id",
    ];

    assert_eq!(found(&plans().await.reviewed, sorts), exceptions);
}

/// A session has one plan for all batches of a statement (`planned_once.rs`). It is made without knowing the values.
#[tokio::test]
async fn a_batch_of_10_000_rows_does_not_suffer_from_the_plan_of_a_small_one() {
    let large = &plans().await.large_batches;

    for Planned { name, custom, generic } in large {
        let (planned_for_it, of_all) = (rows_seen(custom), rows_seen(generic));
        assert!(of_all < 2.0 * planned_for_it, "{name}: {of_all} rows instead of {planned_for_it}");
    }
    assert_eq!(large.len(), 10);
}

/// The session's plan is made for ten rows, and for a channel with an average number of rows.
#[tokio::test]
async fn a_batch_of_two_rows_does_not_suffer_from_the_plan_of_a_larger_one() {
    let small = &plans().await.small_batches;

    for Planned { name, custom, generic } in small {
        let (planned_for_it, of_all) = (pages_read(custom), pages_read(generic));
        assert!(of_all < 2 * planned_for_it, "{name}: {of_all} pages instead of {planned_for_it}");
        assert!(of_all < 200, "{name}: {of_all} pages for two rows");
    }
    assert_eq!(small.len(), 10);
}

#[tokio::test]
async fn a_missing_index_is_found() {
    let planned = &plans().await.without_indexes;

    let whole = [
        "get_guilds: Seq Scan on bot_guilds",
        "purge_expired_install_intents: Seq Scan on install_intents",
        "get_scan_runs: Seq Scan on bot_channel_scan_runs",
    ];
    assert_eq!(large(found(planned, whole_reads)), whole);
    let sorts = found(planned, sorts);
    assert!(sorts.iter().any(|found| found == "get_scan_runs: Sort by created_at DESC, id"), "{sorts:#?}");
}

/// The plan that runs at each call.
#[tokio::test]
async fn the_plans_are_those_that_were_reviewed() {
    let plans = plans().await;
    let written = plans.reviewed.iter().map(|planned| format!("{}\n{}\n", planned.name, tree(&planned.generic)));

    insta::assert_snapshot!(without_new_ids(&written.collect::<Vec<_>>().join("\n")));
}

/// The plans without the ids that the server makes up: those of the large database begin with zeros.
fn without_new_ids(plans: &str) -> String {
    let parts = plans.split("'::uuid").map(|part| match part.rsplit_once('\'') {
        Some((before, id)) if id.len() == 36 && !id.starts_with("00000000") => format!("{before}'…"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("'::uuid")
}
