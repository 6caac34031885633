//! What the command line accepts, and what `--help` says.
#![expect(clippy::doc_markdown, reason = "these comments are printed as they stand")]

use std::env;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::end::End;
use crate::output::complain;

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  something to do: migrations are pending, or the database was never recorded
  2  wrong: what is printed must be mended; wrong usage, too
  3  can't connect";

const ENVIRONMENT: &str = "\
Environment, as of the bot and the worker:
  POSTGRES_DSN, else DATABASE_URL
                        the whole connection string:
                        postgresql://user:password@host:port/database?sslmode=verify-full
  POSTGRES_HOST, …_PORT, …_USER, …_PASSWORD, …_DB
                        its parts, if there is none (also DB_HOST, …, DB_NAME)
  DB_MIGRATION_URL      where `migrate`, `adopt` and `check` connect to, if the address above
                        is PgBouncer's; not with --url
  DB_CONNECT_TIMEOUT    seconds until connecting is given up; clip-db gives up after 5 if
                        neither this nor the connection string says anything
  DB_POOL_MAX, DB_ACQUIRE_TIMEOUT, DB_STATEMENT_TIMEOUT, DB_IDLE_IN_TRANSACTION_TIMEOUT,
  DB_MAX_LIFETIME, DB_MAX_BATCH_BYTES, DB_MAX_SETTINGS_BYTES, DB_SLOW_QUERY_MS
                        see `clip-db config`; clip-db itself opens one or two connections

Examples:
  clip-db status                        what is applied, what is pending
  clip-db migrate --dry-run             the SQL that is to be run
  clip-db migrate && clip-db check      before a new version is started
  clip-db status --json | jq .up_to_date
  clip-db doctor                        when something does not work

Results go to standard output, complaints to standard error.

";

/// The database of the Discord Clip Saver: brings it up to date, and tells what is wrong with it.
///
/// The bot and the worker migrate by themselves when they start. clip-db does so beforehand, shows what
/// would be done, takes over databases of the Python programs, and checks a database against what this
/// version needs.
#[derive(Parser)]
#[command(name = "clip-db", version, verbatim_doc_comment, after_help = EXIT_CODES)]
#[command(after_long_help = format!("{ENVIRONMENT}{EXIT_CODES}"), arg_required_else_help = true)]
pub struct Arguments {
    /// The database, instead of the environment's. Prefer DATABASE_URL, which hides the password
    ///
    /// Arguments can be read by everyone on this machine while the program runs, and shells keep them:
    /// a password is better in DATABASE_URL. clip-db itself never prints it.
    #[arg(long, global = true, value_name = "URL", verbatim_doc_comment)]
    pub url: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Apply the migrations that are missing
    ///
    /// Prints a line for each file as it is done. Programs that start at the same time wait for each other.
    /// A database that the Python programs made is adopted first: if its tables are those of V1, that is
    /// recorded and nothing else is touched; if not, nothing is changed and the difference is printed.
    ///
    /// Ends with 0, or with 2 if a file fails or the history does not fit this version's files.
    #[command(verbatim_doc_comment)]
    Migrate {
        /// Print the SQL of the pending files and change nothing; 1 if there is something to do, 0 if not
        #[arg(long)]
        dry_run: bool,
    },
    /// Show which migrations are applied and which are pending
    ///
    /// Takes no lock and writes nothing; the right to read the history is enough. The states of a file:
    ///   applied  done
    ///   pending  `clip-db migrate` will apply it
    ///   newer    a newer version has applied it; this one works on
    ///   changed  applied, but this version's file is another one (wrong)
    ///   missing  applied, but this version has no such file (wrong)
    ///   late     never applied, although a later file was (wrong)
    ///
    /// Ends with 0 if the database is up to date (or newer), 1 if something is pending or the tables were
    /// never recorded (a database of the Python programs), 2 if the history is wrong.
    #[command(verbatim_doc_comment)]
    Status {
        /// Print one JSON object: files (version, name, state, applied_on), unrecorded, up_to_date
        #[arg(long)]
        json: bool,
    },
    /// Check the live schema against what this version needs
    ///
    /// Lets the server prepare every query of this version, and names those that fail and why. Then compares
    /// tables, columns, indexes, constraints, triggers and functions with what the applied migrations make
    /// (in a schema of its own, in a transaction that is rolled back): what is missing or of another form is
    /// wrong; what others have added is listed, and so is any difference of a database that is newer than
    /// this version. Rights on the tables are for `clip-db doctor`.
    ///
    /// Ends with 0 if all fits, 1 if no more than the pending migrations stands against it, or if this role
    /// may not create the schema to compare with, and 2 if something is wrong.
    #[command(verbatim_doc_comment)]
    Check {
        /// Print every query, those that fit too
        #[arg(long, short)]
        verbose: bool,
    },
    /// Record a database that the Python programs made, and apply nothing
    ///
    /// `clip-db migrate` does so by itself; this is the first half of it. If the tables are those of V1, that
    /// is written down. If not, nothing is changed and the difference is printed.
    ///
    /// Ends with 0 if the database was adopted or there is nothing to adopt, 2 if it cannot be.
    #[command(verbatim_doc_comment)]
    Adopt,
    /// Delete install intents that have expired
    ///
    /// An install intent is somebody's beginning to add the bot to a guild. For a cron job; prints how many
    /// were deleted.
    #[command(verbatim_doc_comment)]
    PurgeIntents {
        /// Only those that expired at least so long ago
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        grace: u64,
    },
    /// Print the configuration, the password hidden
    ///
    /// What bot and worker use with this environment, a `name = value` a line. `source` says where the
    /// address is from. Needs no server.
    #[command(verbatim_doc_comment)]
    Config,
    /// Find out what is wrong with the server, the connection or the role
    ///
    /// Looks at: the server's version, whether it can be written to, the extension pgcrypto, the migrations,
    /// the role's rights, the number of connections, encryption, a pooler (PgBouncer) in the way, and the
    /// clocks. Each finding is `ok`, a `note`, or `WRONG` with what to do. Changes nothing.
    ///
    /// Ends with 0, or with 2 if something is WRONG.
    #[command(verbatim_doc_comment)]
    Doctor,
}

/// Ends a call that is wrong or asks for help. clap repeats what it does not understand: no connection string, though,
/// which may hold a password.
pub fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let mut hidden = text.clone();
    for argument in env::args().skip(1).filter(|argument| is_secret(argument)) {
        hidden = hidden.replace(&argument, "(a connection string, hidden)");
    }
    if hidden == text {
        _ = error.print(); // may be closed
    } else {
        complain(hidden.trim_end());
    }
    if error.use_stderr() { End::Wrong.into() } else { End::Fine.into() }
}

fn is_secret(argument: &str) -> bool {
    ["://", "@", "password"].iter().any(|sign| argument.contains(sign))
}
