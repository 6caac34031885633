//! The certificates that PostgreSQL's manual makes. libpq takes all of them.

use clip_saver_db::ErrorKind;

use super::{TlsServer, made, server_with};

/// All modes accept the server for `localhost`, and `verify-full` refuses it for an address.
async fn assert_accepted(server: &TlsServer, root: &str) {
    for parameters in ["", "sslmode=prefer", "sslmode=require"] {
        assert!(server.connect("localhost", parameters).await.unwrap(), "{parameters}");
    }
    let root = made(root).display().to_string();
    for mode in ["verify-ca", "verify-full"] {
        let verified = server.connect("localhost", &format!("sslmode={mode}&sslrootcert={root}")).await;
        assert!(verified.unwrap(), "{mode}");
    }
    let by_address = |mode| format!("sslmode={mode}&sslrootcert={root}");
    let error = server.connect("127.0.0.1", &by_address("verify-full")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains(r#"only valid for DnsName("localhost"); connect by a name of"#), "{error}");
    assert!(server.connect("127.0.0.1", &by_address("verify-ca")).await.unwrap());
}

/// All modes that verify refuse the server if another authority is trusted.
async fn assert_refused(server: &TlsServer, root: &str) {
    for mode in ["require", "verify-ca", "verify-full"] {
        let parameters = format!("sslmode={mode}&sslrootcert={}", made(root).display());
        let error = server.connect("localhost", &parameters).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Tls, "{mode}: {error}");
    }
}

#[tokio::test]
async fn the_manuals_self_signed_certificate_is_its_own_root() {
    let server = server_with("self-signed", &[]);

    assert_accepted(&server, "self-signed.crt").await;
    assert_refused(&server, "root.crt").await;
}

#[tokio::test]
async fn the_manuals_certificate_of_an_authority_is_verified() {
    let server = server_with("server", &[]);

    assert_accepted(&server, "root.crt").await;
    assert_refused(&server, "self-signed.crt").await;
    assert_refused(&server, "intermediate.crt").await;
}

#[tokio::test]
async fn the_manuals_certificate_of_an_intermediate_authority_is_verified() {
    let server = TlsServer::start(&made("chain.crt"), &made("leaf.key"), &[]);

    assert_accepted(&server, "root.crt").await;
    assert_refused(&server, "self-signed.crt").await;
}
