//! `DB_SCHEMA`: programs use the tables in this schema and no others, whatever search path role, database or URL set.

use clip_saver_db::{Config, Db, ErrorKind, migrate, repositories as db};

use crate::support::{TestDatabase, changed, concurrently, config, connect, create_database, guild, url_of, versions};

pub const EXISTING: &str = include_str!("../../fixtures/existing_database.sql");

const GUILD: u64 = 197_038_439_483_310_086;

/// Names that must be quoted.
const ODD_NAMES: [&str; 6] = ["Clips", "my clips", "a\"b", "Größe\t1", "back\\slash", "select"];

pub async fn empty() -> TestDatabase {
    let name = create_database("template template0").await;
    TestDatabase { db: Db::connect(config(&name)).await.unwrap(), name }
}

/// A database with the tables of the Python programs in this schema.
pub async fn existing_in(schema: &str) -> TestDatabase {
    let database = empty().await;
    database.execute(EXISTING).await;
    move_tables(&database, schema).await;
    database
}

/// Moves all tables from `public` to a new schema.
async fn move_tables(database: &TestDatabase, schema: &str) {
    let renamed = format!("alter schema public rename to \"{schema}\"; create schema public");
    database.execute(&format!("{renamed}; alter extension pgcrypto set schema public")).await;
}

/// Sets the database's search path.
pub async fn look_in(database: &TestDatabase, path: &str) {
    database.execute(&format!("alter database {} set search_path = {path}", database.name)).await;
}

/// Connects with this `DB_SCHEMA`.
pub async fn in_schema(database: &TestDatabase, schema: &str) -> Db {
    Db::connect(schema_config(database, schema)).await.unwrap()
}

pub fn schema_config(database: &TestDatabase, schema: &str) -> Config {
    changed!(config(&database.name), schema = schema.to_owned())
}

/// The schemas that hold the tables, with the number of guilds in each.
pub async fn guilds_by_schema(database: &TestDatabase) -> Vec<(String, i64)> {
    let client = connect(&database.url()).await;
    let schemas = "select quote_ident(schemaname) from pg_tables where tablename = 'bot_guilds' order by schemaname";
    let mut guilds = Vec::new();
    for row in client.query(schemas, &[]).await.unwrap() {
        let schema: String = row.get(0);
        let count = client.query_one(&format!("select count(*) from {schema}.bot_guilds"), &[]).await.unwrap();
        guilds.push((schema, count.get(0)));
    }
    guilds
}

/// Makes a role with these attributes. Returns its name, and the configuration with which it uses a schema.
async fn role(database: &TestDatabase, attributes: &str, schema: &str) -> (String, Config) {
    let role = format!("{}_role", database.name);
    database.execute(&format!("create role {role} login {attributes}")).await;
    let url = database.url().replacen("postgres@", &format!("{role}@"), 1);
    (role, changed!(url.parse::<Config>().unwrap(), schema = schema.to_owned()))
}

/// Drops a role with everything that it owns.
async fn drop_role(database: &TestDatabase, role: &str) {
    database.execute(&format!("drop owned by {role} cascade; drop role {role}")).await;
}

async fn current_user(database: &TestDatabase) -> String {
    database.text("select current_user").await
}

fn with_options(database: &TestDatabase, options: &str) -> String {
    let url = url_of(&database.name);
    let separator = if url.ends_with('?') { "" } else { "&" };
    format!("{url}{separator}options={options}")
}

#[tokio::test]
async fn migrations_and_calls_use_the_same_tables_whatever_path_role_and_database_have() {
    for owner in ["database DATABASE", "role ROLE", "role ROLE in database DATABASE"] {
        let database = empty().await;
        let (role, config) = role(&database, "superuser", "public").await;
        let owner = owner.replace("DATABASE", &database.name).replace("ROLE", &role);
        database.execute(&format!("create schema app; alter {owner} set search_path = app")).await;
        let db = Db::connect(config).await.unwrap();

        db.migrate().await.unwrap();
        guild(&db, 1).await;

        assert_eq!(guilds_by_schema(&database).await, [("public".to_owned(), 1)], "{owner}");
        assert_eq!(migrate::drift(&db).await.unwrap(), migrate::Difference::default(), "{owner}");
        drop_role(&database, &role).await;
    }
}

