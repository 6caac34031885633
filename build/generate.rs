//! Turns queries/ into Rust: applies migrations/ to a scratch database, lets cornucopia prepare every query there, and
//! reports the position of each error.

use std::fs;
use std::io;
use std::path::Path;
use std::process;

use cornucopia::config::Config;
use miette::{Diagnostic as _, SourceSpan};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::server::Server;
use crate::{migrate, position};

/// Generates into `destination` (its `src/`). `changed` names the changed inputs, for the error if there is no server.
pub fn generate(root: &Path, destination: &Path, changed: &str) -> Result<(), String> {
    let server = Server::start(root).map_err(|error| no_server(changed, &error))?;
    // cornucopia blocks its thread, so the connection runs on others.
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let admin = runtime.block_on(connect(&server.url, None))?;
    let database = format!("clip_saver_db_codegen_{}", process::id());
    let drop = format!("drop database if exists {database} with (force)");
    runtime.block_on(execute(&admin, &drop))?;
    runtime.block_on(execute(&admin, &format!("create database {database}")))?;
    let result = generate_on(&runtime, &server.url, &database, root, destination);
    result.and(runtime.block_on(execute(&admin, &drop)))
}

fn no_server(changed: &str, error: &str) -> String {
    format!(
        "{changed}: changed since codegen/ was generated, and no PostgreSQL could be started to check the queries.\n\
         Install PostgreSQL's server, or set CLIP_DB_CODEGEN_URL to a server where a database may be created.\n\
         {error}"
    )
}

fn generate_on(runtime: &Runtime, url: &str, database: &str, root: &Path, destination: &Path) -> Result<(), String> {
    let client = runtime.block_on(connect(url, Some(database)))?;
    runtime.block_on(migrate(&client, &root.join("migrations")))?;
    let mut config = Config::from_file(root.join("cornucopia.toml")).map_err(|error| error.to_string())?;
    config.queries = root.join("queries");
    config.destination = destination.into();
    cornucopia::gen_live(&client, config).map_err(|error| located(&error, root))?;
    prepare_writes(&destination.join("src/queries")).map_err(|error| format!("{}: {error}", destination.display()))
}

/// cornucopia sends a statement that returns no rows as text, which the driver prepares at each call. Here it is prepared by the
/// client, which keeps it, as those that return rows.
fn prepare_writes(queries: &Path) -> io::Result<()> {
    for file in fs::read_dir(queries)? {
        let path = file?.path();
        let text = fs::read_to_string(&path)?;
        let mut parts = text.split(".execute(");
        let mut prepared = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            prepared += ".execute(";
            prepared += &part.replacen("self.0", "&client.prepare(self.0).await?", 1);
        }
        fs::write(path, prepared)?;
    }
    Ok(())
}

async fn connect(url: &str, database: Option<&str>) -> Result<Client, String> {
    let mut config: tokio_postgres::Config = url.parse().map_err(|error| format!("CLIP_DB_CODEGEN_URL: {error}"))?;
    if let Some(database) = database {
        config.dbname(database);
    }
    let (client, connection) = config.connect(NoTls).await.map_err(|error| chain(&error))?;
    tokio::spawn(connection);
    Ok(client)
}

async fn execute(client: &Client, sql: &str) -> Result<(), String> {
    client.batch_execute(sql).await.map_err(|error| chain(&error))
}

/// Applies the migrations. A scratch database needs no history.
async fn migrate(client: &Client, directory: &Path) -> Result<(), String> {
    let mut migrations = refinery_core::load_sql_migrations(directory).map_err(|error| chain(&error))?;
    migrations.sort();
    for migration in &migrations {
        let applied = migrate::apply(client, migration.sql().unwrap_or_default()).await;
        applied.map_err(|finding| format!("migrations/{migration}.sql:{finding}"))?;
    }
    Ok(())
}

/// An error with its causes: the driver's own text says only "db error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// `file:line:column: message`, as editors understand it.
fn located(error: &cornucopia::Error, root: &Path) -> String {
    let label = error.labels().and_then(|mut labels| labels.next());
    let location = label.and_then(|label| location(error, root, label.offset()));
    let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{}{error}{help}", location.map(|location| format!("{location}: ")).unwrap_or_default())
}

fn location(error: &cornucopia::Error, root: &Path, offset: usize) -> Option<String> {
    let start = SourceSpan::from(0);
    let source = error.source_code()?.read_span(&start, 0, 0).ok()?;
    let file = Path::new(source.name()?);
    let text = fs::read_to_string(file).ok()?;
    // For an error of preparing, cornucopia's offset is in the text that it sent.
    let sent = matches!(error, cornucopia::Error::PrepareQueries(_));
    let offset = if sent { position::in_file(&text, offset) } else { offset };
    let (line, column) = position::line_and_column(&text, offset);
    Some(format!("{}:{line}:{column}", file.strip_prefix(root).unwrap_or(file).display()))
}
