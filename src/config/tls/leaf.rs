//! A server's certificate as libpq reads it, written down for webpki. webpki refuses certificates of X.509 v1, takes no
//! authority for a server, and knows no common names; PostgreSQL's manual makes all three.
//!
//! The copy is of version 3, no authority, and names what libpq would find in it. webpki checks the copy as any certificate:
//! dates, issuers, purposes, constraints. Only the issuer's signature is checked over the original bytes.

use std::fmt;
use std::net::IpAddr;

use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, DnsName, FipsStatus, InvalidSignature, SignatureVerificationAlgorithm,
};
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::der::asn1::{Ia5String, OctetString};
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Decode as _, Encode as _, Reader as _, Result as DerResult, SliceReader};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::{Certificate, name::Name};

/// A certificate that webpki can check.
pub(super) struct Leaf<'a> {
    certificate: CertificateDer<'a>,
    signed: Option<Signed<'a>>,
}

/// What a copy says, and what its issuer has signed instead.
struct Signed<'a> {
    copy: Vec<u8>,
    original: &'a [u8],
}

impl<'a> Leaf<'a> {
    /// A certificate that cannot be read stays as it is: webpki says what is wrong.
    pub(super) fn new(original: &'a CertificateDer<'a>) -> Self {
        let unchanged = Self { certificate: CertificateDer::from_slice(original), signed: None };
        copy(original).ok().flatten().unwrap_or(unchanged)
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'a> {
        &self.certificate
    }

    /// The algorithms for the signatures of the certificate and its issuers.
    pub(super) fn algorithms<'b>(&'b self, all: &[&'b dyn SignatureVerificationAlgorithm]) -> Vec<OnOriginal<'b>> {
        all.iter().map(|&algorithm| OnOriginal { algorithm, signed: self.signed.as_ref() }).collect()
    }
}

fn copy<'a>(original: &'a CertificateDer<'a>) -> DerResult<Option<Leaf<'a>>> {
    let mut certificate = Certificate::from_der(original)?;
    let content = &mut certificate.tbs_certificate;
    let is_authority = content.get::<BasicConstraints>()?.is_some_and(|(_, constraints)| constraints.ca);
    let names = names(content)?;
    if content.version == Version::V3 && !is_authority && names.is_none() {
        return Ok(None);
    }
    content.version = Version::V3;
    let extensions = content.extensions.get_or_insert_default();
    extensions.retain(|extension| extension.extn_id != BasicConstraints::OID);
    if let Some(names) = names {
        extensions.retain(|extension| extension.extn_id != SubjectAltName::OID);
        let extn_value = OctetString::new(SubjectAltName(names).to_der()?)?;
        extensions.push(Extension { extn_id: SubjectAltName::OID, critical: false, extn_value });
    }
    let signed = Signed { copy: content.to_der()?, original: signed_bytes(original)? };
    Ok(Some(Leaf { certificate: certificate.to_der()?.into(), signed: Some(signed) }))
}

/// The bytes that the issuer has signed.
fn signed_bytes(certificate: &[u8]) -> DerResult<&[u8]> {
    let mut reader = SliceReader::new(certificate)?;
    reader.sequence(|fields| {
        let signed = fields.tlv_bytes()?;
        fields.read_slice(fields.remaining_len())?;
        Ok(signed)
    })
}

/// The names by libpq's rules, if they differ from those in the certificate: an address may stand where host names do, and
/// the common name counts if there is no other name of its kind.
fn names(content: &TbsCertificate) -> DerResult<Option<Vec<GeneralName>>> {
    let given = content.get::<SubjectAltName>()?.map(|(_, names)| names.0).unwrap_or_default();
    let hosts = given.iter().filter_map(|name| if let GeneralName::DnsName(host) = name { Some(host) } else { None });
    let has_address = given.iter().any(|name| matches!(name, GeneralName::IpAddress(_)));
    let has_host = hosts.clone().next().is_some();
    let mut more: Vec<_> = hosts.filter_map(|host| address(host.as_str())).collect();
    match common_name(&content.subject) {
        Some(name) if !has_address && address(&name).is_some() => more.extend(address(&name)),
        Some(name) if !has_host && DnsName::try_from(name.trim_start_matches("*.")).is_ok() => {
            more.push(GeneralName::DnsName(Ia5String::new(&name)?));
        }
        _ => {}
    }
    Ok(Some([given, more.clone()].concat()).filter(|_| !more.is_empty()))
}

fn address(text: &str) -> Option<GeneralName> {
    let bytes = match text.parse().ok()? {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    OctetString::new(bytes).ok().map(GeneralName::IpAddress)
}

/// The first common name.
fn common_name(subject: &Name) -> Option<String> {
    let mut attributes = subject.0.iter().flat_map(|part| part.0.iter());
    let name = attributes.find(|attribute| attribute.oid == CN)?;
    String::from_utf8(name.value.value().to_vec()).ok()
}

/// A signature algorithm that takes a copy for its original.
pub(super) struct OnOriginal<'a> {
    algorithm: &'a dyn SignatureVerificationAlgorithm,
    signed: Option<&'a Signed<'a>>,
}

impl SignatureVerificationAlgorithm for OnOriginal<'_> {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let signed = self.signed.filter(|signed| signed.copy == message).map_or(message, |signed| signed.original);
        self.algorithm.verify_signature(public_key, signed, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn fips_status(&self) -> FipsStatus {
        self.algorithm.fips_status()
    }
}

impl fmt::Debug for OnOriginal<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.algorithm.fmt(formatter)
    }
}
