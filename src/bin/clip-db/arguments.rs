//! The arguments of the command line, and the text of `--help`.
#![expect(clippy::doc_markdown, reason = "clap prints these comments unchanged")]

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand};
use clip_saver_db::{ChannelId, GuildId, ScanRunId, UserId};

use crate::exit::Exit;
use crate::output::print_error;

const EXIT_CODES: &str = "\
Exit codes:
  0  fine
  1  something to do: migrations are pending, or the database has no history
  2  wrong: fix what is printed; also for wrong usage
  3  can't connect";

const ENVIRONMENT: &str = "\
Environment, as for the bot and the worker:
  POSTGRES_DSN, else DATABASE_URL
                        the whole connection string:
                        postgresql://user:password@host:port/database?sslmode=verify-full
  POSTGRES_HOST, …_PORT, …_USER, …_PASSWORD, …_DB
                        single variables, if neither is set (also DB_HOST, …, DB_NAME)
  POSTGRES_PASSWORD_FILE
                        a file with the password instead (also DB_PASSWORD_FILE)
  PGHOST, PGPASSWORD, …, ~/.pgpass
                        libpq's, after those above; they also fill in a password or an sslmode
                        that the connection string lacks
  DB_MIGRATION_URL      where `migrate`, `adopt` and `check` connect to, if the address above
                        is PgBouncer's; not with --url. DB_MIGRATION_PASSWORD_FILE is a file
                        with its password
  DB_SCHEMA             the schema that holds the tables (public)
  DB_CONNECT_TIMEOUT    seconds to connect; 5 in clip-db if neither this nor the connection
                        string says otherwise
  DB_MIGRATION_TIMEOUT  seconds that `migrate` waits for other sessions in all; 300, 0 for ever
  DB_POOL_MAX, DB_ACQUIRE_TIMEOUT, DB_STATEMENT_TIMEOUT, DB_IDLE_IN_TRANSACTION_TIMEOUT,
  DB_MAX_LIFETIME, DB_MAX_BATCH_BYTES, DB_MAX_SETTINGS_BYTES, DB_SLOW_QUERY_MS
                        see `clip-db config`; clip-db itself opens one or two connections

Examples:
  clip-db status                        what is applied, what is pending
  clip-db migrate --dry-run             the SQL that would be run
  clip-db migrate && clip-db check      before you start a new version
  clip-db status --json | jq .up_to_date
  clip-db doctor                        when something does not work

Results go to standard output, errors and warnings to standard error.

";

