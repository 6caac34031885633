//! Says what to do when the handshake fails. `src/error/tls.rs` does so for what the server refuses.

use std::io;

use rustls::{CertificateError, Error as TlsError};

use super::Tls;

pub(super) const NO_ALPN: &str = "the server did not confirm that it talks PostgreSQL's protocol (ALPN), as \
                                  sslnegotiation=direct demands: is it PostgreSQL 17 or newer?";

/// Adds what to do to an error of the handshake.
pub(super) fn handshake(error: io::Error, tls: &Tls, is_direct: bool) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<TlsError>());
    let what = match cause {
        Some(TlsError::InvalidCertificate(reason)) if is_unsupported(reason) => {
            "the server's certificate cannot be checked".to_owned() // rustls lists numbers
        }
        _ => error.to_string(),
    };
    let advice = match cause {
        Some(TlsError::InvalidCertificate(reason)) => about_certificate(reason, tls),
        Some(TlsError::AlertReceived(_)) => return error,
        _ if is_direct => "sslnegotiation=direct needs PostgreSQL 17 or newer".to_owned(),
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{what}; {advice}"))
}

fn about_certificate(reason: &CertificateError, tls: &Tls) -> String {
    match reason {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "connect by a name of the certificate, let the server have a certificate for this name, or use \
             sslmode=verify-ca, which accepts any name"
                .into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "renew the server's certificate, or correct this machine's clock".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "correct this machine's clock, or renew the server's certificate".into()
        }
        CertificateError::UnknownIssuer => match &tls.root_certificates {
            Some(file) => format!(
                "no certificate in sslrootcert={} has issued the server's: name the file of its authority",
                file.display()
            ),
            None => "no authority that this machine trusts has issued it: name the file of its authority with \
                     sslrootcert=FILE"
                .into(),
        },
        CertificateError::BadSignature => {
            "the certificate is not from the authority that it names, or the server does not have its key: see whether \
             somebody poses as the server, and whether sslrootcert names the authority's present certificate"
                .into()
        }
        _ => "let the server have a certificate with a key of RSA (2048 bits or more), P-256, P-384 or Ed25519, whose issuer \
              signed with RSA, Ed25519, or ECDSA with SHA-256 or SHA-384; sslmode=require without sslrootcert checks none"
            .into(),
    }
}

/// Whether rustls knows no way to check the key or the signature.
fn is_unsupported(reason: &CertificateError) -> bool {
    matches!(
        reason,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
    )
}
