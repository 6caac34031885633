//! `channel_binding`: the login proves that it goes to the server whose certificate was seen.

use clip_saver_db::Error;

use super::{TlsServer, connect, server_with, write};

/// A server that asks for a password by SCRAM.
async fn server(certificate: &str) -> TlsServer {
    let rules = "local all all trust\nhostssl all all all scram-sha-256\n";
    let hba = write(&format!("{certificate}.hba"), rules);
    let server = server_with(certificate, &["--hba", hba.to_str().unwrap()]);
    server.run("alter role postgres password 'right'").await;
    server
}

async fn log_in(server: &TlsServer, binding: &str) -> Result<bool, Error> {
    let parameters = format!("sslmode=require&channel_binding={binding}");
    connect(&format!("postgresql://postgres:right@localhost:{}/postgres?{parameters}", server.port)).await
}

#[tokio::test]
async fn channel_binding_works_with_every_hash() {
    for certificate in ["server", "ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512", "rsa-sha384", "rsa-pss"] {
        let server = server(certificate).await;
        for binding in ["require", "prefer", "disable"] {
            let encrypted = log_in(&server, binding).await;
            assert!(encrypted.unwrap(), "{certificate}, {binding}");
        }
    }
}

#[tokio::test]
async fn ed25519_has_no_hash_so_only_require_refuses_it_and_says_why() {
    let server = server("ed25519").await;

    for binding in ["prefer", "disable"] {
        assert!(log_in(&server, binding).await.unwrap(), "{binding}");
    }
    let error = log_in(&server, "require").await.unwrap_err();
    assert!(error.to_string().contains("signed with RSA or ECDSA (not Ed25519)"), "{error}");
}