#[tokio::test]
async fn a_search_path_in_the_connection_string_must_be_that_of_db_schema() {
    let database = empty().await;
    database.execute("create schema app").await;

    for options in
        ["-c%20search_path%3Dapp", "-csearch_path%3Dapp", "--search-path%3Dapp", "-c%20search_path%3DApp,public"]
    {
        let mut config: Config = with_options(&database, options).parse().unwrap();
        let error = Db::connect(config.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("DB_SCHEMA")), "{options}: {error}");
        assert!(error.to_string().contains("is \"public\", but the options in the connection string set search_path"));
        config.schema = "app".to_owned();
        assert_eq!(Db::connect(config).await.is_ok(), !options.contains("public"), "{options}");
    }
    let mut config: Config = with_options(&database, "-c%20search_path%3D%22my%5C%20clips%22").parse().unwrap();
    config.schema = "my clips".to_owned();
    assert!(Db::connect(config).await.is_ok());
}

#[tokio::test]
async fn tables_in_the_schema_that_is_named_as_the_role_are_not_left_behind() {
    let database = empty().await;
    let role = current_user(&database).await;
    let database = existing_in(&role).await;

    let error = database.migrate().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Migration);
    for part in [
        format!("are in: {role}; DB_SCHEMA is public, which has none"),
        format!("Set DB_SCHEMA={role} to use the tables there"),
        format!("or, to use public, run `alter role {role} in database {} set search_path = public`", database.name),
    ] {
        assert!(error.to_string().contains(&part), "no {part} in: {error}");
    }
    assert_eq!(guilds_by_schema(&database).await.len(), 1);
    let db = in_schema(&database, &role).await;
    db.migrate().await.unwrap();
    assert!(db::get_guild(&db, GUILD.into()).await.unwrap().is_some());
    assert_eq!(migrate::drift(&db).await.unwrap().wrong, <Vec<String>>::new());
}

/// Programs of an earlier release migrated `public`, and their calls ran on the tables of the role's search path.
#[tokio::test]
async fn migrated_tables_without_rows_are_refused_beside_tables_of_the_python_programs() {
    let database = existing_in("app").await;
    in_schema(&database, "app").await.migrate().await.unwrap();
    database.migrate().await.unwrap(); // "app" has a history
    database.execute("drop table app.refinery_schema_history").await;
    database.migrate().await.unwrap(); // the role does not look in "app"
    look_in(&database, "\"a, \"\"b\", app, public").await;

    let error = database.migrate().await.unwrap_err();

    assert!(error.to_string().contains("DB_SCHEMA is public, which has tables without a row"), "{error}");
    assert!(migrate::plan(&database).await.unwrap().check().is_err());
    guild(&database, 1).await;
    database.migrate().await.unwrap();
}

#[tokio::test]
async fn of_two_schemas_with_tables_of_the_python_programs_the_user_says_which_one_is_adopted() {
    let database = existing_in("app").await;
    database.execute(EXISTING).await;
    look_in(&database, "app, public").await;

    let error = database.migrate().await.unwrap_err();
    assert!(error.to_string().contains("DB_SCHEMA is public, which has such tables, too"), "{error}");
    assert!(error.to_string().contains("or, to use public, run `alter role"), "{error}");
    assert_eq!(database.value("select to_regclass('public.refinery_schema_history')").await, None);

    assert!(migrate::adopt(&database).await.unwrap().is_some());
    database.migrate().await.unwrap();
    assert_eq!(database.value("select to_regclass('app.refinery_schema_history')").await, None);
}

#[tokio::test]
async fn copies_of_the_tables_in_a_schema_where_no_role_looks_do_not_stop_an_adoption() {
    let database = existing_in("backup").await;
    database.execute(EXISTING).await;

    database.migrate().await.unwrap();

    assert_eq!(database.value("select to_regclass('backup.refinery_schema_history')").await, None);
}

#[tokio::test]
async fn a_table_of_another_program_with_a_common_name_is_no_obstacle() {
    let database = empty().await;
    database.execute("create schema auth; create table auth.users (id int)").await;

    database.migrate().await.unwrap();
}

