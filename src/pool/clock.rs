//! A clock for the watches of silent connections.
//!
//! It runs in a thread of its own. A runtime that has a timer, even one that is far away, looks at it whenever it waits for the
//! network: a timer of tokio's would cost each call hundreds of instructions.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

/// A clone ticks at the same moments. The thread ends with the last one.
#[derive(Clone)]
pub(super) struct Clock {
    ticks: watch::Receiver<()>,
    _owner: mpsc::Sender<Infallible>,
}

impl Clock {
    /// Starts the thread.
    pub(super) fn start(interval: Duration) -> io::Result<Self> {
        let (ticker, ticks) = watch::channel(());
        let (owner, owners) = mpsc::channel();
        thread::Builder::new().name("clip-db-clock".into()).spawn(move || {
            while owners.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                ticker.send_replace(());
            }
        })?;
        Ok(Self { ticks, _owner: owner })
    }

    /// Waits for the next tick.
    pub(super) async fn tick(&mut self) {
        _ = self.ticks.changed().await; // the thread, which has the sender, outlives this clone
    }
}