/// Brings the database of the Discord Clip Saver up to date, and finds out what is wrong with it.
///
/// The bot and the worker migrate when they start. With clip-db you can do so beforehand, see what would
/// be done, adopt databases of the Python programs, and check that a database has what this version
/// needs.
#[derive(Parser)]
#[command(name = "clip-db", version, verbatim_doc_comment, after_help = EXIT_CODES)]
#[command(after_long_help = format!("{ENVIRONMENT}{EXIT_CODES}"), arg_required_else_help = true)]
pub struct Arguments {
    /// The database, instead of the environment's. Prefer DATABASE_URL, which hides the password
    ///
    /// Everyone on this machine can read the arguments while the program runs, and shells store them: put
    /// a password into DATABASE_URL instead. clip-db itself never prints it.
    #[arg(long, global = true, value_name = "URL", verbatim_doc_comment)]
    pub url: Option<String>,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Apply the pending migrations
    ///
    /// Prints a line when a file is applied. Programs that start at the same time wait for each other. A
    /// database that the Python programs made is adopted first: if its tables are those of V1, V1 is
    /// recorded and nothing else is changed; if not, nothing is changed and the difference is printed.
    ///
    /// If other sessions hold a file back, it prints them at once and goes on trying for
    /// DB_MIGRATION_TIMEOUT seconds (300) in all. Then nothing of that file is left.
    ///
    /// Ends with 0, or with 2 if a file fails or the history does not fit this version's files.
    #[command(verbatim_doc_comment)]
    Migrate {
        /// Print the SQL of the pending files and change nothing; ends with 1 if there is something to do
        #[arg(long)]
        dry_run: bool,
        /// End sessions that hold this migration back and are idle in transaction for this long: 30s
        ///
        /// Only those: no session that is at work, and none that does not block. Each is printed. Their open
        /// transactions are undone. This needs the right to end them: the same role, or pg_signal_backend and
        /// pg_read_all_stats. The time is a number with ms, s, min, h or d.
        #[arg(long = "end-idle-in-transaction", value_name = "TIME", value_parser = duration, verbatim_doc_comment)]
        end_idle: Option<Duration>,
    },
    /// Show which migrations are applied and which are pending
    ///
    /// Takes no lock and writes nothing; the right to read the history is enough. The states of a file:
    ///   applied  done
    ///   pending  `clip-db migrate` will apply it
    ///   newer    a newer version has applied it; this one keeps working
    ///   changed  applied, but this version's file differs (wrong)
    ///   missing  applied, but this version has no such file (wrong)
    ///   late     not applied, although a later file was (wrong)
    ///   foreign  applied by another program that uses refinery (wrong)
    ///
    /// Ends with 0 if the database is up to date (or newer), 1 if files are pending or there are tables
    /// but no history (a database of the Python programs), 2 if the history is wrong or the tables are another
    /// program's.
    #[command(verbatim_doc_comment)]
    Status {
        /// Print one JSON object: files (version, name, state, applied_on), unrecorded, taken_names, up_to_date
        #[arg(long)]
        json: bool,
    },
    /// Check that the database's schema is what this version needs
    ///
    /// Lets the server prepare every query of this version, and prints those that fail and why. Then compares
    /// tables, columns, indexes, constraints, triggers and functions with those that the applied migrations
    /// make (in a temporary schema, in a transaction that is rolled back). What is missing or differs is
    /// wrong. What others have added is only listed, and so are all differences of a database that is newer
    /// than this version. Also checks the database's encoding, row-level security, and the sequence of users. To
    /// check rights on the tables, use `clip-db doctor`.
    ///
    /// Ends with 0 if everything fits, 1 if only the pending migrations are missing or this role may not
    /// create the temporary schema, and 2 if something is wrong.
    #[command(verbatim_doc_comment)]
    Check {
        /// Print every query, also those that fit
        #[arg(long, short)]
        verbose: bool,
    },
    /// Record a database that the Python programs made, and apply nothing
    ///
    /// This is the first half of `clip-db migrate`. If the tables are those of V1, V1 is recorded. If not,
    /// nothing is changed and the difference is printed.
    ///
    /// Ends with 0 if the database was adopted or there is nothing to adopt, 2 if it cannot be.
    #[command(verbatim_doc_comment)]
    Adopt,
    /// Show the rows that this version cannot read, and delete them
    ///
    /// Older programs, or people, may have stored an id that is not a Discord snowflake, or a time that is
    /// too far away. Lists leave such rows out. Prints table, column, key and value of each, at most 1000.
    ///
    /// With --delete it deletes the rows that it has printed and whose ids are wrong, and what refers to
    /// them: the scan runs of a channel, the channels of a guild, the install intents of a user. It prints
    /// how many. Times are left to you: the rest of their rows is good.
    ///
    /// Ends with 0 if every row can be read (or was deleted), 1 if some cannot, 2 if deleting fails.
    #[command(verbatim_doc_comment)]
    Unreadable {
        /// Delete the rows whose ids are wrong
        #[arg(long)]
        delete: bool,
        /// Print one JSON object: rows; deletable (counts by table), or deleted and left
        #[arg(long)]
        json: bool,
    },
    /// Delete install intents that have expired
    ///
    /// An install intent is an authorization that a user began, to add the bot to a guild. Prints how many
    /// were deleted. For a cron job.
    #[command(verbatim_doc_comment)]
    PurgeIntents {
        /// Only those that expired at least this long ago
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        grace: u64,
    },
    /// Show and steer the scans that workers share
    #[command(subcommand)]
    Scans(Scans),
    /// Show the stored clips
    #[command(subcommand)]
    Clips(Clips),
    /// Print the configuration, with the password hidden
    ///
    /// Prints what bot and worker use with this environment, one `name = value` a line. `source` says where
    /// the address is from. Needs no server.
    #[command(verbatim_doc_comment)]
    Config,
    /// Find out what is wrong with the server, the connection or the role
    ///
    /// Checks the server's version, whether it accepts writes, the extension pgcrypto, the schema where calls
    /// find their tables, the migrations, the role's rights, sessions that would hold migrations back, the
    /// encoding, what hides tables or rows from this role, the sequence of users, the isolation level, the
    /// number of connections, encryption, the pooler (PgBouncer), if there is one, old transactions and
    /// replication slots, and the clocks. Each finding is `ok`, a `note`, or `WRONG` with what to do. Changes
    /// nothing.
    ///
    /// Ends with 0, or with 2 if something is WRONG.
    #[command(verbatim_doc_comment)]
    Doctor,
}

