//! What each `sslmode` demands of a server and of its certificate.

use std::path::PathBuf;

use clip_saver_db::{Config, Db, Error, ErrorKind};
use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};
use tokio::sync::OnceCell;

use super::{TlsServer, authority, connect, made, self_signed, server_with, write};
use crate::support::TestDatabase;

/// A server with a certificate of its own authority.
struct Signed {
    server: TlsServer,
    /// The authority's certificate.
    root: PathBuf,
    /// The certificate of another authority.
    other_root: PathBuf,
}

impl Signed {
    /// `name` is the name of its files. The certificate is for `localhost`, and `change` may change it.
    fn start(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let authority = authority("ours");
        let root = write(&format!("{name}-root.pem"), &authority.self_signed(&authority_key).unwrap().pem());
        let [other_root, _] = self_signed(&format!("{name}-other"), &super::authority("another"));
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let certificate = write(&format!("{name}.crt"), &certificate.pem());
        let server = TlsServer::start(&certificate, &write(&format!("{name}.key"), &key.serialize_pem()), &[]);
        Self { server, root, other_root }
    }

    /// Connects with verify-full and its authority's certificate.
    async fn verify(&self) -> Result<bool, Error> {
        self.server.connect("localhost", &format!("sslmode=verify-full&sslrootcert={}", self.root.display())).await
    }
}

async fn server() -> &'static Signed {
    static SERVER: OnceCell<Signed> = OnceCell::const_new();
    SERVER.get_or_init(async || Signed::start("server", |_| ())).await
}

async fn connect_to_server(host: &str, parameters: &str) -> Result<bool, Error> {
    server().await.server.connect(host, parameters).await
}

#[tokio::test]
async fn prefer_and_require_encrypt_without_verifying_the_server() {
    for parameters in ["", "sslmode=prefer", "sslmode=require"] {
        assert!(connect_to_server("localhost", parameters).await.unwrap(), "{parameters}");
    }
}

#[tokio::test]
async fn a_server_that_demands_tls_refuses_sslmode_disable() {
    let error = connect_to_server("localhost", "sslmode=disable").await.unwrap_err();

    assert_eq!(error.sqlstate(), Some("28000"));
}

#[tokio::test]
async fn verify_full_accepts_the_right_authority_and_host() {
    assert!(server().await.verify().await.unwrap());
}

