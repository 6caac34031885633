//! The number of the server's process that a client was told when it connected. The driver keeps it to itself, but it is part of
//! the request to cancel a statement, which is written on paper here and never sent.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Error as PgError};

pub(super) async fn told(client: &Client) -> Result<i32, PgError> {
    let mut paper = Paper(Vec::new());
    client.cancel_token().cancel_query_raw(&mut paper, NoHandshake).await?;
    // The request ends with the process and a secret, each of four bytes.
    Ok(match paper.0[..] {
        [.., a, b, c, d, _, _, _, _] => i32::from_be_bytes([a, b, c, d]),
        _ => 0, // no process has this number
    })
}

/// Keeps what is written. Whether there is TLS it answers with yes, since the request may only go out encrypted.
struct Paper(Vec<u8>);

impl AsyncRead for Paper {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        buffer.put_slice(b"S");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Paper {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl TlsStream for &mut Paper {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

struct NoHandshake;

impl<'a> TlsConnect<&'a mut Paper> for NoHandshake {
    type Stream = &'a mut Paper;
    type Error = Infallible;
    type Future = Ready<Result<Self::Stream, Infallible>>;

    fn connect(self, paper: &'a mut Paper) -> Self::Future {
        ready(Ok(paper))
    }
}
