//! PgBouncer: programs do not start behind one that mixes up prepared statements. Otherwise calls get their own rows.

use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clip_saver_db::{
    Config, Db, Error, ErrorKind, GuildId, GuildSnapshot, PreparedStatements, UserId, repositories as db,
};
use futures::future::{FutureExt as _, join_all};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;
use tokio_postgres::config::Host;

use crate::project::examples::example;
use crate::support::every_function::{Rows, call_and_undo, names};
use crate::support::{Server, TestDatabase, concurrently, connect, create_database, guild, server_url, url_of, value};

/// Programs send their statement timeout as a start-up option.
const IGNORES_OPTIONS: &str = "ignore_startup_parameters=options";

/// By default it waits 15 seconds after the server has refused it once: because it was full for a moment, for example.
const TRIES_AGAIN_SOON: &str = "server_login_retry=1";

/// Starts PgBouncer in front of the server that all tests share.
pub fn pgbouncer(settings: &[&str]) -> Server {
    let server: tokio_postgres::Config = server_url().parse().unwrap();
    let host = match &server.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    };
    let port = server.get_ports().first().unwrap_or(&5432).to_string();
    let password = String::from_utf8_lossy(server.get_password().unwrap_or_default());
    let arguments = [&host, &port, server.get_user().unwrap_or("postgres"), &password];
    Server::run("pooler", &[&arguments[..], &[TRIES_AGAIN_SOON], settings].concat())
}

/// The URL of a database behind a pooler.
pub fn behind(pooler: &Server, database: &str) -> String {
    format!("{}/{database}", pooler.url.rsplit_once('/').unwrap().0)
}

async fn connect_behind(pooler: &Server, database: &str) -> Result<Db, Error> {
    Db::connect(behind(pooler, database).parse().unwrap()).await
}

#[track_caller]
fn assert_refused(db: Result<Db, Error>) {
    let error = db.expect_err("the pooler is refused");
    assert!(error.kind() == ErrorKind::Pooler && error.function() == Some("connect"), "{error:?}");
    assert!(error.to_string().contains("max_prepared_statements above 0"), "{error}");
}

#[tokio::test]
async fn transaction_mode_is_refused_each_time() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);

    for _ in 0..20 {
        assert_refused(connect_behind(&pooler, &database.name).await);
    }
}

#[tokio::test]
async fn transaction_mode_is_refused_each_time_while_other_clients_work() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", "default_pool_size=5", IGNORES_OPTIONS]);
    let mut others = JoinSet::new();
    for _ in 0..10 {
        let other = connect(&behind(&pooler, &database.name)).await;
        others.spawn(async move { while other.simple_query("select 1").await.is_ok() {} });
    }

    let url = behind(&pooler, &database.name);
    let tries = concurrently(20, |_| Db::connect(url.parse().unwrap())).await;

    tries.into_iter().for_each(assert_refused);
    assert!(others.try_join_next().is_none(), "the other clients are still working");
}

#[tokio::test]
async fn transaction_mode_is_refused_when_the_servers_processes_take_turns() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", "server_round_robin=1", IGNORES_OPTIONS]);
    let url = behind(&pooler, &database.name);
    let clients = [connect(&url).await, connect(&url).await];
    for statement in ["begin", "commit"] {
        for client in &clients {
            client.batch_execute(statement).await.unwrap(); // two connections at once have two backends
        }
    }

    assert_refused(connect_behind(&pooler, &database.name).await);
}

#[tokio::test]
async fn statement_mode_is_refused() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=statement", IGNORES_OPTIONS]);

    assert_refused(connect_behind(&pooler, &database.name).await);
}

