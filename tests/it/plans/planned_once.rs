//! A session plans each statement once, whatever its calls have as parameters. By default PostgreSQL would plan a call anew if a
//! plan for its values looks much cheaper: at each call with a small batch, or of a guild with few rows.

use clip_saver_db::{Db, GenericClient as _};

use crate::support::every_function::{Rows, call_and_undo, names};
use crate::support::{TestDatabase, backend_pid, changed, config};

/// More calls than PostgreSQL plans for their values before it compares.
const CALLS: usize = 7;

/// The statements that were planned for a call's values, and the number of statements.
const PLANNED_FOR_VALUES: &str = "
    select coalesce(string_agg(statement, E'\\n') filter (where custom_plans > 0), ''), count(*)
    from pg_prepared_statements
    where parameter_types <> '{}'";

#[tokio::test]
async fn no_call_is_planned_for_its_values() {
    let database = TestDatabase::new().await;
    let db = Db::connect(changed!(config(&database.name), pool_max = 1)).await.unwrap();
    let rows = Rows::store(&db).await;
    let session = backend_pid(&db.connection().await.unwrap()).await;

    for name in names() {
        for _ in 0..CALLS {
            call_and_undo(&name, &db, &rows).await.unwrap();
        }
    }

    let connection = db.connection().await.unwrap();
    let question = connection.prepare(PLANNED_FOR_VALUES).await.unwrap();
    let answer = connection.query_one(&question, &[]).await.unwrap();
    assert_eq!(answer.get::<_, String>(0), "");
    assert!(answer.get::<_, i64>(1) > 50, "the calls prepared their statements");
    assert_eq!(backend_pid(&connection).await, session);
}
