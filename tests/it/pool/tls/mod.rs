//! TLS on real servers, with certificates that the tests make: by rcgen, or by the commands of PostgreSQL's manual.

pub mod channel_binding;
pub mod client_certificates;
pub mod direct;
pub mod manual;
pub mod modes;
pub mod odd_certificates;
pub mod plain_text;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use clip_saver_db::{Config, Db, Error};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

use crate::support::{self, Server, free_port};

/// A server with a certificate on a port of localhost.
pub struct TlsServer {
    process: Server,
    pub port: u16,
}

impl TlsServer {
    /// Starts it with the PEM files of a certificate and its key, and these further arguments of `./dev server`.
    pub fn start(certificate: &Path, key: &Path, arguments: &[&str]) -> Self {
        let files = [certificate, key].map(|file| file.to_str().unwrap());
        Self::on_a_port(&[&["--tls", files[0], files[1]], arguments].concat())
    }

    /// Starts it without a certificate.
    pub fn on_a_port(arguments: &[&str]) -> Self {
        let port = free_port();
        let settings = ["listen_addresses=localhost".to_owned(), format!("port={port}")];
        let process = Server::start(&[arguments, &[&settings[0], &settings[1]]].concat());
        Self { process, port }
    }

    /// Runs SQL through the server's socket.
    pub async fn run(&self, sql: &str) {
        let url = self.process.url.trim_end_matches("/postgres");
        let admin = support::connect(&format!("{url}:{}/postgres", self.port)).await;
        admin.batch_execute(sql).await.unwrap();
    }

    /// Connects as `postgres` to a host, and returns whether the connection is encrypted.
    pub async fn connect(&self, host: &str, parameters: &str) -> Result<bool, Error> {
        connect(&format!("postgresql://postgres@{host}:{}/postgres?{parameters}", self.port)).await
    }
}

/// Connects, and returns whether the connection is encrypted.
pub async fn connect(dsn: &str) -> Result<bool, Error> {
    let config: Config = dsn.parse()?;
    let connection = Db::connect(config).await?.connection().await?;
    let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    Ok(connection.raw().query_one(encrypted, &[]).await?.get(0))
}

/// Writes a file in the tests' own folder.
pub fn write(name: &str, content: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, content).unwrap();
    file
}

/// An authority of this name.
pub fn authority(name: &str) -> CertificateParams {
    let mut params = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A certificate with only a common name.
pub fn common_name(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The PEM files of a self-signed certificate and its key.
pub fn self_signed(name: &str, params: &CertificateParams) -> [PathBuf; 2] {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    [write(&format!("{name}.crt"), &certificate), write(&format!("{name}.key"), &key.serialize_pem())]
}

/// A file that the recipe in tests/fixtures has made.
pub fn made(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("manual_certificates");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/manual_certificates.sh");
        let output = Command::new(recipe).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    };
    FOLDER.get_or_init(make).join(name)
}

/// Starts a server with a certificate of the recipe.
pub fn server_with(name: &str, arguments: &[&str]) -> TlsServer {
    TlsServer::start(&made(&format!("{name}.crt")), &made(&format!("{name}.key")), arguments)
}
