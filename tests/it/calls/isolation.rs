//! Calls run at the isolation level that their SQL was written for, whatever level role or database set.

use clip_saver_db::{ChannelId, Config, Db, Error, GenericClient as _, PreparedStatements, repositories as db};

use crate::pool::pgbouncer::{behind, pgbouncer};
use crate::support::{TestDatabase, channel, concurrently, config, guild};

const LEVELS: [&str; 2] = ["repeatable read", "serializable"];

/// A database whose sessions have this level.
async fn database(level: &str) -> TestDatabase {
    let database = TestDatabase::new().await;
    let name = &database.name;
    database.execute(&format!("alter database {name} set default_transaction_isolation = '{level}'")).await;
    database
}

/// Fifty tasks count messages of one channel. Every call succeeds, and each counts once.
async fn assert_counted(config: Config) {
    let database = Db::connect(config).await.unwrap();
    let guild = guild(&database, 1).await;
    let channel = channel(&database, guild, 2).await;

    let results = concurrently(50, |task| {
        let database = database.clone();
        async move {
            for round in 0..4 {
                if task % 2 == 0 {
                    db::update_channel_progress(&database, channel, (task * 10 + round).into(), 1).await?;
                } else {
                    count_in_a_transaction(&database, channel).await?;
                }
            }
            Ok::<_, Error>(())
        }
    })
    .await;

    results.into_iter().for_each(Result::unwrap);
    assert_eq!(db::get_channel(&database, channel).await.unwrap().unwrap().message_count, 200);
}

async fn count_in_a_transaction(database: &Db, channel: ChannelId) -> Result<(), Error> {
    let transaction = database.begin().await?;
    db::get_channel(&transaction, channel).await?; // takes the snapshot of the stricter levels
    db::increment_channel_message_count(&transaction, channel, 1).await?;
    transaction.commit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_counts_neither_fail_nor_get_lost_whatever_level_the_database_has() {
    for level in LEVELS {
        assert_counted(config(&database(level).await.name)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_counts_neither_fail_nor_get_lost_behind_a_pooler_that_ignores_our_options() {
    for level in LEVELS {
        let database = database(level).await;
        for (mode, statements) in [("session", PreparedStatements::Auto), ("transaction", PreparedStatements::Off)] {
            let pooler = pgbouncer(&[&format!("pool_mode={mode}"), "ignore_startup_parameters=options"]);
            let mut config: Config = behind(&pooler, &database.name).parse().unwrap();
            config.prepared_statements = statements;
            assert_counted(config).await;
            database.execute("truncate bot_guilds, bot_channels cascade").await;
        }
    }
}

#[tokio::test]
async fn a_transaction_may_choose_a_stricter_level_before_its_first_call() {
    let database = TestDatabase::new().await;
    for statements in [PreparedStatements::Auto, PreparedStatements::Off] {
        let mut config = config(&database.name);
        config.prepared_statements = statements;
        let database = Db::connect(config).await.unwrap();
        let transaction = database.begin().await.unwrap();
        let level = async || -> String {
            transaction.query_one("select current_setting('transaction_isolation')", &[]).await.unwrap().get(0)
        };

        transaction.execute("set transaction isolation level serializable", &[]).await.unwrap();

        assert_eq!(level().await, "serializable");
    }
}

#[tokio::test]
async fn an_isolation_level_in_the_connection_string_is_refused() {
    let database = TestDatabase::new().await;
    let url = database.url();
    let separator = if url.ends_with('?') { "" } else { "&" };
    let options = "-c%20default_transaction_isolation%3Dserializable";

    let error = Db::connect(format!("{url}{separator}options={options}").parse().unwrap()).await.unwrap_err();

    assert!(error.to_string().contains("the queries are written for read committed"), "{error}");
}
