//! docs/PRIVILEGES.md: its SQL and its table, tested with roles that have exactly these rights.

use std::collections::BTreeSet;

use clip_saver_db::{Db, ErrorKind};
use tokio_postgres::error::SqlState;

use crate::project::roles::{Right, Roles, in_sql, rights_of, rows};
use crate::project::style::aggregates;
use crate::support::every_function::{Rows, call_and_undo, names};
use crate::support::{TestDatabase, connect};

const EXISTING: &str = include_str!("../../fixtures/existing_database.sql");

#[test]
fn every_function_has_one_row_and_every_row_names_a_function() {
    let mut functions = names();
    let mut in_the_document: Vec<_> = rows().into_iter().map(|row| row.function).collect();
    functions.sort();
    in_the_document.sort();

    assert_eq!(in_the_document, functions);
}

/// The rights in the documentation of each function in a file of src/repositories/.
fn documented(rust: &str) -> Vec<(String, String)> {
    let mut documented = Vec::new();
    let mut comment = String::new();
    for line in rust.lines() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(if text.is_empty() { "\n" } else { text });
        } else if let Some(function) = line.strip_prefix("pub async fn ") {
            let needs = comment.lines().find_map(|paragraph| paragraph.strip_prefix(" Needs: ")).unwrap_or_default();
            let name = function.split(['(', '<']).next().unwrap_or_default();
            documented.push((name.to_owned(), needs.trim_end_matches('.').to_owned()));
        } else {
            comment.clear();
        }
    }
    documented
}

#[test]
fn the_documentation_of_each_function_lists_the_rights_that_it_needs() {
    let mut documented: Vec<_> = aggregates().iter().flat_map(|(_, rust)| documented(rust)).collect();
    let mut rows: Vec<_> = rows().into_iter().map(|row| (row.function, row.needs)).collect();
    documented.sort();
    rows.sort();

    assert_eq!(documented, rows);
}

/// Starts a program and calls each of its functions.
async fn assert_program_works(roles: &Roles, program: &str, stored: &Rows) {
    let db = roles.connect(program).await;
    db.migrate().await.unwrap_or_else(|error| panic!("the {program} starts: {error}"));
    for row in rows().iter().filter(|row| row.programs.iter().any(|name| name == program)) {
        let called = call_and_undo(&row.function, &db, stored).await;
        assert!(matches!(called, Ok(true)), "{program}, {}: {called:?}", row.function);
    }
}

#[tokio::test]
async fn the_owner_migrates_and_bot_and_worker_call_each_of_their_functions() {
    for roles in [Roles::on_migrated().await, Roles::on_migrated_in("clips_schema").await] {
        let stored = Rows::store(&roles.connect("owner").await).await;

        assert_program_works(&roles, "bot", &stored).await;
        assert_program_works(&roles, "worker", &stored).await;
        roles.drop().await;
    }
}

#[tokio::test]
async fn a_database_of_the_python_programs_is_handed_over_to_the_owner() {
    let roles = Roles::on_empty().await;
    roles.database.execute(EXISTING).await;

    roles.hand_over().await;

    let owner = roles.connect("owner").await;
    owner.migrate().await.unwrap();
    roles.hand_over().await; // including the new history
    roles.grant().await;
    roles.connect("bot").await.migrate().await.unwrap();
    roles.drop().await;
}

/// The rights of a role on tables and sequences.
async fn granted(database: &TestDatabase, role: &str) -> BTreeSet<Right> {
    let sql = "select lower(privilege_type), relname::text from pg_class, aclexplode(relacl)
               where grantee = $1::text::regrole";
    let rows = connect(&database.url()).await.query(sql, &[&role]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn bot_and_worker_have_the_rights_that_their_functions_need_and_no_others() {
    let roles = Roles::on_migrated().await;

    for program in ["bot", "worker"] {
        assert_eq!(granted(&roles.database, &roles.name(program)).await, rights_of(program), "{program}");
    }
    roles.drop().await;
}

#[tokio::test]
async fn bot_and_worker_cannot_change_the_schema() {
    let roles = Roles::on_migrated().await;

    for program in ["bot", "worker"] {
        let role = connect(&roles.url(program)).await;
        for sql in ["create table t ()", "alter table users add column c int", "drop index idx_bot_guilds_owner"] {
            let error = role.batch_execute(sql).await.unwrap_err();
            assert_eq!(error.code().map(SqlState::code), Some("42501"), "{program}: {sql}: {error}");
        }
    }
    roles.drop().await;
}

#[tokio::test]
async fn a_bot_that_starts_before_the_owner_has_migrated_gets_an_error_that_says_so() {
    let roles = Roles::on_empty().await;

    let error = roles.connect("bot").await.migrate().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Migration, "{error}");
    assert_eq!(error.sqlstate(), Some("42501"));
    assert!(error.to_string().contains(&format!("run `clip-db migrate` as {}", roles.name("owner"))), "{error}");
    roles.drop().await;
}

/// Whether a call fails because a right is missing.
async fn is_refused(function: &str, db: &Db, stored: &Rows) -> bool {
    matches!(call_and_undo(function, db, stored).await, Err(error) if error.sqlstate() == Some("42501"))
}

#[tokio::test]
async fn each_function_needs_all_rights_of_its_row_and_no_others() {
    let roles = Roles::on_migrated().await;
    let stored = Rows::store(&roles.connect("owner").await).await;
    let (role, db) = (roles.name("bot"), roles.connect("bot").await);
    let owner = connect(&roles.url("owner")).await;
    let sql = async |sql: String| owner.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    for right in rights_of("bot") {
        sql(format!("revoke {} from {role}", in_sql(&right))).await;
    }

    for row in rows() {
        let rights: Vec<String> = row.rights().iter().map(in_sql).collect();
        for right in &rights {
            sql(format!("grant {right} to {role}")).await;
        }
        let called = call_and_undo(&row.function, &db, &stored).await;
        assert!(matches!(called, Ok(true)), "{} with {rights:?}: {called:?}", row.function);
        for right in &rights {
            sql(format!("revoke {right} from {role}")).await;
            assert!(is_refused(&row.function, &db, &stored).await, "{} needs no {right}", row.function);
            sql(format!("grant {right} to {role}")).await;
        }
        for right in &rights {
            sql(format!("revoke {right} from {role}")).await;
        }
    }
    roles.drop().await;
}
