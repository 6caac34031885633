//! A socket whose bytes are counted: only they show whether a connection is silent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Counts the bytes of a connection.
#[derive(Default)]
pub(super) struct Traffic {
    moved: AtomicU64,
    unanswered: AtomicU64,
}

impl Traffic {
    /// How many bytes were sent and received.
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// How many bytes were sent since the last one was received. They may still be on their way.
    pub(super) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    fn sent(&self, count: usize) {
        self.moved.fetch_add(count as u64, Ordering::Relaxed);
        self.unanswered.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn received(&self, count: usize) {
        if count > 0 {
            self.moved.fetch_add(count as u64, Ordering::Relaxed);
            self.unanswered.store(0, Ordering::Relaxed);
        }
    }
}

/// A TCP or Unix socket.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

/// A socket whose bytes are counted.
pub(super) struct Stream {
    socket: Box<dyn Socket>,
    traffic: Arc<Traffic>,
}

impl Stream {
    pub(super) fn new(socket: Box<dyn Socket>, traffic: Arc<Traffic>) -> Self {
        Self { socket, traffic }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.traffic.received(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.traffic.sent(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
