//! TLS with certificates that the tests make, on a server that demands TLS.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use clip_saver_db::{Config, Db, Error, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::sync::OnceCell;

use crate::support::Server;

/// A server with a certificate of its own authority.
struct TlsServer {
    _server: Server,
    port: u16,
    /// The authority's certificate.
    root: PathBuf,
    /// The certificate of another authority.
    other_root: PathBuf,
}

impl TlsServer {
    /// `name` is the name of its files. The certificate is for `localhost`, and `change` may change it.
    fn start(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let authority = authority("ours");
        let root = write(&format!("{name}-root.pem"), &authority.self_signed(&authority_key).unwrap().pem());
        let other_root = write(&format!("{name}-other.pem"), &other_authority());
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let (server, port) = start(name, &certificate.pem(), &key);
        Self { _server: server, port, root, other_root }
    }

    /// Connects with verify-full and its authority's certificate.
    async fn verify(&self) -> Result<bool, Error> {
        connect("localhost", self.port, &format!("sslmode=verify-full&sslrootcert={}", self.root.display())).await
    }
}

async fn server() -> &'static TlsServer {
    static SERVER: OnceCell<TlsServer> = OnceCell::const_new();
    SERVER.get_or_init(async || TlsServer::start("server", |_| ())).await
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn other_authority() -> String {
    authority("another").self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn start(name: &str, certificate: &str, key: &KeyPair) -> (Server, u16) {
    let certificate = write(&format!("{name}.crt"), certificate);
    let key = write(&format!("{name}.key"), &key.serialize_pem());
    let port = free_port();
    let settings = ["listen_addresses=localhost".to_owned(), format!("port={port}")];
    let [certificate, key] = [&certificate, &key].map(|file| file.to_str().unwrap());
    (Server::start(&["--tls", certificate, key, &settings[0], &settings[1]]), port)
}

fn write(name: &str, content: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, content).unwrap();
    file
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Connects and returns whether the connection is encrypted.
async fn connect(host: &str, port: u16, parameters: &str) -> Result<bool, Error> {
    let config: Config = format!("postgresql://postgres@{host}:{port}/postgres?{parameters}").parse()?;
    let connection = Db::connect(config).await?.connection().await?;
    let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    Ok(connection.raw().query_one(encrypted, &[]).await?.get(0))
}

async fn connect_to_server(host: &str, parameters: &str) -> Result<bool, Error> {
    connect(host, server().await.port, parameters).await
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
    let refused = ["verify-ca", "verify-full"].map(|mode| format!("sslmode={mode}")).into_iter().chain(
        // with a root certificate, all of these modes verify
        ["verify-ca", "verify-full", "require", "prefer"].map(|mode| format!("sslmode={mode}&sslrootcert={other}")),
    );

    for parameters in refused {
        let error = connect_to_server("localhost", &parameters).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Tls, "{parameters}: {error}");
        assert!(error.to_string().contains("UnknownIssuer; see sslmode and sslrootcert"), "{error}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused_and_the_error_says_so() {
    let expired = TlsServer::start("expired", |params| params.not_after = date_time_ymd(2020, 2, 29));

    let error = expired.verify().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("certificate expired"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_refused_and_the_error_says_so() {
    let early = TlsServer::start("early", |params| params.not_before = date_time_ymd(3000, 1, 1));

    let error = early.verify().await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("certificate not valid yet"), "{error}");
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_its_own_root() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (_server, port) = start("self-signed", &certificate.pem(), &key);
    let root = write("self-signed-root.pem", &certificate.pem());

    let parameters = format!("sslmode=verify-full&sslrootcert={}", root.display());

    assert!(connect("localhost", port, &parameters).await.unwrap());
}

#[tokio::test]
async fn require_refuses_a_server_without_tls() {
    let port = free_port();
    let _server = Server::start(&["listen_addresses=localhost", &format!("port={port}")]);

    let error = connect("localhost", port, "sslmode=require").await.unwrap_err();

    assert!(error.kind() == ErrorKind::Tls, "{error}");
    assert!(!connect("localhost", port, "sslmode=prefer").await.unwrap());
}

#[tokio::test]
async fn a_root_certificate_file_that_holds_no_certificate_gives_a_configuration_error() {
    let rubbish = write("rubbish.pem", "rubbish");

    for file in ["/nowhere/root.pem", rubbish.to_str().unwrap()] {
        let error =
            connect_to_server("localhost", &format!("sslmode=verify-full&sslrootcert={file}")).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Config, "{error}");
    }
}