/// Every kind of call with `DB_PREPARED_STATEMENTS=off`: single writes, reads by key, batches, transactions.
#[tokio::test]
async fn every_call_works_in_transaction_mode_without_prepared_statements() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", "server_round_robin=1", "default_pool_size=3", IGNORES_OPTIONS]);
    let mut config: Config = behind(&pooler, &database.name).parse().unwrap();
    config.prepared_statements = PreparedStatements::Off;
    let rows = Rows::store(&database).await;
    let db = Db::connect(config.clone()).await.unwrap();
    for name in names() {
        assert!(call_and_undo(&name, &db, &rows).await.unwrap(), "{name}");
    }

    let right = concurrently(4, |program| {
        let config = config.clone();
        async move {
            let db = Db::connect(config).await.unwrap();
            let mut right = 0;
            for round in 0..50 {
                right += u32::from(writes_and_reads(&db, program * 100 + round + 1).await);
            }
            right
        }
    });
    assert_eq!(right.await, [50; 4]);
    let idle = "select count(*) from pg_stat_activity where state like 'idle in transaction%'";
    assert_eq!(value(&connect(&database.url()).await, idle).await.as_deref(), Some("0"));
}

/// Each program numbers its statements from s0: one that is left on a backend would make the next program fail.
#[tokio::test]
async fn programs_that_run_one_after_the_other_leave_no_prepared_statement_behind() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", "default_pool_size=1", IGNORES_OPTIONS]);
    let url = behind(&pooler, &database.name);

    for name in ["bot", "worker", "worker", "bot"] {
        let mut program = example(name, &url);
        let gateway = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/gateway.jsonl");
        program.arg(if name == "bot" { gateway } else { "--until-idle" });
        program.env("DB_PREPARED_STATEMENTS", "off").env("DB_MIGRATION_URL", database.url());
        let output = program.output().await.unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }

    let through = connect(&url).await;
    assert_eq!(value(&through, "select count(*) from pg_prepared_statements").await.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_call_that_was_dropped_in_its_transaction_does_not_harm_the_next_on_the_same_connection() {
    let database = TestDatabase::new().await;
    let mut config: Config = database.url().parse().unwrap();
    config.prepared_statements = PreparedStatements::Off;
    let db = Db::connect(config).await.unwrap();
    let guild = guild(&db, 1).await;
    let unknown_owner = GuildSnapshot::new(2.into(), "x").with_owner(UserId::from(404));
    let connection = db.connection().await.unwrap();

    for polls in 1..30 {
        let mut call = Box::pin(db::upsert_guild(&connection, &unknown_owner));
        for _ in 0..polls {
            if call.as_mut().now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);

        assert!(db::touch_guild(&connection, guild).await.unwrap(), "after {polls} polls");
    }
}

#[tokio::test]
async fn joined_and_dropped_calls_without_prepared_statements_leave_no_transaction_open() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);
    let mut config: Config = behind(&pooler, &database.name).parse().unwrap();
    (config.prepared_statements, config.pool_max) = (PreparedStatements::Off, 1);
    let db = Db::connect(config).await.unwrap();
    let guild = guild(&db, 1).await;

    let connection = db.connection().await.unwrap();
    let joined = join_all((0..20).map(|_| db::touch_guild(&connection, guild))).await;
    assert!(joined.into_iter().all(|touched| touched.unwrap()));
    drop(connection);
    for polls in 0..20 {
        let mut call = Box::pin(db::touch_guild(&db, guild));
        for _ in 0..polls {
            if call.as_mut().now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    assert!(db::touch_guild(&db, guild).await.unwrap());
    let idle = "select count(*) from pg_stat_activity where state like 'idle in transaction%'";
    let server = connect(&database.url()).await;
    while value(&server, idle).await.as_deref() != Some("0") {}
}

/// A port whose connections lead to the poolers in turn.
async fn balanced(poolers: [&Server; 2]) -> u16 {
    let sockets = poolers.map(|pooler| {
        let config: tokio_postgres::Config = pooler.url.parse().unwrap();
        let Host::Unix(folder) = config.get_hosts()[0].clone() else { panic!("{} is not a Unix socket", pooler.url) };
        folder.join(".s.PGSQL.6432")
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for socket in sockets.iter().cycle() {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut pooler = UnixStream::connect(socket).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut pooler).await });
        }
    });
    port
}

