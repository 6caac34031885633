//! Certificates that rustls refuses to read: they are checked as strictly as any other.

use std::path::PathBuf;
use std::sync::Arc;

use clip_saver_db::ErrorKind;
use rcgen::{CertificateParams, Issuer, KeyPair, SanType, SigningKey as _, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::BitString;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode as _, Encode as _, EncodePem as _};

use super::{TlsServer, authority, common_name, connect, self_signed, write};

/// A root certificate, and the PEM files of a certificate and its key.
struct Files {
    root: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    /// Signs a certificate with a new authority.
    fn signed(name: &str, params: &CertificateParams, change: impl FnOnce(&mut Certificate)) -> Self {
        let (authority, authority_key, key) =
            (authority("ours"), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let root = write(&format!("{name}-root.crt"), &authority.self_signed(&authority_key).unwrap().pem());
        let issuer = Issuer::new(authority, authority_key);
        let mut certificate = Certificate::from_der(params.signed_by(&key, &issuer).unwrap().der()).unwrap();
        change(&mut certificate);
        let signature = issuer.key().sign(&certificate.tbs_certificate.to_der().unwrap()).unwrap();
        certificate.signature = BitString::from_bytes(&signature).unwrap();
        let certificate = write(&format!("{name}.crt"), &certificate.to_pem(LineEnding::LF).unwrap());
        Self { root, certificate, key: write(&format!("{name}.key"), &key.serialize_pem()) }
    }

    /// A certificate of X.509 v1, which rcgen cannot make.
    fn version_1(name: &str, params: &CertificateParams) -> Self {
        Self::signed(name, params, |certificate| {
            certificate.tbs_certificate.version = Version::V1;
            certificate.tbs_certificate.extensions = None;
        })
    }

    /// An authority's certificate that signs itself.
    fn self_signed(name: &str, params: &CertificateParams) -> Self {
        let [certificate, key] = self_signed(name, params);
        Self { root: certificate.clone(), certificate, key }
    }

    fn serve(&self) -> TlsServer {
        TlsServer::start(&self.certificate, &self.key, &[])
    }

    /// What both modes that verify say to a server with this certificate: the message, or that they connect.
    async fn verified(&self, host: &str, port: u16) -> [String; 2] {
        let root = self.root.display();
        let mut said = [String::new(), String::new()];
        for (mode, said) in ["verify-ca", "verify-full"].into_iter().zip(&mut said) {
            let dsn = format!(
                "host={host} hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres sslmode={mode} sslrootcert={root}"
            );
            *said = match connect(&dsn).await {
                Ok(encrypted) => format!("encrypted: {encrypted}"),
                Err(error) if error.kind() == ErrorKind::Tls => error.to_string(),
                Err(error) => panic!("{mode}: {error}"),
            };
        }
        said
    }
}

fn both(name: &str, change: impl Fn(&mut CertificateParams)) -> [Files; 2] {
    let (mut leaf, mut root) = (common_name("localhost"), authority("localhost"));
    change(&mut leaf);
    change(&mut root);
    [Files::version_1(&format!("{name}-v1"), &leaf), Files::self_signed(&format!("{name}-self"), &root)]
}

#[tokio::test]
async fn odd_certificates_that_have_expired_are_refused() {
    for files in both("gone", |params| params.not_after = date_time_ymd(2020, 2, 29)) {
        let server = files.serve();
        for said in files.verified("localhost", server.port).await {
            assert!(
                said.contains("certificate expired") && said.contains("; renew the server's certificate"),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn odd_certificates_that_are_not_valid_yet_are_refused() {
    for files in both("soon", |params| params.not_before = date_time_ymd(3000, 1, 1)) {
        let server = files.serve();
        for said in files.verified("localhost", server.port).await {
            assert!(said.contains("not valid yet") && said.contains("; correct this machine's clock"), "{said}");
        }
    }
}

#[tokio::test]
async fn odd_certificates_are_accepted_with_their_authority_and_refused_with_another_of_its_name() {
    for (files, others) in both("ours", |_| ()).into_iter().zip(both("theirs", |_| ())) {
        let server = files.serve();
        assert_eq!(files.verified("localhost", server.port).await, ["encrypted: true"; 2]);
        for said in others.verified("localhost", server.port).await {
            assert!(said.contains("BadSignature; the certificate is not from the authority that it names"), "{said}");
        }
    }
}

#[tokio::test]
async fn an_authoritys_own_certificate_may_be_a_servers() {
    let files = Files::signed("authority", &authority("localhost"), |_| ());
    let server = files.serve();

    assert_eq!(files.verified("localhost", server.port).await, ["encrypted: true"; 2]);
}

#[tokio::test]
async fn a_changed_certificate_is_refused() {
    let mut files = Files::version_1("changed", &common_name("localhost"));
    let genuine = CertificateDer::from_pem_file(&files.certificate).unwrap();
    let mut certificate = Certificate::from_der(&genuine).unwrap();
    certificate.tbs_certificate.version = Version::V3; // what webpki is shown
    files.certificate = write("changed.crt", &certificate.to_pem(LineEnding::LF).unwrap());
    let server = files.serve();

    for said in files.verified("localhost", server.port).await {
        assert!(said.contains("BadSignature"), "{said}");
    }
}

/// Presents a certificate without having its key.
#[derive(Debug)]
struct Stolen(Arc<CertifiedKey>);

impl ResolvesServerCert for Stolen {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Poses as a server with its certificate and another key. Returns its port.
async fn pose(certificate: &CertificateDer<'static>) -> u16 {
    let provider = ring::default_provider();
    let key = PrivateKeyDer::from_pem_slice(KeyPair::generate().unwrap().serialize_pem().as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let stolen = Stolen(Arc::new(CertifiedKey::new(vec![certificate.clone()], key)));
    let config = ServerConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_cert_resolver(Arc::new(stolen))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 8]; // asks for TLS
            socket.read_exact(&mut request).await.unwrap();
            socket.write_all(b"S").await.unwrap();
            assert!(acceptor.accept(socket).await.is_err(), "the client must end the handshake");
        }
    });
    port
}

#[tokio::test]
async fn a_server_with_the_right_certificate_but_another_key_is_refused() {
    let [version_1, authority] = both("stolen", |_| ());
    let ordinary = Files::signed("stolen", &CertificateParams::new(["localhost".to_owned()]).unwrap(), |_| ());
    for files in [ordinary, version_1, authority] {
        let port = pose(&CertificateDer::from_pem_file(&files.certificate).unwrap()).await;
        for said in files.verified("localhost", port).await {
            assert!(said.contains("BadSignature") && said.contains("or the server does not have its key"), "{said}");
        }
    }
}

#[tokio::test]
async fn names_count_as_in_libpq() {
    let host = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let address = || SanType::IpAddress("127.0.0.1".parse().unwrap());
    for (number, (common, others, accepted, refused)) in [
        // A common name counts if there is no other name of its kind.
        ("localhost", vec![], "localhost", "127.0.0.1"),
        ("LOCALHOST", vec![address()], "localhost", "another.example"),
        ("127.0.0.1", vec![], "127.0.0.1", "localhost"),
        ("127.0.0.1", vec![host("localhost")], "127.0.0.1", "another.example"),
        ("localhost", vec![address(), host("other.example")], "127.0.0.1", "localhost"),
        // An address may stand where host names do.
        ("other.example", vec![host("127.0.0.1")], "127.0.0.1", "localhost"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut params = common_name(common);
        params.subject_alt_names = others;
        let files = Files::signed(&format!("names-{number}"), &params, |_| ());
        let server = files.serve();
        let [_, said] = files.verified(accepted, server.port).await;
        assert_eq!(said, "encrypted: true", "{number}");
        let [_, said] = files.verified(refused, server.port).await;
        assert!(said.contains("certificate not valid for name"), "{number}: {said}");
    }
}
