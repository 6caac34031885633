//! `sslcert` and `sslkey`: how this program shows the server who it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use clip_saver_db::{Error, ErrorKind};
use rcgen::{Issuer, KeyPair};
use tokio::sync::OnceCell;

use super::{TlsServer, authority, common_name, connect, made, server_with, write};

/// A server that lets in whoever has the certificate of the role: `postgres` by the method `cert`, `bot` by `trust`.
async fn server() -> &'static TlsServer {
    static SERVER: OnceCell<TlsServer> = OnceCell::const_new();
    let start = async || {
        let rules =
            "local all all trust\nhostssl all postgres all cert\nhostssl all bot all trust clientcert=verify-full\n";
        let (hba, root) = (write("certificates.hba", rules), made("root.crt"));
        let files = ["--client-ca", root.to_str().unwrap(), "--hba", hba.to_str().unwrap()];
        let server = server_with("server", &files);
        server.run("create role bot login").await;
        server
    };
    SERVER.get_or_init(start).await
}

/// Connects as a role with these files.
async fn connect_with(role: &str, certificate: &Path, key: &Path) -> Result<bool, Error> {
    let (certificate, key, port) = (certificate.display(), key.display(), server().await.port);
    let parameters = format!("sslmode=require&sslcert={certificate}&sslkey={key}");
    connect(&format!("postgresql://{role}@localhost:{port}/postgres?{parameters}")).await
}

/// The certificate of the role `bot` by the recipe's authority, and its key.
fn certificate_of_bot() -> [PathBuf; 2] {
    let authority_key = KeyPair::from_pem(&fs::read_to_string(made("root.key")).unwrap()).unwrap();
    let issuer = Issuer::new(authority("root.yourdomain.com"), authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = common_name("bot").signed_by(&key, &issuer).unwrap().pem();
    let files = [write("bot.crt", &certificate), write("bot.key", &key.serialize_pem())];
    fs::set_permissions(&files[1], Permissions::from_mode(0o600)).unwrap();
    files
}

/// A copy of the client's key.
fn key(name: &str, mode: u32) -> PathBuf {
    let file = write(name, &fs::read_to_string(made("client.key")).unwrap());
    fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    file
}

#[track_caller]
fn assert_refused(result: Result<bool, Error>, field: &str, reason: &str) {
    let error = result.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.field() == Some(field), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

#[tokio::test]
async fn a_role_is_let_in_by_its_certificate() {
    assert!(connect_with("postgres", &made("client.crt"), &made("client.key")).await.unwrap());
    let [certificate, key] = certificate_of_bot();
    assert!(connect_with("bot", &certificate, &key).await.unwrap());
}

#[tokio::test]
async fn certificate_and_key_may_be_in_one_file() {
    let both = [made("client.crt"), made("client.key")].map(|file| fs::read_to_string(file).unwrap()).concat();
    let file = write("both.pem", &both);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();

    assert!(connect_with("postgres", &file, &file).await.unwrap());
}

#[tokio::test]
async fn without_the_roles_certificate_the_server_refuses_the_session() {
    let port = server().await.port;
    let error = connect(&format!("postgresql://postgres@localhost:{port}/postgres?sslmode=require")).await.unwrap_err();
    assert!(error.to_string().contains("connection requires a valid client certificate"), "{error}");

    let [certificate, key] = certificate_of_bot();
    let error = connect_with("postgres", &certificate, &key).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("28000"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_the_server_does_not_trust_gives_a_tls_error_that_says_so() {
    let error = connect_with("postgres", &made("self-signed.crt"), &made("self-signed.key")).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls && !error.is_retryable(), "{error}");
    assert!(error.to_string().contains("the server refuses this program's certificate"), "{error}");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    let certificate = made("client.crt");
    for (mode, allowed) in [(0o600, true), (0o400, true), (0o644, false), (0o660, false), (0o604, false)] {
        let result = connect_with("postgres", &certificate, &key(&format!("mode-{mode:o}.key"), mode)).await;
        if allowed {
            assert!(result.unwrap(), "{mode:o}");
        } else {
            assert_refused(result, "sslkey", "others can read or write this private key: chmod 600");
        }
    }
}

#[tokio::test]
async fn only_roots_key_may_be_readable_by_its_group() {
    let (certificate, file) = (made("client.crt"), key("group.key", 0o640));
    let is_roots = fs::metadata(&file).unwrap().uid() == 0;

    let result = connect_with("postgres", &certificate, &file).await;

    if !is_roots {
        return assert_refused(result, "sslkey", "or 640 if root owns it");
    }
    assert!(result.unwrap());
    chown(&file, Some(65_534), None).unwrap();
    assert_refused(connect_with("postgres", &certificate, &file).await, "sslkey", "or 640 if root owns it");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_with_their_parameter() {
    let (certificate, key) = (made("client.crt"), made("client.key"));
    let nowhere = Path::new("/nowhere");
    assert_refused(connect_with("postgres", nowhere, &key).await, "sslcert", "/nowhere: ");
    assert_refused(connect_with("postgres", &certificate, nowhere).await, "sslkey", "/nowhere: ");
    assert_refused(connect_with("postgres", &key, &key).await, "sslcert", "no certificate in this file");
    let other = made("server.key");
    assert_refused(connect_with("postgres", &certificate, &other).await, "sslkey", "is not the key of the certificate");
    for name in ["encrypted.key", "encrypted-traditional.key"] {
        assert_refused(connect_with("postgres", &certificate, &made(name)).await, "sslkey", "is encrypted");
    }
    let no_key = write("no.key", "rubbish");
    fs::set_permissions(&no_key, Permissions::from_mode(0o600)).unwrap();
    assert_refused(connect_with("postgres", &certificate, &no_key).await, "sslkey", "no private key in this file");
    let unsupported = connect_with("postgres", &made("p521.crt"), &made("p521.key")).await;
    assert_refused(unsupported, "sslkey", "a key of this kind is not supported");
}

#[tokio::test]
async fn a_certificate_needs_its_key_and_a_key_its_certificate() {
    for (parameter, reason) in [("sslcert", "sslcert needs sslkey"), ("sslkey", "sslkey needs sslcert")] {
        let dsn = format!("postgresql://postgres@localhost/postgres?{parameter}=/file.pem");
        assert_refused(connect(&dsn).await, "connection string", reason);
    }
}