#[tokio::test]
async fn verify_full_refuses_another_host_and_verify_ca_accepts_it() {
    let root = server().await.root.display();
    let by_address = |mode| format!("sslmode={mode}&sslrootcert={root}");

    let error = connect_to_server("127.0.0.1", &by_address("verify-full")).await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains(r#"certificate not valid for name "127.0.0.1""#), "{error}");
    assert!(error.to_string().contains(r#"only valid for DnsName("localhost")"#), "{error}");
    assert!(connect_to_server("127.0.0.1", &by_address("verify-ca")).await.unwrap());
}

#[tokio::test]
async fn an_unknown_authority_is_refused_by_all_modes_that_verify() {
    let other = server().await.other_root.display().to_string();
    // With a root certificate, all of these modes verify.
    let by_root =
        ["verify-ca", "verify-full", "require", "prefer"].map(|mode| format!("sslmode={mode}&sslrootcert={other}"));
    let refused = by_root.into_iter().chain(["sslmode=verify-full".to_owned()]);

    for parameters in refused {
        let error = connect_to_server("localhost", &parameters).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Tls, "{parameters}: {error}");
        assert!(error.to_string().contains("UnknownIssuer; no "), "{error}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused_and_the_error_says_so() {
    let expired = Signed::start("expired", |params| params.not_after = date_time_ymd(2020, 2, 29));

    let error = expired.verify().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("certificate expired"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_refused_and_the_error_says_so() {
    let early = Signed::start("early", |params| params.not_before = date_time_ymd(3000, 1, 1));

    let error = early.verify().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("certificate not valid yet"), "{error}");
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_its_own_root() {
    let [certificate, key] = self_signed("self-signed", &CertificateParams::new(["localhost".to_owned()]).unwrap());
    let server = TlsServer::start(&certificate, &key, &[]);

    let parameters = format!("sslmode=verify-full&sslrootcert={}", certificate.display());

    assert!(server.connect("localhost", &parameters).await.unwrap());
}

#[tokio::test]
async fn modes_that_verify_nothing_take_a_key_that_could_not_be_verified() {
    let server = server_with("p521", &[]);

    for parameters in ["sslmode=prefer", "sslmode=require"] {
        assert!(server.connect("localhost", parameters).await.unwrap(), "{parameters}");
    }
    let verified = format!("sslmode=verify-ca&sslrootcert={}", made("p521.crt").display());
    let error = server.connect("localhost", &verified).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Tls, "{error}");
    let reason = "the server's certificate cannot be checked; let the server have a certificate with a key of RSA";
    assert!(error.to_string().contains(reason), "{error}");
}

#[tokio::test]
async fn require_refuses_a_server_without_tls() {
    let server = TlsServer::on_a_port(&[]);

    let error = server.connect("localhost", "sslmode=require").await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("server does not support TLS; turn it on in the server (ssl = on)"), "{error}");
    assert!(!server.connect("localhost", "sslmode=prefer").await.unwrap());
}

#[tokio::test]
async fn an_address_without_a_host_works_in_all_modes_and_verify_full_compares_the_address() {
    let port = server().await.server.port;
    let root = server().await.root.display();
    let by_address = async |parameters: &str| {
        connect(&format!("hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres {parameters}")).await
    };

    for mode in ["prefer".to_owned(), "require".to_owned(), format!("verify-ca sslrootcert={root}")] {
        assert!(by_address(&format!("sslmode={mode}")).await.unwrap(), "{mode}");
    }
    let error = by_address(&format!("sslmode=verify-full sslrootcert={root}")).await.unwrap_err();
    assert!(error.to_string().contains(r#"certificate not valid for name "127.0.0.1""#), "{error}");
    let named = format!("host=localhost sslmode=verify-full sslrootcert={root}");
    assert!(by_address(&named).await.unwrap(), "the host is compared if there is one");
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let [certificate, key] = self_signed("address", &certificate);
    let server = TlsServer::start(&certificate, &key, &[]);
    let dsn = format!(
        "hostaddr=127.0.0.1 port={} user=postgres dbname=postgres sslmode=verify-full sslrootcert={}",
        server.port,
        certificate.display()
    );
    assert!(connect(&dsn).await.unwrap());
}

#[tokio::test]
async fn a_root_certificate_file_that_holds_no_certificate_gives_a_configuration_error() {
    let rubbish = write("rubbish.pem", "rubbish");

    for file in ["/nowhere/root.pem", rubbish.to_str().unwrap()] {
        let error =
            connect_to_server("localhost", &format!("sslmode=verify-full&sslrootcert={file}")).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(&format!("sslrootcert: {file}: ")), "{error}");
    }
}

/// Anybody can have a certificate of one of the platform's authorities, for some other name.
#[test]
fn verify_ca_needs_a_root_certificate() {
    let error = "postgresql://h/d?sslmode=verify-ca".parse::<Config>().unwrap_err();

    assert!(error.to_string().contains("sslmode=verify-ca needs sslrootcert=FILE"), "{error}");
}

#[tokio::test]
async fn a_unix_socket_has_no_tls_whatever_the_mode() {
    let database = TestDatabase::new().await;
    for mode in ["disable", "prefer", "require", "verify-full"] {
        let url = format!("{}&sslmode={mode}", database.url()).replace("?&", "?");
        assert!(Db::connect(url.parse().unwrap()).await.is_ok(), "{mode}");
    }
}
