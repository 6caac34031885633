//! What to do when the server refuses TLS, or this program's certificate.

use std::error::Error as _;
use std::io;

use rustls::{AlertDescription, Error as TlsError};

/// What to do after an error that the database did not report; starts with `; ` unless it is empty.
pub(super) fn advice(error: &tokio_postgres::Error) -> &'static str {
    if let Some(alert) = alert(error) {
        return about(alert);
    }
    match error.source().map(ToString::to_string).as_deref() {
        Some("server does not support TLS") => {
            "; turn it on in the server (ssl = on); sslmode=prefer or disable does without it, and sends everything in plain \
             text"
        }
        Some("server did not use channel binding") => {
            "; channel_binding=require needs TLS, the method scram-sha-256 in the server's pg_hba.conf, and a server's \
             certificate that was signed with RSA or ECDSA (not Ed25519)"
        }
        _ => "",
    }
}

/// The TLS alert with which the server ended the connection. With TLS 1.3 it comes after the handshake if the server refuses
/// this program's certificate.
pub(super) fn alert(error: &tokio_postgres::Error) -> Option<AlertDescription> {
    let cause = error.source()?.downcast_ref::<io::Error>()?.get_ref()?;
    match cause.downcast_ref()? {
        TlsError::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

fn about(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            "; server and program have no version or cipher of TLS in common: let the server allow TLS 1.2 or 1.3 \
             (ssl_min_protocol_version, ssl_max_protocol_version, ssl_ciphers)"
        }
        AlertDescription::NoApplicationProtocol => "; sslnegotiation=direct reached a server of another protocol",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRequired
        | AlertDescription::UnknownCA => {
            "; the server refuses this program's certificate: check sslcert and sslkey, and the server's ssl_ca_file and log"
        }
        _ => "; the server's log says why",
    }
}
