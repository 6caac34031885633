//! PgBouncer 1.21 and later keeps its clients' prepared statements apart (`max_prepared_statements`). The installed version
//! decides which of its promises this tests: `PGBOUNCER` may name another one.

use std::env;
use std::process::Command;

use clip_saver_db::{Db, ErrorKind, repositories as db};

use super::pgbouncer::{behind, pgbouncer, writes_and_reads};
use crate::support::{TestDatabase, concurrently, guild};

/// The version of PgBouncer, such as (1, 24).
fn version() -> (u32, u32) {
    let program = env::var("PGBOUNCER").unwrap_or_else(|_| "pgbouncer".to_owned());
    let path = format!("{}:/usr/sbin", env::var("PATH").unwrap_or_default());
    let output = Command::new("env").arg(format!("PATH={path}")).args([&program, "--version"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut numbers = text.trim_start_matches("PgBouncer ").split('.').map_while(|number| number.trim().parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[tokio::test]
async fn programs_work_in_transaction_mode_if_pgbouncer_keeps_prepared_statements_apart_and_else_do_not_start() {
    let database = TestDatabase::new().await;
    guild(&database, 1001).await;
    let keeps_apart = version() >= (1, 21);
    let shared: &[&str] = if keeps_apart { &["max_prepared_statements=100"] } else { &[] };
    let settings = ["pool_mode=transaction", "default_pool_size=3", "ignore_startup_parameters=options"];
    let pooler = pgbouncer(&[&settings, shared].concat());
    let url = behind(&pooler, &database.name);

    if !keeps_apart {
        let error = Db::connect(url.parse().unwrap()).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Pooler, "{error:?}");
        return;
    }
    let right = concurrently(4, |program| {
        let config = url.parse().unwrap();
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
    survive_a_change_of_a_columns_type(&database, &url).await;
}

async fn survive_a_change_of_a_columns_type(database: &TestDatabase, url: &str) {
    let running = Db::connect(url.parse().unwrap()).await.unwrap();
    db::get_guilds(&running).await.unwrap();
    for length in [100, 200] {
        let change = format!("alter table bot_guilds alter column name type varchar({length})");
        database.execute(&change).await;

        let later = Db::connect(url.parse().unwrap()).await.unwrap();
        for program in [&running, &later] {
            db::get_guilds(program).await.unwrap();
            assert!(db::get_guild(program, 1001.into()).await.unwrap().is_some());
            assert!(db::touch_guild(program, 1001.into()).await.unwrap());
        }
    }
}
