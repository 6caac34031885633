//! The hash of the server's certificate, which binds a SCRAM login to the TLS connection (RFC 5929, `tls-server-end-point`).

use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier};
use x509_cert::der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_224, ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_RSASSA_PSS, ID_SHA_224,
    ID_SHA_256, ID_SHA_384, ID_SHA_512, SHA_1_WITH_RSA_ENCRYPTION, SHA_224_WITH_RSA_ENCRYPTION,
    SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use x509_cert::der::{Decode as _, SliceReader, TagNumber};
use x509_cert::spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};

/// The certificate's hash by the hash function of its signature, and `None` if that names none (Ed25519).
pub(super) fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let Certificate { signature_algorithm, .. } = Certificate::from_der(certificate).ok()?;
    match signature_algorithm.oid {
        // SHA-1 counts as SHA-256.
        SHA_1_WITH_RSA_ENCRYPTION | SHA_256_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_256 => Some(ID_SHA_256),
        SHA_224_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_224 => Some(ID_SHA_224),
        SHA_384_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_384 => Some(ID_SHA_384),
        SHA_512_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_512 => Some(ID_SHA_512),
        ID_RSASSA_PSS => pss_hash(&signature_algorithm),
        _ => None,
    }
    .and_then(|function| match function {
        ID_SHA_224 => Some(Sha224::digest(certificate).to_vec()),
        ID_SHA_256 => Some(Sha256::digest(certificate).to_vec()),
        ID_SHA_384 => Some(Sha384::digest(certificate).to_vec()),
        ID_SHA_512 => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    })
}

/// The hash function in the parameters of RSA-PSS: `SEQUENCE { [0] hashAlgorithm, … }`.
fn pss_hash(algorithm: &AlgorithmIdentifierOwned) -> Option<ObjectIdentifier> {
    let parameters: AnyRef<'_> = algorithm.parameters.as_ref()?.into();
    let mut fields = SliceReader::new(parameters.value()).ok()?;
    let hash = ContextSpecific::<AlgorithmIdentifierRef<'_>>::decode_explicit(&mut fields, TagNumber::N0).ok()?;
    Some(hash?.value.oid)
}
