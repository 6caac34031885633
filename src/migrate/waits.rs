//! Waiting for other sessions: names them, reports them, ends those that it was asked to end, and gives up in time.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::errors::{gave_up, is_lock_conflict};
use super::progress::{Applied, Progress, Waiting};
use super::session::{jitter, observe};
use super::sessions::{BlockingSession, end_idle, look_up, pids};
use crate::error::Error;
use crate::pool::db::Db;

/// How often a statement that is running is asked about.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The pause between two attempts to get what others hold.
const PAUSE: Duration = Duration::from_millis(100);

/// A shorter wait is not reported: programs that start together wait for each other.
const REPORT_AFTER: Duration = Duration::from_millis(500);

/// How often a wait for the same sessions is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// How long an attempt to get the locks of a file may take: programs queue behind it.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// The shortest `lock_timeout`: zero would be none.
const SHORTEST: Duration = Duration::from_millis(100);

/// How long the second connection may take to be opened and to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The waits of one program that migrates.
pub(super) struct Waits<'a, R> {
    db: &'a Db,
    report: R,
    /// Sessions that have been idle in transaction for this long are ended.
    end_idle: Option<Duration>,
    /// For questions while the migrating connection is busy.
    observer: Option<Client>,
    /// Why there is no observer.
    blind: Option<String>,
    /// How long earlier waits took in all.
    waited: Duration,
    /// Since when it has been waiting.
    since: Option<Instant>,
    /// The file that waits. `None`: the program waits for its turn.
    file: Option<String>,
    /// Its last wait, which the error names.
    last: Option<Waiting>,
    /// Which sessions were reported, and when.
    reported: Option<(Vec<i32>, Instant)>,
    /// The sessions that could not be ended.
    refused: HashSet<i32>,
}

impl<'a, R: FnMut(Progress)> Waits<'a, R> {
    pub(super) fn new(db: &'a Db, end_idle: Option<Duration>, report: R) -> Self {
        Self {
            db,
            report,
            end_idle,
            observer: None,
            blind: None,
            waited: Duration::ZERO,
            since: None,
            file: None,
            last: None,
            reported: None,
            refused: HashSet::new(),
        }
    }

    pub(super) fn applied(&mut self, applied: Applied) {
        (self.report)(Progress::Applied(applied));
    }

    /// Says what waits from now on: a file, or the program for its turn.
    pub(super) fn begin(&mut self, file: Option<String>) {
        self.free();
        self.file = file;
        (self.last, self.reported) = (None, None);
    }

    /// Nobody blocks: what follows is work.
    pub(super) fn free(&mut self) {
        self.waited += self.since.take().map(|since| since.elapsed()).unwrap_or_default();
    }

    /// How long it may still wait. `None`: for ever.
    fn remaining(&self) -> Option<Duration> {
        let waited = self.waited + self.since.map(|since| since.elapsed()).unwrap_or_default();
        self.db.config().migration_timeout.map(|limit| limit.saturating_sub(waited))
    }

    /// The `lock_timeout` of a statement that blocks others while it waits.
    pub(super) fn short_lock_timeout(&self) -> Duration {
        self.remaining().map_or(LOCK_TIMEOUT, |remaining| remaining.clamp(SHORTEST, LOCK_TIMEOUT))
    }

    /// The `lock_timeout` of a statement that blocks nobody: zero means none.
    pub(super) fn long_lock_timeout(&self) -> Duration {
        self.remaining().map_or(Duration::ZERO, |remaining| remaining.max(SHORTEST))
    }

    /// Waits a little for these sessions. Then the caller asks again whether they still block.
    pub(super) async fn wait_for(&mut self, client: &Client, pids: &[i32]) -> Result<(), Error> {
        let sessions = look_up(client, pids).await?;
        self.blocked(client, Instant::now(), sessions).await?;
        sleep(jitter(PAUSE)).await;
        Ok(())
    }

    /// Runs a statement of the session `pid`. Meanwhile it asks on another connection what the statement waits for. Cancels
    /// the statement when it has waited for too long.
    pub(super) async fn watch<T>(
        &mut self,
        pid: i32,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let (started, mut work) = (Instant::now(), pin!(work));
        let mut asked = started;
        loop {
            if let Ok(result) = timeout(POLL_INTERVAL, work.as_mut()).await {
                if result.as_ref().is_err_and(is_lock_conflict) {
                    self.conflicted(started);
                    self.check()?;
                }
                return result;
            }
            if let Err(gave_up) = self.ask(pid, asked).await {
                self.cancel(pid).await;
                return work.await.map_err(|_| gave_up);
            }
            asked = Instant::now();
        }
    }

