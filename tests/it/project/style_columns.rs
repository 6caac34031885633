//! The marks of nullable columns in queries/: NULL in a column without `?` would make reading the row fail.

use tokio_postgres::{Client, Column};

use crate::project::style::files;
use crate::support::{TestDatabase, connect};

/// A generated query: its text, and the Rust types of its columns.
pub struct Generated {
    pub name: String,
    pub sql: String,
    pub is_commented: bool,
    types: Vec<String>,
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap_or_else(|| panic!("{start} is in the generated code")) + start.len();
    let length = text[from..].find(end).unwrap_or_else(|| panic!("{end} follows {start}"));
    &text[from..from + length]
}

/// Reads a file of codegen/queries/.
pub fn generated(rust: &str) -> Vec<Generated> {
    let heads = rust
        .match_indices("() -> ")
        .filter(|(at, _)| rust[..*at].lines().last().is_some_and(|line| line.starts_with("pub fn ")));
    heads
        .map(|(at, _)| {
            let name = rust[..at].rsplit(' ').next().unwrap_or_default().to_owned();
            let sql = between(&rust[at..], "\"", "\",\n").replace("\\\"", "\"").replace("\\\\", "\\");
            let bind = &rust[at + rust[at..].find(" fn bind<").expect("each query can be bound")..];
            // …Query<'c, 'a, 's, C, Row, 1>, or Result<u64, …> if no row is returned
            let result = between(bind, ") -> ", " {");
            let row = || result.split(',').nth(4).expect("the row is the fifth").trim();
            let types = if result.starts_with("Result<u64,") { Vec::new() } else { types(rust, row()) };
            let is_commented = rust[..at].lines().rev().nth(1).is_some_and(|line| line.starts_with("///"));
            Generated { name, sql, is_commented, types }
        })
        .collect()
}

/// The types of a row's columns; a single column has no struct.
fn types(rust: &str, row: &str) -> Vec<String> {
    let head = format!("pub struct {row} {{");
    if !rust.contains(&head) {
        return vec![row.to_owned()];
    }
    let fields = between(rust, &head, "}").lines().filter_map(|line| line.trim().strip_prefix("pub "));
    fields.map(|field| field.split_once(": ").expect("a field has a type").1.trim_end_matches(',').to_owned()).collect()
}

/// PostgreSQL's own types have smaller object ids.
const FIRST_OWN_TYPE: u32 = 16_384;

/// Whether a result's column may be NULL; `None` if it is not a column of the table, like a count.
async fn is_nullable(client: &Client, table: &str, column: &Column) -> Option<bool> {
    let rows = if let (Some(table), Some(number)) = (column.table_oid(), column.column_id()) {
        let of_number = "select not attnotnull from pg_attribute where attrelid = $1 and attnum = $2";
        client.query(of_number, &[&table, &number]).await
    } else {
        // Computed from the column of that name: a time in UTC, or a column of a union.
        let of_name = "select not attnotnull from pg_attribute where attrelid = $1::text::regclass and attname = $2";
        client.query(of_name, &[&table, &column.name()]).await
    };
    rows.expect("the catalogue can be read").first().map(|row| row.get(0))
}

/// Queries with outer joins: columns are NULL in them that are not in their tables.
const OUTER_JOINED: [&str; 2] = ["get_scan_states", "request_scan"];

/// Columns that are set in the rows which these queries return: a shared run has a guild.
const NEVER_NULL: [(&str, &str); 2] = [("claim_scan_runs", "guild_id"), ("claim_queued_scan_runs", "guild_id")];

/// Columns that are marked with `?` but cannot be NULL, or the reverse. Also how many columns were checked.
async fn wrong_marks(client: &Client, table: &str, query: &Generated) -> (usize, Vec<String>) {
    let statement = client.prepare(&query.sql).await.unwrap_or_else(|error| panic!("{}: {error:?}", query.name));
    assert_eq!(statement.columns().len(), query.types.len(), "{}", query.name);
    let (mut seen, mut wrong) = (0, Vec::new());
    // Behind a pooler, the driver's look-up of another type would leave prepared statements to the next program.
    let types = statement.columns().iter().map(Column::type_).chain(statement.params());
    wrong.extend(types.filter(|ty| ty.oid() >= FIRST_OWN_TYPE).map(|ty| format!("{}: the type {ty}", query.name)));
    if OUTER_JOINED.contains(&query.name.as_str()) {
        return (seen, wrong);
    }
    for (column, ty) in statement.columns().iter().zip(&query.types) {
        if NEVER_NULL.contains(&(&query.name, column.name())) {
            continue;
        }
        if let Some(nullable) = is_nullable(client, table, column).await {
            seen += 1;
            if nullable != ty.starts_with("Option<") {
                wrong.push(format!("{}: {} is {ty}, nullable: {nullable}", query.name, column.name()));
            }
        }
    }
    (seen, wrong)
}

const TABLES: [(&str, &str); 11] = [
    ("channels", "bot_channels"),
    ("clips", "bot_clips"),
    ("guild_settings", "guild_settings"),
    ("guilds", "bot_guilds"),
    ("install_intents", "install_intents"),
    ("parts", "pg_locks"),
    ("scan_pages", "bot_channel_coverage"),
    ("scan_queue", "bot_channel_scan_runs"),
    ("scan_runs", "bot_channel_scan_runs"),
    ("unreadable_rows", "users"), // none of its columns is one of a table
    ("users", "users"),
];

