//! When `prefer` does without TLS, and `allow` asks for it.

use std::path::PathBuf;

use clip_saver_db::{Error, ErrorKind};

use super::{TlsServer, connect, made, server_with, write};

/// A `pg_hba.conf` with these lines for TCP.
fn rules(name: &str, lines: &str) -> PathBuf {
    write(&format!("{name}.hba"), &format!("local all all trust\n{lines}\n"))
}

/// A server with TLS and this `pg_hba.conf`.
fn server(name: &str, lines: &str) -> TlsServer {
    server_with("server", &["--hba", rules(name, lines).to_str().unwrap()])
}

/// Gives `postgres` a password and connects with another one.
async fn connect_with_a_wrong_password(server: &TlsServer, parameters: &str) -> Result<bool, Error> {
    server.run("alter role postgres password 'right'").await;
    connect(&format!("postgresql://postgres:wrong@localhost:{}/postgres?{parameters}", server.port)).await
}

#[tokio::test]
async fn prefer_does_without_tls_where_the_server_refuses_it() {
    let server = server("plain-only", "hostnossl all all all trust");

    let encrypted = server.connect("localhost", "sslmode=prefer").await;

    assert!(!encrypted.unwrap());
    let with_root = format!("sslmode=prefer&sslrootcert={}", made("root.crt").display());
    assert!(!server.connect("localhost", &with_root).await.unwrap());
}

#[tokio::test]
async fn require_and_stricter_modes_never_do_without_tls() {
    let server = server("plain-only-strict", "hostnossl all all all trust");
    let root = made("root.crt").display().to_string();

    for mode in ["require", "verify-ca", "verify-full"] {
        let error = server.connect("localhost", &format!("sslmode={mode}&sslrootcert={root}")).await.unwrap_err();
        assert!(error.to_string().contains("no pg_hba.conf entry for host"), "{mode}: {error}");
        assert!(error.to_string().contains("SSL encryption"), "{mode}: {error}");
    }
}

#[tokio::test]
async fn prefer_never_sends_a_refused_password_again_without_tls() {
    // In plain text anybody would be let in, so that an attempt would be seen.
    let server = server("password", "hostssl all all all scram-sha-256\nhostnossl all all all trust");

    let error = connect_with_a_wrong_password(&server, "sslmode=prefer").await.unwrap_err();

    assert_eq!(error.sqlstate(), Some("28P01"), "{error}");
}

#[tokio::test]
async fn if_the_server_takes_no_plain_text_either_the_error_is_that_of_tls() {
    let (hba, root) = (rules("neither", "hostssl all all all cert"), made("root.crt"));
    let server = server_with("server", &["--hba", hba.to_str().unwrap(), "--client-ca", root.to_str().unwrap()]);

    let error = server.connect("localhost", "sslmode=prefer").await.unwrap_err();

    assert!(error.to_string().contains("connection requires a valid client certificate"), "{error}");
}

#[tokio::test]
async fn prefer_does_without_tls_where_the_two_have_no_version_in_common() {
    let old = ["ssl_min_protocol_version=TLSv1", "ssl_max_protocol_version=TLSv1.1"];
    let hba = rules("old", "host all all all trust");
    let server = server_with("server", &["--hba", hba.to_str().unwrap(), old[0], old[1]]);

    assert!(!server.connect("localhost", "sslmode=prefer").await.unwrap());
    let root = made("root.crt").display().to_string();
    for parameters in ["sslmode=require".to_owned(), format!("sslmode=prefer&sslrootcert={root}")] {
        let error = server.connect("localhost", &parameters).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Tls, "{parameters}: {error}");
        assert!(error.to_string().contains("let the server allow TLS 1.2 or 1.3"), "{parameters}: {error}");
    }
}

#[tokio::test]
async fn allow_asks_for_tls_only_where_the_server_takes_no_plain_text() {
    let both = server("both", "host all all all trust");
    let encrypted_only = server("encrypted-only", "hostssl all all all trust");

    assert!(!both.connect("localhost", "sslmode=allow").await.unwrap());
    assert!(encrypted_only.connect("localhost", "sslmode=allow").await.unwrap());
    let other_root = format!("sslmode=allow&sslrootcert={}", made("self-signed.crt").display());
    let error = encrypted_only.connect("localhost", &other_root).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Tls, "{error}");
}

#[tokio::test]
async fn allow_says_what_a_server_without_tls_says() {
    let hba = rules("no-tls", "hostssl all all all trust");
    let server = TlsServer::on_a_port(&["--hba", hba.to_str().unwrap()]);

    let error = server.connect("localhost", "sslmode=allow").await.unwrap_err();

    assert!(error.to_string().contains("no pg_hba.conf entry for host"), "{error}");
}
