//! `sslnegotiation=direct`: TLS from the first byte, on PostgreSQL 17 or newer. `./dev test` installs one.

use std::sync::Arc;

use clip_saver_db::{Config, ErrorKind};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::{connect, made, server_with};

/// The first byte of a TLS handshake. A request for TLS begins with 0.
const HANDSHAKE: u8 = 22;

fn dsn(port: u16, parameters: &str) -> String {
    format!("postgresql://postgres@localhost:{port}/postgres?sslnegotiation=direct&{parameters}")
}

/// Passes connections on to a port. Returns its own port, and the first byte of each connection.
async fn relay(to: u16) -> (u16, mpsc::UnboundedReceiver<u8>) {
    let (sender, first_bytes) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(("localhost", to)).await.unwrap();
            let sender = sender.clone();
            tokio::spawn(async move {
                let first = client.read_u8().await.unwrap();
                sender.send(first).unwrap();
                server.write_u8(first).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, first_bytes)
}

#[tokio::test]
async fn direct_tls_begins_with_the_first_byte_and_verifies_the_server() {
    let server = server_with("server", &["--at-least", "17"]);
    let (port, mut first_bytes) = relay(server.port).await;
    let root = made("root.crt").display().to_string();

    for mode in ["require", "verify-ca", "verify-full"] {
        assert!(connect(&dsn(port, &format!("sslmode={mode}&sslrootcert={root}"))).await.unwrap(), "{mode}");
    }

    first_bytes.close();
    while let Some(first) = first_bytes.recv().await {
        assert_eq!(first, HANDSHAKE);
    }
    assert!(server.connect("localhost", "sslmode=require").await.unwrap(), "it takes TLS on request, too");
    let other = made("self-signed.crt").display().to_string();
    let error = connect(&dsn(server.port, &format!("sslmode=verify-full&sslrootcert={other}"))).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Tls, "{error}");
}

#[test]
fn direct_tls_needs_a_mode_that_demands_tls() {
    for mode in ["disable", "allow", "prefer"] {
        let error = dsn(5432, &format!("sslmode={mode}")).parse::<Config>().unwrap_err();
        assert!(error.kind() == ErrorKind::Config, "{error}");
        let reason = format!("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full, not {mode}");
        assert!(error.to_string().contains(&reason), "{error}");
    }
    assert!(dsn(5432, "").parse::<Config>().is_err(), "prefer is the default");
}

/// A TLS server that knows no ALPN. Returns its port.
async fn server_without_alpn() -> u16 {
    let certificate = CertificateDer::from_pem_file(made("ed25519.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(made("ed25519.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let _ = acceptor.accept(socket).await;
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_does_not_confirm_the_protocol_is_refused() {
    let port = server_without_alpn().await;

    let error = connect(&dsn(port, "sslmode=require")).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("is it PostgreSQL 17 or newer?"), "{error}");
}

#[tokio::test]
async fn the_error_of_a_server_that_hangs_up_names_the_version_that_it_needs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // As an older server does: it takes the handshake for a start-up packet that is too long.
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            socket.read_u8().await.unwrap();
        }
    });

    let error = connect(&dsn(port, "sslmode=require&connect_timeout=1")).await.unwrap_err();

    assert!(error.to_string().contains("sslnegotiation=direct needs PostgreSQL 17 or newer"), "{error}");
}
