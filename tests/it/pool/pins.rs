//! The settings that sessions need, behind poolers that do not pass them on: calls find their own tables, or no program
//! starts.

use clip_saver_db::{Config, Db, ErrorKind, GenericClient as _, PreparedStatements, migrate};

use crate::pool::pgbouncer::{behind, pgbouncer, writes_and_reads};
use crate::pool::renaming_pooler;
use crate::support::every_function::{Rows, call_and_undo, names};
use crate::support::{TestDatabase, backend_pid, changed, config, connect, value};

const IGNORES_OPTIONS: &str = "ignore_startup_parameters=options";

const SETTINGS: &str = "select concat_ws(', ', current_setting('search_path'),
    current_setting('default_transaction_isolation'), current_setting('plan_cache_mode'))";

/// What every session must have.
const PINNED: &str = "\"public\", read committed, force_generic_plan";

/// A migrated database whose sessions would look for tables in another schema, at another isolation level.
async fn misleading() -> TestDatabase {
    let database = TestDatabase::new().await;
    let name = &database.name;
    database
        .execute(&format!(
            "create schema app; create table app.users (id int); alter database {name} set search_path = app;
             alter database {name} set default_transaction_isolation = serializable"
        ))
        .await;
    database
}

async fn settings(client: &impl clip_saver_db::GenericClient) -> String {
    let statement = client.prepare(SETTINGS).await.unwrap();
    client.query_one(&statement, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn each_session_behind_a_pooler_in_session_mode_sets_them_itself() {
    let database = misleading().await;
    // The second one refuses options: then the timeouts must be off.
    for (setting, has_timeouts) in [(IGNORES_OPTIONS, true), ("server_reset_query=discard all", false)] {
        let pooler = pgbouncer(&["pool_mode=session", setting]);
        let mut config: Config = behind(&pooler, &database.name).parse().unwrap();
        if !has_timeouts {
            (config.statement_timeout, config.idle_in_transaction_timeout) = (None, None);
        }
        let db = Db::connect(config).await.unwrap();

        let connections = [db.connection().await.unwrap(), db.connection().await.unwrap()];

        for connection in &connections {
            assert_eq!(settings(connection).await, PINNED, "{setting}");
        }
        drop(connections);
        db.migrate().await.unwrap();
        assert!(writes_and_reads(&db, 1).await);
    }
}

#[tokio::test]
async fn each_session_behind_a_pooler_in_session_mode_plans_statements_once_also_if_the_role_has_the_rest() {
    let database = TestDatabase::new().await;
    let own = changed!(config(&database.name), schema = "my clips".to_owned());
    Db::connect(own).await.unwrap().migrate().await.unwrap();
    database.execute(&format!("alter database {} set search_path = \"my clips\"", database.name)).await;
    let pooler = pgbouncer(&["pool_mode=session", IGNORES_OPTIONS]);
    let config: Config = behind(&pooler, &database.name).parse().unwrap();
    let db = Db::connect(changed!(config, schema = "my clips".to_owned())).await.unwrap();

    let settings = settings(&db.connection().await.unwrap()).await;

    assert_eq!(settings, "\"my clips\", read committed, force_generic_plan");
}

#[tokio::test]
async fn the_connection_string_may_choose_the_plans_and_sessions_that_keep_no_statement_plan_each_call() {
    let database = misleading().await;
    let pooler = pgbouncer(&["pool_mode=session", IGNORES_OPTIONS]);
    let custom = "options=-c%20plan_cache_mode=force_custom_plan";
    let url: Config = format!("{}&{custom}", database.url()).parse().unwrap();
    let ignored: Config = format!("{}?{custom}", behind(&pooler, &database.name)).parse().unwrap();
    let off = changed!(config(&database.name), prepared_statements = PreparedStatements::Off);
    for (config, mode) in [(url, "force_custom_plan"), (ignored, "auto"), (off, "auto")] {
        let db = Db::connect(config).await.unwrap();

        let settings = settings(&db.connection().await.unwrap()).await;

        assert_eq!(settings, format!("\"public\", read committed, {mode}"));
    }
}

#[tokio::test]
async fn a_session_has_them_again_after_the_callers_own_statements_were_undone() {
    let database = misleading().await;
    let pooler = pgbouncer(&["pool_mode=session", IGNORES_OPTIONS]);
    for url in [database.url(), behind(&pooler, &database.name)] {
        let db = Db::connect(changed!(url.parse::<Config>().unwrap(), pool_max = 1)).await.unwrap();
        let transaction = db.begin().await.unwrap();
        let pid = backend_pid(&transaction).await;
        transaction.execute("set search_path = pg_catalog", &[]).await.unwrap();
        transaction.execute("set default_transaction_isolation = serializable", &[]).await.unwrap();
        transaction.execute("set plan_cache_mode = auto", &[]).await.unwrap();
        transaction.commit().await.unwrap();

        let connection = db.connection().await.unwrap();

        assert_eq!(settings(&connection).await, PINNED);
        assert_eq!(backend_pid(&connection).await, pid, "it is the same session");
    }
}

#[tokio::test]
async fn each_transaction_brings_them_with_prepared_statements_off() {
    let database = misleading().await;
    let pooler = pgbouncer(&["pool_mode=transaction", "server_round_robin=1", "default_pool_size=3", IGNORES_OPTIONS]);
    for schema in ["public", "other clips"] {
        let own = changed!(config(&database.name), schema = schema.to_owned());
        Db::connect(own).await.unwrap().migrate().await.unwrap();
        let mut config: Config = behind(&pooler, &database.name).parse().unwrap();
        (config.prepared_statements, config.schema) = (PreparedStatements::Off, schema.to_owned());
        let db = Db::connect(config).await.unwrap();

        assert!(migrate::plan(&db).await.unwrap().is_up_to_date(), "{schema}");
        let rows = Rows::store(&db).await;
        for name in names() {
            assert!(call_and_undo(&name, &db, &rows).await.unwrap(), "{name}");
        }
    }
    let counts =
        "select (select count(*) from public.bot_guilds) || ' ' || (select count(*) from \"other clips\".bot_guilds)";
    assert_eq!(database.text(counts).await, "2 2");
    let through = connect(&behind(&pooler, &database.name)).await;
    let path = value(&through, "show search_path").await;
    assert_eq!(path.as_deref(), Some("app"), "other clients of the pooler keep theirs");
}

#[tokio::test]
async fn a_program_does_not_start_behind_a_pooler_whose_sessions_look_elsewhere_until_the_role_looks_there() {
    let (_server, [direct, pooled]) = renaming_pooler::start("PGBOUNCER_").await;
    let config = |url: &str| changed!(url.parse::<Config>().unwrap(), schema = "my clips".to_owned());
    Db::connect(config(&direct)).await.unwrap().migrate().await.unwrap();

    let error = Db::connect(config(&pooled)).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Pooler, "{error}");
    assert!(
        error
            .to_string()
            .contains("DB_SCHEMA is \"my clips\", but the server's sessions begin in the schema \"public\"")
    );
    let remedy = error.to_string().split('`').nth(1).unwrap().to_owned();
    assert_eq!(remedy, "alter role postgres in database postgres set search_path = \"my clips\"");
    connect(&direct).await.batch_execute(&remedy).await.unwrap();
    let port = direct.parse::<tokio_postgres::Config>().unwrap().get_ports()[0];
    let reconnected = renaming_pooler::start_before(port, "PGBOUNCER_").await;
    let db = Db::connect(config(&reconnected)).await.unwrap();
    db.migrate().await.unwrap();
    assert!(writes_and_reads(&db, 1).await);
    let error = Db::connect(reconnected.parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("DB_SCHEMA is \"public\""), "{error}");
}

#[tokio::test]
async fn a_program_does_not_start_if_only_some_names_lead_to_its_schema() {
    let database = TestDatabase::new().await;
    let name = &database.name;
    database.execute(&format!("create schema app; alter database {name} set search_path = app, public")).await;
    let pooler = pgbouncer(&["pool_mode=transaction", IGNORES_OPTIONS]);
    let mut config: Config = behind(&pooler, name).parse().unwrap();
    (config.prepared_statements, config.schema) = (PreparedStatements::On, "app".to_owned());

    let error = Db::connect(config).await.unwrap_err();

    assert!(error.to_string().contains("(search_path is app, public)"), "{error}");
}