#[tokio::test]
async fn two_poolers_that_share_an_address_are_refused() {
    let database = TestDatabase::new().await;
    let poolers = [(); 2].map(|()| pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]));
    let port = balanced([&poolers[0], &poolers[1]]).await;
    let user = poolers[0].url.split('@').next().unwrap();

    let url = format!("{user}@127.0.0.1:{port}/{}?sslmode=disable", database.name);

    assert_refused(Db::connect(url.parse().unwrap()).await);
}

#[tokio::test]
async fn eight_programs_that_start_at_once_in_transaction_mode_all_stop_and_store_no_row() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);
    let url = behind(&pooler, &database.name);

    let bots: Vec<Output> = concurrently(8, |_| {
        let mut bot = example("bot", &url);
        bot.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/gateway.jsonl"));
        async move { bot.output().await.unwrap() }
    })
    .await;

    for bot in bots {
        let complaint = String::from_utf8(bot.stderr).unwrap();
        assert!(
            !bot.status.success()
                && complaint.contains("init_db: a pooler (PgBouncer) is between this program and the server"),
            "{complaint}"
        );
    }
    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_several_pools_gets_its_own_row_in_session_mode() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=session", "default_pool_size=50", IGNORES_OPTIONS]);
    let (wrong, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));

    concurrently(8, |program| {
        let (url, wrong, calls) = (behind(&pooler, &database.name), wrong.clone(), calls.clone());
        async move {
            let mut config: Config = url.parse().unwrap();
            config.pool_max = 4;
            let db = Db::connect(config).await.unwrap();
            concurrently(8, move |task| {
                let (db, wrong, calls) = (db.clone(), wrong.clone(), calls.clone());
                async move {
                    for round in 1..=50 {
                        let is_right = writes_and_reads(&db, program * 1000 + task * 100 + round).await;
                        wrong.fetch_add(usize::from(!is_right), Ordering::Relaxed);
                        calls.fetch_add(2, Ordering::Relaxed);
                    }
                }
            })
            .await
        }
    })
    .await;

    assert_eq!((wrong.load(Ordering::Relaxed), calls.load(Ordering::Relaxed)), (0, 6400));
}

/// Stores a guild and returns whether it is read back.
pub async fn writes_and_reads(db: &Db, id: u64) -> bool {
    let guild = GuildSnapshot::new(GuildId::from(id), format!("guild {id}"));
    db::upsert_guild(db, &guild).await.unwrap();
    let read = db::get_guild(db, guild.id).await.unwrap();
    read.is_some_and(|read| read.guild_id == guild.id && read.name == guild.name)
}

#[tokio::test]
async fn the_error_about_refused_start_up_options_says_what_to_do() {
    let database = TestDatabase::new().await;
    let pooler = pgbouncer(&["pool_mode=session"]);

    let error = connect_behind(&pooler, &database.name).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Pooler && error.function() == Some("connect"), "{error:?}");
    for advice in [
        "DB_STATEMENT_TIMEOUT=0 and DB_IDLE_IN_TRANSACTION_TIMEOUT=0",
        "ignore_startup_parameters = options",
        "Connect to PostgreSQL directly",
    ] {
        assert!(error.to_string().contains(advice), "{error}");
    }
    let mut without: Config = behind(&pooler, &database.name).parse().unwrap();
    (without.statement_timeout, without.idle_in_transaction_timeout) = (None, None);
    assert!(writes_and_reads(&Db::connect(without).await.unwrap(), 1).await);
}

/// A pool behind a pooler, with this address for migrations.
async fn pool_with_migration_url(pooler: &Server, database: &str, migration_url: Option<&str>) -> Db {
    let url = behind(pooler, database);
    let config = Config::from_lookup(|variable| match variable {
        "DATABASE_URL" => Some(url.clone()),
        "DB_MIGRATION_URL" => migration_url.map(ToOwned::to_owned),
        _ => None,
    });
    Db::connect(config.unwrap()).await.unwrap()
}