    /// A statement was ended because it waited, even if nobody could be asked for whom.
    fn conflicted(&mut self, started: Instant) {
        self.since.get_or_insert(started);
        if self.last.as_ref().is_none_or(|last| last.sessions.is_empty()) {
            let reason = self.blind.clone();
            self.told(Vec::new(), Some(reason.unwrap_or_else(|| "they ended before they could be asked about".into())));
        }
    }

    /// Waits a little before the next attempt of a file whose locks it did not get.
    pub(super) async fn pause(&mut self) -> Result<(), Error> {
        sleep(jitter(Duration::from_secs(1))).await;
        self.check()
    }

    /// Asks once what a session waits for.
    async fn ask(&mut self, pid: i32, since: Instant) -> Result<(), Error> {
        let Some(observer) = self.observer().await else { return self.check() };
        let Ok(Ok(sessions)) = timeout(ANSWER_TIMEOUT, blocking(&observer, pid)).await else {
            return self.check(); // the observer is opened again
        };
        let result = if sessions.is_empty() {
            self.free();
            Ok(())
        } else {
            self.blocked(&observer, since, sessions).await
        };
        self.observer = Some(observer);
        result
    }

    /// The second connection, taken out.
    async fn observer(&mut self) -> Option<Client> {
        if let Some(observer) = self.observer.take() {
            return Some(observer);
        }
        match timeout(ANSWER_TIMEOUT, observe(self.db)).await {
            Ok(Ok(observer)) => return Some(observer),
            Ok(Err(error)) => self.blind = Some(format!("a second connection cannot be opened: {error}")),
            Err(_) => self.blind = Some("the server did not accept a second connection in time".to_owned()),
        }
        None
    }

    /// Ends the statement of a session of ours.
    async fn cancel(&mut self, pid: i32) {
        if let Some(observer) = self.observer().await {
            let pid: (&(dyn ToSql + Sync), Type) = (&pid, Type::INT4);
            let canceling = observer.query_typed(include_str!("cancel.sql"), std::slice::from_ref(&pid));
            _ = timeout(ANSWER_TIMEOUT, canceling).await; // else `lock_timeout` ends it
            self.observer = Some(observer);
        }
    }

    /// Reports the sessions that block, ends those that may be ended, and fails if it has waited for too long.
    async fn blocked(&mut self, client: &Client, since: Instant, sessions: Vec<BlockingSession>) -> Result<(), Error> {
        self.since.get_or_insert(since);
        if !sessions.is_empty() {
            self.told(sessions.clone(), None);
        }
        if let Some(at_least) = self.end_idle {
            for session in sessions {
                self.end(client, session, at_least).await;
            }
        }
        self.check()
    }

    async fn end(&mut self, client: &Client, session: BlockingSession, at_least: Duration) {
        let refusal = match end_idle(client, session.pid, at_least).await {
            Ok(true) => return (self.report)(Progress::Ended(session)),
            Ok(false) if session.state.is_some() || session.pid == 0 => return, // it is not idle, or not for long enough
            Ok(false) => "this role may not see whether it is idle: that needs its role, or pg_read_all_stats".into(),
            Err(error) => {
                format!("{error}: that needs its role, or pg_signal_backend; a superuser's session needs a superuser")
            }
        };
        if self.refused.insert(session.pid) {
            (self.report)(Progress::NotEnded(session, refusal));
        }
    }

    fn waiting(&self, sessions: Vec<BlockingSession>, unlisted: Option<String>) -> Waiting {
        let elapsed = self.since.map(|since| since.elapsed()).unwrap_or_default();
        Waiting { file: self.file.clone(), sessions, unlisted, elapsed }
    }

    /// Reports a wait, unless it is short or was reported a moment ago.
    fn told(&mut self, sessions: Vec<BlockingSession>, unlisted: Option<String>) {
        let pids: Vec<i32> = sessions.iter().map(|session| session.pid).collect();
        let waiting = self.waiting(sessions, unlisted);
        self.last = Some(waiting.clone());
        let is_known =
            self.reported.as_ref().is_some_and(|(known, at)| *known == pids && at.elapsed() < REPORT_INTERVAL);
        if waiting.elapsed >= REPORT_AFTER && !is_known {
            self.reported = Some((pids, Instant::now()));
            (self.report)(Progress::Waiting(waiting));
        }
    }

    /// Fails if it has waited for too long.
    fn check(&self) -> Result<(), Error> {
        match (self.remaining(), self.db.config().migration_timeout, self.since) {
            (Some(Duration::ZERO), Some(limit), Some(_)) => Err(gave_up(limit, self.last.as_ref())),
            _ => Ok(()),
        }
    }
}

/// The sessions that a session waits for.
async fn blocking(observer: &Client, pid: i32) -> Result<Vec<BlockingSession>, Error> {
    let rows = observer.query_typed(include_str!("blocking.sql"), &[(&pid, Type::INT4)]).await?;
    look_up(observer, &pids(&rows)?).await
}
