//! Wakes a worker when there may be runs to claim: by notifications of the database and, because these may be lost, at an
//! interval.

use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{join, select};
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{interval, sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use crate::error::ErrorKind;
use crate::pool::db::Db;

/// How long a lost notification delays its run.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The pause before the database is asked to notify us again. It doubles up to `POLL_INTERVAL` while that fails. Half of it is
/// random: workers that lost one server come back at different moments.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

impl Db {
    /// A stream that wakes a worker when there may be runs to claim: at its first poll, when
    /// [`request_scan`](crate::repositories::request_scan) or [`release_scan`](crate::repositories::release_scan) has put a run
    /// into the queue, and every 5 seconds. It ends when the database handle is closed.
    ///
    /// Wake-ups that nobody has awaited yet count as one. So claim runs until there are none, then await the next one: no run is
    /// overlooked.
    ///
    /// Notifications (`LISTEN clip_saver_scans`) arrive on a connection of its own, outside the pool, which the first poll opens
    /// and which ends with the stream. If that connection breaks, it is opened again, and the stream wakes once more then: a
    /// notification may have been lost. Behind a pooler in transaction mode (`PgBouncer`), and with `DB_PREPARED_STATEMENTS=off`,
    /// no notification arrives: then only the interval wakes, which a warning says once.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use clip_saver_db::{Db, ScanWorker, repositories as db};
    ///
    /// # async fn work(database: &Db, worker: &ScanWorker) -> Result<(), clip_saver_db::Error> {
    /// let mut wakeups = database.scan_wakeups();
    /// while let Some(()) = wakeups.next().await {
    ///     loop {
    ///         let claims = db::claim_scan_runs(database, worker, 4, Duration::from_secs(30)).await?;
    ///         if claims.is_empty() {
    ///             break;
    ///         }
    ///         // scan them, each held by a `ScanLease`
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn scan_wakeups(&self) -> ScanWakeups {
        ScanWakeups { db: self.clone(), wakeups: None }
    }
}

/// Wakes a worker: see [`Db::scan_wakeups`].
#[must_use = "streams do nothing unless polled"]
pub struct ScanWakeups {
    db: Db,
    /// From the first poll on.
    wakeups: Option<Wakeups>,
}

/// The wake-up that nobody has awaited yet, and the task that sends it.
struct Wakeups {
    pending: mpsc::Receiver<()>,
    _task: AbortOnDropHandle<()>,
}

impl ScanWakeups {
    /// Waits for the next wake-up; `None` when the database handle is closed. If this future is dropped, nothing is lost. Call it
    /// in a Tokio runtime.
    pub async fn next(&mut self) -> Option<()> {
        StreamExt::next(self).await
    }
}

impl Stream for ScanWakeups {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<()>> {
        let Self { db, wakeups } = &mut *self;
        wakeups.get_or_insert_with(|| Wakeups::of(db)).pending.poll_recv(context)
    }
}

impl fmt::Debug for ScanWakeups {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScanWakeups").field("db", &self.db).finish_non_exhaustive()
    }
}

impl Wakeups {
    fn of(db: &Db) -> Self {
        let (sender, pending) = mpsc::channel(1);
        let task = tokio::spawn(run(db.clone(), Waker(sender)));
        Self { pending, _task: AbortOnDropHandle::new(task) }
    }
}

/// Sends wake-ups. If one is pending, another one is nothing new.
struct Waker(mpsc::Sender<()>);

impl Waker {
    fn wake(&self) {
        _ = self.0.try_send(());
    }
}

/// Wakes until the database handle is closed.
async fn run(db: Db, waker: Waker) {
    let waking = join(poll(&waker), listen(&db, &waker));
    select(pin!(db.closed()), pin!(waking)).await;
}

/// Wakes at once, then at each interval.
async fn poll(waker: &Waker) {
    let mut interval = interval(POLL_INTERVAL);
    loop {
        interval.tick().await;
        waker.wake();
    }
}

/// Wakes at each notification, and when notifications begin to arrive again.
async fn listen(db: &Db, waker: &Waker) {
    let mut pause = FIRST_PAUSE;
    loop {
        let weak = waker.0.downgrade(); // a connection that ends slowly does not keep the stream open
        let notified = move || _ = weak.upgrade().map(|sender| Waker(sender).wake());
        match db.listen(include_str!("listen.sql"), notified).await {
            Ok(mut listener) => {
                waker.wake();
                pause = FIRST_PAUSE;
                listener.ended(POLL_INTERVAL).await;
                debug!("the connection for notifications of scans has ended");
            }
            Err(error) if error.kind() == ErrorKind::Pooler => {
                if db.is_first_without_notifications() {
                    warn!(%error, interval = ?POLL_INTERVAL, "no notification of scans arrives, workers only poll");
                }
                return;
            }
            Err(error) => debug!(%error, "the database does not notify of scans yet, trying again"),
        }
        sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
        pause = (pause * 2).min(POLL_INTERVAL);
    }
}
