//! Checks a server's certificate as the mode requires, and reads the root certificates.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme};
use tracing::warn;

use super::leaf::Leaf;
use super::{SslMode, Tls};
use crate::error::Error;

/// Kinds of keys that rustls cannot check. A server may have one if nothing is checked; else the error names it.
const UNCHECKED: [SignatureScheme; 3] =
    [SignatureScheme::ECDSA_NISTP521_SHA512, SignatureScheme::ED448, SignatureScheme::RSA_PKCS1_SHA1];

#[derive(Debug)]
pub(super) struct Verifier {
    /// `None` if nothing is checked.
    roots: Option<RootCertStore>,
    checks_host: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(super) fn new(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let roots = match &tls.root_certificates {
            _ if !tls.verifies() => None,
            Some(file) => Some(
                roots_of(file).map_err(|error| Error::config("sslrootcert", format!("{}: {error}", file.display())))?,
            ),
            None => Some(platform_roots()?),
        };
        Ok(Self { roots, checks_host: tls.mode == SslMode::VerifyFull, provider: Arc::clone(provider) })
    }

    /// Verifies the signature of a handshake with the certificate's key, if anything is checked.
    fn verify_handshake(
        &self,
        certificate: &CertificateDer<'_>,
        verify: impl FnOnce(&CertificateDer<'_>, &WebPkiSupportedAlgorithms) -> Result<HandshakeSignatureValid, TlsError>,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        if self.roots.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify(Leaf::new(certificate).certificate(), &self.provider.signature_verification_algorithms)
    }
}

fn roots_of(file: &Path) -> Result<RootCertStore, Box<dyn StdError>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err("no certificate in this file; it must be PEM: -----BEGIN CERTIFICATE-----".into());
    }
    Ok(roots)
}

fn platform_roots() -> Result<RootCertStore, Error> {
    let platform = rustls_native_certs::load_native_certs();
    for error in &platform.errors {
        warn!(%error, "a root certificate of this platform cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(platform.certs);
    if roots.is_empty() {
        let reason = "this platform has no root certificates: name a file with the server's authority, or install them \
                      (ca-certificates)";
        return Err(Error::config("sslrootcert", reason));
    }
    Ok(roots)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        let leaf = Leaf::new(end_entity);
        let certificate = ParsedCertificate::try_from(leaf.certificate())?;
        let algorithms = leaf.algorithms(self.provider.signature_verification_algorithms.all);
        let algorithms: Vec<_> =
            algorithms.iter().map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm).collect();
        verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, &algorithms)?;
        // The host is checked last: an error about it means that everything else is valid.
        if self.checks_host {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verify_handshake(certificate, |leaf, algorithms| {
            verify_tls12_signature(message, leaf, signature, algorithms)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verify_handshake(certificate, |leaf, algorithms| {
            verify_tls13_signature(message, leaf, signature, algorithms)
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let checked = self.provider.signature_verification_algorithms.supported_schemes();
        checked.into_iter().chain(UNCHECKED).collect()
    }
}
