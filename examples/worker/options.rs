//! The worker's command line.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::support::Failure;

const USAGE: &str = "usage: worker [--workers N] [--lease SECONDS] [--until-idle] [MESSAGES [REFUSALS]], with N from 1 to 100, \
                     and DELAY_MS in the environment: how long a request to Discord takes";
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");

pub struct Options {
    /// How many runs at once.
    pub workers: u32,
    /// How long a claim lasts without renewal: after that time another worker takes over the runs of one that died.
    pub lease: Duration,
    /// Whether to end when the queue is empty.
    pub until_idle: bool,
    pub messages: PathBuf,
    pub refusals: PathBuf,
}

impl Options {
    pub fn read() -> Result<Self, Failure> {
        let [messages, refusals] = ["messages.jsonl", "channel_errors.json"].map(|name| Path::new(DATA).join(name));
        let (workers, lease, until_idle) = (4, Duration::from_secs(30), false);
        let mut options = Self { workers, lease, until_idle, messages, refusals };
        options.parse(env::args_os().skip(1))?;
        Ok(options)
    }

    fn parse(&mut self, mut arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
        let mut files = [&mut self.messages, &mut self.refusals].into_iter();
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--workers") => self.workers = number(&mut arguments)?,
                Some("--lease") => self.lease = Duration::from_secs(number(&mut arguments)?),
                Some("--until-idle") => self.until_idle = true,
                Some(option) if option.starts_with('-') => return Err(USAGE.into()),
                _ => *files.next().ok_or(USAGE)? = argument.into(),
            }
        }
        if (1..=100).contains(&self.workers) && !self.lease.is_zero() { Ok(()) } else { Err(USAGE.into()) }
    }
}

fn number<N: FromStr>(arguments: &mut impl Iterator<Item = OsString>) -> Result<N, Failure> {
    arguments.next().and_then(|text| text.to_str()?.parse().ok()).ok_or_else(|| USAGE.into())
}