async fn empty() -> String {
    create_database("template template0").await
}

async fn count_tables(database: &str) -> Option<String> {
    value(&connect(&url_of(database)).await, "select count(*) from pg_tables where schemaname = 'public'").await
}

/// A pooler in transaction mode, and a pool that keeps no prepared statements.
async fn pool_in_transaction_mode(pooler: &Server, database: &str, migration_url: Option<&str>) -> Db {
    let url = behind(pooler, database);
    let config = Config::from_lookup(|variable| match variable {
        "DATABASE_URL" => Some(url.clone()),
        "DB_MIGRATION_URL" => migration_url.map(ToOwned::to_owned),
        "DB_PREPARED_STATEMENTS" => Some("off".to_owned()),
        _ => None,
    });
    Db::connect(config.unwrap()).await.unwrap()
}

#[tokio::test]
async fn migrations_do_not_go_through_a_pooler_in_transaction_mode() {
    let database = empty().await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);
    let db = pool_in_transaction_mode(&pooler, &database, None).await;

    let error = db.migrate().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Migration, "{error:?}");
    assert!(error.to_string().contains("set DB_MIGRATION_URL to PostgreSQL's own address"), "{error}");
    assert_eq!(count_tables(&database).await.as_deref(), Some("0"));
}

/// Each of the programs keeps its backend, and so the lock.
#[tokio::test]
async fn eight_programs_that_start_at_once_migrate_through_a_pooler_in_session_mode() {
    let database = empty().await;
    let pooler = pgbouncer(&["pool_mode=session", "default_pool_size=50", IGNORES_OPTIONS]);
    let url = behind(&pooler, &database);

    let migrated = concurrently(8, |_| {
        let config: Config = url.parse().unwrap();
        async move { Db::connect(config).await.unwrap().migrate().await }
    });

    for result in migrated.await {
        result.unwrap();
    }
    let server = connect(&url_of(&database)).await;
    let locks = "select count(*) from pg_locks where locktype = 'advisory'";
    while value(&server, locks).await.as_deref() != Some("0") {} // the pooler resets the sessions
    assert!(writes_and_reads(&Db::connect(url.parse().unwrap()).await.unwrap(), 1).await);
}

#[tokio::test]
async fn migrations_use_their_own_address_and_later_starts_do_not_need_it() {
    let database = empty().await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);

    pool_in_transaction_mode(&pooler, &database, Some(&url_of(&database))).await.migrate().await.unwrap();

    let db = pool_in_transaction_mode(&pooler, &database, None).await;
    db.migrate().await.unwrap();
    assert!(writes_and_reads(&db, 1).await);
}

#[tokio::test]
async fn a_migration_address_that_leads_to_a_pooler_in_transaction_mode_is_refused() {
    let database = empty().await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);
    let db = pool_in_transaction_mode(&pooler, &database, Some(&behind(&pooler, &database))).await;

    let error = db.migrate().await.unwrap_err();

    assert!(error.to_string().contains("a pooler (PgBouncer) in transaction mode is between"), "{error}");
    assert_eq!(count_tables(&database).await.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_migration_address_that_leads_to_another_database_is_refused() {
    let (database, other) = (empty().await, empty().await);
    let pooler = pgbouncer(&["pool_mode=session", IGNORES_OPTIONS]);
    let db = pool_with_migration_url(&pooler, &database, Some(&url_of(&other))).await;

    let error = db.migrate().await.unwrap_err();

    assert!(error.to_string().contains("DB_MIGRATION_URL leads to another database"), "{error}");
    assert_eq!(
        [count_tables(&database).await, count_tables(&other).await],
        [const { "0" }; 2].map(|none| Some(none.to_owned()))
    );
}