/// The commands for scans.
#[derive(Subcommand)]
pub enum Scans {
    /// List the channels of a guild with their scans, or the newest runs of a channel
    #[command(verbatim_doc_comment)]
    List {
        /// The guild: a line for each of its channels
        #[arg(long, value_name = "ID", required_unless_present = "channel", conflicts_with = "channel")]
        guild: Option<GuildId>,
        /// The channel: a line for each of its runs, newest first
        #[arg(long, value_name = "ID")]
        channel: Option<ChannelId>,
        /// The most runs of a channel
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Count the runs that are queued, delayed, running, and running with an expired lease
    Stats {
        /// Print one JSON object: queued, delayed, running, expired, oldest_seconds
        #[arg(long)]
        json: bool,
    },
    /// Cancel a run, or all shared runs of a guild or of channels
    ///
    /// Queued runs are canceled at once. The workers of running ones are told with their next page.
    /// Ends with 0, or with 1 if there was nothing to cancel.
    #[command(verbatim_doc_comment)]
    Cancel {
        /// The run
        #[arg(value_name = "RUN", required_unless_present_any = ["guild", "channel"], conflicts_with_all = ["guild", "channel"])]
        run: Option<ScanRunId>,
        /// All runs of this guild
        #[arg(long, value_name = "ID", conflicts_with = "channel")]
        guild: Option<GuildId>,
        /// All runs of this channel; may be given several times
        #[arg(long, value_name = "ID")]
        channel: Vec<ChannelId>,
    },
    /// Enqueue the interval of a finished run again
    ///
    /// A finished run does not change any more: this enqueues a new one. Messages that were counted are not
    /// counted again. Ends with 0, or with 1 if an equal run is active or the channel is not read.
    #[command(verbatim_doc_comment)]
    Requeue {
        /// The run
        #[arg(value_name = "RUN")]
        run: ScanRunId,
    },
    /// Delete finished runs, but not the newest ones of each channel. For a cron job
    Purge {
        /// Only those that finished at least this long ago: 30d
        #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30d")]
        older_than: Duration,
        /// How many runs of each channel are kept in any case
        #[arg(long, value_name = "N", default_value_t = 20)]
        keep: u32,
    },
}

/// The commands for clips.
#[derive(Subcommand)]
pub enum Clips {
    /// List the clips of a guild, newest first
    #[command(verbatim_doc_comment)]
    List(ClipList),
}

/// Which clips to list.
#[derive(Args)]
pub struct ClipList {
    /// The guild
    #[arg(long, value_name = "ID")]
    pub guild: GuildId,
    /// Only of this channel
    #[arg(long, value_name = "ID")]
    pub channel: Option<ChannelId>,
    /// Only of this author
    #[arg(long, value_name = "ID")]
    pub author: Option<UserId>,
    /// Only posted at this time or later: 2026-11-26T20:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<DateTime<Utc>>,
    /// Only posted before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<DateTime<Utc>>,
    /// The most clips
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print one JSON object: clips; total (without the limit)
    #[arg(long)]
    pub json: bool,
}

/// A time with a unit, as PostgreSQL writes it.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err("write a number and ms, s, min, h or d, such as 30s".to_owned()),
    };
    let number: f64 = text[..text.len() - unit.len()].parse().map_err(|_| format!("{text:?} has no number"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

/// Prints a usage error, or the help. clap repeats arguments that it does not understand: connection strings are hidden,
/// because they may hold a password.
pub fn print_usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let mut hidden = text.clone();
    for argument in env::args().skip(1).filter(|argument| is_secret(argument)) {
        hidden = hidden.replace(&argument, "(a connection string, hidden)");
    }
    if hidden == text {
        _ = error.print(); // the output may be closed
    } else {
        print_error(hidden.trim_end());
    }
    if error.use_stderr() { Exit::Wrong.into() } else { Exit::Fine.into() }
}

fn is_secret(argument: &str) -> bool {
    ["://", "@", "password"].iter().any(|sign| argument.contains(sign))
}
