//! `clip-db`, the command line: brings a database up to date, and finds out what is wrong with it.
//!
//! Each command is a file. It prints its result with [`Output`] and returns an [`Exit`] code, or a [`Failure`] if it cannot
//! continue.

mod adopt;
mod arguments;
mod check;
mod clips;
mod config;
mod connect;
mod doctor;
mod exit;
mod migrate;
mod output;
mod purge;
mod queries;
mod scans;
mod status;
mod unreadable;

use std::process::ExitCode;

use clap::Parser as _;
use clip_saver_db::close_db;

use arguments::{Arguments, Clips, Command};
use connect::Settings;
use exit::{Exit, Failure};
use output::{Output, print_error};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return arguments::print_usage(&error),
    };
    let mut output = Output::default();
    let exit = run(&arguments, &mut output).unwrap_or_else(|failure| {
        print_error(&failure.message);
        failure.exit
    });
    if let Some(error) = output.failure() {
        print_error(&format!("the result cannot be written: {error}"));
        return Exit::Wrong.into();
    }
    exit.into()
}

fn run(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let settings = Settings::read(arguments.url.as_deref())?;
    if let Command::Config = arguments.command {
        return Ok(config::run(&settings, output));
    }
    // The driver needs a runtime with timers and sockets. One thread is enough.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::wrong)?;
    runtime.block_on(run_on_server(&arguments.command, &settings, output))
}

async fn run_on_server(command: &Command, settings: &Settings, output: &mut Output) -> Result<Exit, Failure> {
    if let Command::Doctor = command {
        return doctor::run(settings, output).await;
    }
    let db = settings.connect().await?;
    let exit = match command {
        Command::Migrate { dry_run: false, end_idle } => migrate::run(&db, *end_idle, output).await,
        Command::Migrate { dry_run: true, .. } => migrate::dry_run(&db, output).await,
        Command::Status { json } => status::run(&db, *json, output).await,
        Command::Check { verbose } => check::run(&db, settings, *verbose, output).await,
        Command::Adopt => adopt::run(&db, output).await,
        Command::PurgeIntents { grace } => purge::run(&db, *grace, output).await,
        Command::Unreadable { delete, json } => unreadable::run(&db, *delete, *json, output).await,
        Command::Scans(command) => scans::run(&db, command, output).await,
        Command::Clips(Clips::List(wanted)) => clips::list(&db, wanted, output).await,
        Command::Config | Command::Doctor => Ok(Exit::Fine), // done above
    };
    close_db(&db).await;
    exit
}