#[tokio::test]
async fn a_column_is_an_option_exactly_if_it_can_be_null() {
    let database = TestDatabase::new().await;
    let client = connect(&database.url()).await;
    let sources = files("codegen/queries", ".rs");
    assert_eq!(sources.len(), TABLES.len());

    let (mut names, mut columns) = (Vec::new(), 0);
    for ((path, rust), (file, table)) in sources.iter().zip(TABLES) {
        assert_eq!(path, &format!("codegen/queries/{file}.rs"));
        for query in generated(rust) {
            let (seen, wrong) = wrong_marks(&client, table, &query).await;
            assert_eq!(wrong, [""; 0]);
            columns += seen;
            names.push(query.name);
        }
    }

    let written: usize = files("queries", ".sql").iter().map(|(_, sql)| sql.matches("--!").count()).sum();
    assert_eq!(names.len(), written, "every query is looked at: {names:?}");
    assert!(columns > 100, "{columns} columns");
}

/// Columns that no query returns, as `table.column`, and why.
const NOT_READ: [(&str, &str); 5] = [
    ("bot_clips.deleted_at", "a list has only what was not deleted"),
    ("bot_channel_scan_runs.turn", "the order of the queue"),
    ("bot_channel_scan_runs.queue_guild_id", "for the order of the queue"),
    ("bot_channel_scan_runs.claim_token", "only whoever claims a run gets its token"),
    ("bot_channel_scan_runs.claim_request", "for a call that is repeated"),
];

/// The columns of a table that none of the statements returns.
async fn unread(client: &Client, table: &str, statements: &[String]) -> Vec<String> {
    let sql = "select attname::text from pg_attribute
               where attrelid = $1::text::regclass and attnum > 0 and not attisdropped order by attnum";
    let columns = client.query(sql, &[&table]).await.expect("the catalogue can be read");
    let mut unread: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
    for sql in statements {
        let statement = client.prepare(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        unread.retain(|column| !statement.columns().iter().any(|read| read.name() == column));
    }
    unread.iter().map(|column| format!("{table}.{column}")).collect()
}

#[tokio::test]
async fn every_column_is_returned_by_a_query_or_left_out_on_purpose() {
    let database = TestDatabase::new().await;
    let client = connect(&database.url()).await;
    let sources = files("codegen/queries", ".rs");

    let mut found = Vec::new();
    for ((_, rust), (_, table)) in sources
        .iter()
        .zip(TABLES)
        .filter(|(_, (file, _))| !["parts", "scan_pages", "scan_queue", "unreadable_rows"].contains(file))
    {
        let statements: Vec<_> = generated(rust).into_iter().map(|query| query.sql).collect();
        found.extend(unread(&client, table, &statements).await);
    }

    assert_eq!(
        found,
        NOT_READ.map(|(column, _)| column),
        "add the column to its row in queries/ and run ./dev codegen, or add it to NOT_READ"
    );
    let sample =
        ["select name as other, icon from bot_guilds".to_owned(), "select guild_id from bot_guilds".to_owned()];
    assert_eq!(
        unread(&client, "bot_guilds", &sample).await,
        ["name", "owner_user_id", "joined_at", "last_seen_at"].map(|column| format!("bot_guilds.{column}"))
    );
}

#[tokio::test]
async fn a_wrong_mark_is_found() {
    let database = TestDatabase::new().await;
    let client = connect(&database.url()).await;
    let sample = r#"
pub struct Row {
    pub name: String,
    pub guild_id: Option<String>,
    pub type: Option<String>,
    pub last_scanned_at: chrono::DateTime<chrono::Utc>,
    pub n: i64,
}
pub fn sample() -> SampleStmt {
    SampleStmt(
        "select name, guild_id, type, last_scanned_at at time zone 'utc' as last_scanned_at, 1::bigint as n from bot_channels order by name collate \"C\"",
        None,
    )
}
impl SampleStmt {
    pub fn bind<'c, C: GenericClient>(&'s self, client: &'c C) -> RowQuery<'c, 'a, 's, C, Row, 0> {
    }
}
pub fn alone() -> AloneStmt {
    AloneStmt(
        "select icon from bot_guilds where guild_id = $1",
        None,
    )
}
impl AloneStmt {
    pub fn bind<'c>(
    ) -> StringQuery<'c, 'a, 's, C, String, 1> {
    }
}
"#;
    let queries = generated(sample);

    let (seen, wrong) = wrong_marks(&client, "bot_channels", &queries[0]).await;
    assert_eq!(seen, 4);
    assert_eq!(
        wrong,
        [
            "sample: name is String, nullable: true",
            "sample: guild_id is Option<String>, nullable: false",
            "sample: last_scanned_at is chrono::DateTime<chrono::Utc>, nullable: true",
        ]
    );
    let (_, wrong) = wrong_marks(&client, "bot_guilds", &queries[1]).await;
    assert_eq!(wrong, ["alone: icon is String, nullable: true"]);
}
