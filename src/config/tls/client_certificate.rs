//! This program's own certificate (`sslcert`) and its private key (`sslkey`).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::error::Error;

/// Reads both PEM files. The certificate may be of X.509 v1, which rustls's own reader refuses.
pub(super) fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Arc<SingleCertAndKey>, Error> {
    let chain = read_chain(certificate)
        .map_err(|error| Error::config("sslcert", format!("{}: {error}", certificate.display())))?;
    let key_error = |error: String| Error::config("sslkey", format!("{}: {error}", key.display()));
    let signing_key = read_key(key, provider).map_err(key_error)?;
    if !is_pair(&chain[0], &*signing_key) {
        return Err(key_error(format!("is not the key of the certificate in {}", certificate.display())));
    }
    Ok(Arc::new(CertifiedKey::new(chain, signing_key).into()))
}

/// The certificate and its issuers, at least one.
fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let chain: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if chain.is_empty() {
        return Err("no certificate in this file; it must be PEM: -----BEGIN CERTIFICATE-----".into());
    }
    Ok(chain)
}

fn read_key(file: &Path, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, String> {
    let pem = fs::read(file).map_err(|error| error.to_string())?;
    refuse_access_of_others(file)?;
    if pem.windows(9).any(|word| word == b"ENCRYPTED") {
        return Err("is encrypted, and no passphrase is asked for: decrypt it with `openssl pkey`".into());
    }
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| "no private key in this file; it must be PEM: -----BEGIN PRIVATE KEY-----")?;
    provider.key_provider.load_private_key(key).map_err(|_| {
        "a key of this kind is not supported: use RSA (2048 bits or more), ECDSA (P-256, P-384) or Ed25519".into()
    })
}

/// libpq's rule.
#[cfg(unix)]
fn refuse_access_of_others(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = fs::metadata(file).map_err(|error| error.to_string())?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err("others can read or write this private key: chmod 600, or 640 if root owns it".into());
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_access_of_others(_: &Path) -> Result<(), String> {
    Ok(())
}

/// Whether the key is the certificate's, as far as we can tell.
fn is_pair(certificate: &[u8], key: &dyn SigningKey) -> bool {
    let Ok(certificate) = Certificate::from_der(certificate) else { return true };
    let certified = certificate.tbs_certificate.subject_public_key_info.to_der();
    key.public_key().zip(certified.ok()).is_none_or(|(own, certified)| *own == *certified)
}
