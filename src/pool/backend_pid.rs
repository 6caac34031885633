//! The backend's process id, as the client received it when it connected. The driver does not expose it, but a cancel
//! request holds it: this writes one into a buffer and never sends it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Error as PgError};

pub(super) async fn announced(client: &Client) -> Result<i32, PgError> {
    let mut buffer = Buffer(Vec::new());
    client.cancel_token().cancel_query_raw(&mut buffer, NoHandshake).await?;
    // The request ends with the process id and a secret, four bytes each.
    Ok(match buffer.0[..] {
        [.., a, b, c, d, _, _, _, _] => i32::from_be_bytes([a, b, c, d]),
        _ => 0, // not a valid process id
    })
}

/// Keeps what is written to it. It accepts TLS (`S`), because with some `sslmode`s the driver insists on TLS.
struct Buffer(Vec<u8>);

impl AsyncRead for Buffer {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, answer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        answer.put_slice(b"S");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Buffer {
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

impl TlsStream for &mut Buffer {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

struct NoHandshake;

impl<'a> TlsConnect<&'a mut Buffer> for NoHandshake {
    type Stream = &'a mut Buffer;
    type Error = Infallible;
    type Future = Ready<Result<Self::Stream, Infallible>>;

    fn connect(self, buffer: &'a mut Buffer) -> Self::Future {
        ready(Ok(buffer))
    }
}