#[tokio::test]
async fn tables_that_the_role_cannot_read_are_no_obstacle() {
    let database = existing_in("neighbour").await;
    let (role, config) = role(&database, "", "own").await;
    let schema = format!("create schema own authorization {role}");
    database.execute(&format!("grant select on neighbour.bot_guilds to {role}; {schema}")).await;
    let db = Db::connect(config).await.unwrap();

    assert!(db.migrate().await.is_err(), "the role can read the other tables");
    database.execute(&format!("revoke select on neighbour.bot_guilds from {role}")).await;

    db.migrate().await.unwrap();
    guild(&db, 1).await;
    assert_eq!(guilds_by_schema(&database).await.len(), 2);
    drop_role(&database, &role).await;
}

#[tokio::test]
async fn the_schema_is_created_and_may_have_any_name() {
    for name in ODD_NAMES {
        let database = empty().await;
        let db = in_schema(&database, name).await;

        let plan = migrate::plan(&db).await.unwrap();
        assert!(!plan.schema_exists() && plan.pending().count() == versions().len(), "{name}");
        db.migrate().await.unwrap();

        guild(&db, 1).await;
        assert!(migrate::plan(&db).await.unwrap().is_up_to_date(), "{name}");
        assert_eq!(migrate::drift(&db).await.unwrap(), migrate::Difference::default(), "{name}");
        let schemas = "select string_agg(nspname, ' ') from pg_class c join pg_namespace n on n.oid = c.relnamespace
                       where relname in ('bot_guilds', 'refinery_schema_history', 'idx_bot_channels_reading')";
        assert_eq!(database.text(schemas).await, format!("{name} {name}"));
    }
}

#[tokio::test]
async fn names_that_no_schema_can_have_are_refused() {
    let long = "x".repeat(64);
    for name in ["", "a\0b", &long, "pg_temp", "pg_catalog", "information_schema", "$user"] {
        let mut config: Config = "postgresql://postgres@localhost/postgres".parse().unwrap();
        config.schema = name.to_owned();
        let error = Db::connect(config).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("DB_SCHEMA")), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_create_the_schema_gets_an_error_that_says_so() {
    let database = empty().await;
    let (role, config) = role(&database, "", "app").await;
    let db = Db::connect(config).await.unwrap();

    let error = db.migrate().await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::Migration, Some("42501")), "{error}");
    assert!(
        error.to_string().contains("the schema \"app\" (DB_SCHEMA) does not exist and cannot be created"),
        "{error}"
    );

    database.execute(&format!("create extension pgcrypto; create schema app authorization {role}")).await;
    db.migrate().await.unwrap();
    guild(&db, 1).await;
    drop_role(&database, &role).await;
}

#[tokio::test]
async fn a_role_that_may_not_use_the_schema_gets_an_error_that_says_so() {
    let database = empty().await;
    let (role, config) = role(&database, "", "app").await;
    database.execute("create schema app").await;

    let error = Db::connect(config).await.unwrap().migrate().await.unwrap_err();

    assert!(error.to_string().contains("this role may not use the schema \"app\" (DB_SCHEMA)"), "{error}");
    drop_role(&database, &role).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_two_schemas_run_side_by_side_in_one_database() {
    let database = empty().await;

    let programs = concurrently(8, |number| {
        let config = schema_config(&database, ["public", "staging"][usize::try_from(number % 2).unwrap()]);
        async move {
            let db = Db::connect(config).await.unwrap();
            db.migrate().await.unwrap();
            for id in 1..=20 {
                guild(&db, number / 2 * 100 + number % 2 * 1000 + id).await;
            }
            db
        }
    })
    .await;

    assert_eq!(guilds_by_schema(&database).await, [("public".to_owned(), 80), ("staging".to_owned(), 80)]);
    for (number, db) in programs.iter().enumerate() {
        let guilds = db::get_guilds(db).await.unwrap();
        assert!(guilds.len() == 80 && guilds.iter().all(|guild| (guild.guild_id.get() > 1000) == (number % 2 == 1)));
        assert_eq!(migrate::drift(db).await.unwrap(), migrate::Difference::default());
    }
}
