//! `clip-db`, the command line: brings a database up to date, and tells what is wrong with it.
//!
//! A command is a file; it prints its result by [`Output`] and returns how it ends, which is the exit code. What it cannot
//! go on with is a [`Failure`].

mod adopt;
mod arguments;
mod check;
mod config;
mod connect;
mod doctor;
mod end;
mod log;
mod migrate;
mod output;
mod purge;
mod queries;
mod status;

use std::process::ExitCode;

use clap::Parser as _;
use clip_saver_db::close_db;

use arguments::{Arguments, Command};
use connect::Settings;
use end::{End, Failure};
use output::{Output, complain};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return arguments::refuse(&error),
    };
    let mut output = Output::default();
    let end = run(&arguments, &mut output).unwrap_or_else(|failure| {
        complain(&failure.message);
        failure.end
    });
    if let Some(error) = output.failure() {
        complain(&format!("the result cannot be written: {error}"));
        return End::Wrong.into();
    }
    end.into()
}

fn run(arguments: &Arguments, output: &mut Output) -> Result<End, Failure> {
    let settings = Settings::read(arguments.url.as_deref())?;
    if let Command::Config = arguments.command {
        return Ok(config::run(&settings, output));
    }
    // The driver needs a runtime with timers and sockets; one thread does.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::wrong)?;
    runtime.block_on(run_on_server(&arguments.command, &settings, output))
}

async fn run_on_server(command: &Command, settings: &Settings, output: &mut Output) -> Result<End, Failure> {
    if let Command::Doctor = command {
        return doctor::run(settings, output).await;
    }
    let db = settings.connect().await?;
    let end = match *command {
        Command::Migrate { dry_run: false } => migrate::run(&db, output).await,
        Command::Migrate { dry_run: true } => migrate::dry_run(&db, output).await,
        Command::Status { json } => status::run(&db, json, output).await,
        Command::Check { verbose } => check::run(&db, verbose, output).await,
        Command::Adopt => adopt::run(&db, output).await,
        Command::PurgeIntents { grace } => purge::run(&db, grace, output).await,
        Command::Config | Command::Doctor => Ok(End::Fine), // done above
    };
    close_db(&db).await;
    end
}
