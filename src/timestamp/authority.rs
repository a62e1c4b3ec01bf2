//! Time-stamping authorities: who is believed about time, and in which time.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use url::Url;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::algorithm;
use super::certificate::Certificate;
use super::fault::TimestampFault;
use super::token::TimeStampToken;
use crate::foreign::shown;
use crate::validity::Validity;

/// A leaf, a root, and more between them than any authority has.
const MAX_CHAIN: usize = 10;
/// The content of the object identifier 1.3.6.1.5.5.7.3.8, id-kp-timeStamping.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// An authority whose time stamps are believed. It can only be made of certificates that parse.
#[derive(Debug, Clone)]
pub struct TimestampAuthority {
    name: Arc<str>,
    url: Option<Url>,
    /// The certificate that signs. Without one, any that a time stamp encloses counts if it leads to the root.
    leaf: Option<Certificate>,
    intermediates: Vec<CertificateDer<'static>>,
    root: Certificate,
    validity: Validity,
}

/// The time of a time stamp that verified, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    seconds: u64,
    authority: Arc<str>,
}

/// Certificates that cannot be those of an authority.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Is empty.
    #[error("it has no certificate")]
    Empty,
    /// Is longer than a chain can be.
    #[error("it has more than {MAX_CHAIN} certificates")]
    TooLong,
    /// Does not parse.
    #[error("certificate {number} is not usable: {fault}")]
    Certificate {
        /// The position, from 1.
        number: usize,
        /// The parser's words.
        fault: String,
    },
    /// Has only the certificate that signs, and webpki trusts nobody for his own word.
    #[error("the last certificate must be a certification authority's")]
    NoRoot,
    /// Is not text in PEM.
    #[error("it is not PEM with CERTIFICATE blocks")]
    Pem,
}

impl TimestampAuthority {
    /// `chain` is in DER, in the order of Sigstore's files: the certificate that signs (which may be missing), those
    /// between, and last the one that is trusted. `name` is for messages.
    pub fn new(name: &str, url: Option<Url>, chain: &[Vec<u8>], validity: Validity) -> Result<Self, AuthorityError> {
        if chain.len() > MAX_CHAIN {
            return Err(AuthorityError::TooLong);
        }
        let unusable = |at: usize, fault: String| AuthorityError::Certificate { number: at + 1, fault };
        let mut certificates = Vec::new();
        for (at, der) in chain.iter().enumerate() {
            certificates.push(Certificate::parse(der).map_err(|error| unusable(at, error.to_string()))?);
        }
        let root = certificates.pop().ok_or(AuthorityError::Empty)?;
        if !root.is_ca() {
            return Err(AuthorityError::NoRoot);
        }
        let anchor = CertificateDer::from(root.der());
        anchor_from_trusted_cert(&anchor).map_err(|error| unusable(chain.len() - 1, error.to_string()))?;
        let leaf = certificates.first().is_some_and(|first| !first.is_ca()).then(|| certificates.remove(0));
        let intermediates = certificates.iter().map(|certificate| certificate.der().to_vec().into()).collect();
        Ok(Self { name: shown(name).into(), url, leaf, intermediates, root, validity })
    }

    /// A chain of PEM blocks, in the same order, trusted at any time.
    pub fn from_pem(url: Option<Url>, pem: &str) -> Result<Self, AuthorityError> {
        let blocks = pem::parse_many(pem).map_err(|_| AuthorityError::Pem)?;
        if blocks.iter().any(|block| block.tag() != "CERTIFICATE") {
            return Err(AuthorityError::Pem);
        }
        let chain: Vec<Vec<u8>> = blocks.into_iter().map(|block| block.into_contents()).collect();
        let name = match &url {
            Some(url) => url.to_string(),
            None => chain
                .last()
                .and_then(|root| Certificate::parse(root).ok())
                .map_or_else(String::new, |root| root.subject()),
        };
        Self::new(&name, url, &chain, Validity::ALWAYS)
    }

    /// The same authority, trusted in this time alone.
    pub fn within(self, validity: Validity) -> Self {
        Self { validity, ..self }
    }

    /// The name for people: as a rule the URL.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL at which it stamps, if that is known.
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// The time in which it is trusted.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The chain in DER, in the order of [`TimestampAuthority::new`].
    pub fn chain(&self) -> impl Iterator<Item = &[u8]> {
        let leaf = self.leaf.iter().map(Certificate::der);
        leaf.chain(self.intermediates.iter().map(AsRef::as_ref)).chain([self.root.der()])
    }

    /// All but the imprint.
    pub(super) fn verify(&self, token: &TimeStampToken<'_>) -> Result<Timestamp, TimestampFault> {
        let enclosed: Vec<Certificate> = match &self.leaf {
            Some(_) => Vec::new(),
            // One that does not parse is nobody's.
            None => token.enclosed.iter().filter_map(|der| Certificate::parse(der).ok()).collect(),
        };
        let candidates = self.leaf.iter().chain(&enclosed).filter(|certificate| certificate.is_named_by(token));
        let mut fault = TimestampFault::UnknownAuthority;
        for certificate in candidates {
            match self.verify_by(certificate, token) {
                Ok(timestamp) => return Ok(timestamp),
                Err(other) => fault = later(fault, other),
            }
        }
        Err(fault)
    }

    fn verify_by(&self, certificate: &Certificate, token: &TimeStampToken<'_>) -> Result<Timestamp, TimestampFault> {
        let authority = || self.name.to_string();
        let time = token.time;
        let leaf = CertificateDer::from(certificate.der());
        let chain = |fault: String| TimestampFault::Chain { authority: authority(), time, fault };
        let end_entity = EndEntityCert::try_from(&leaf).map_err(|error| chain(webpki_fault(&error)))?;

        let mut verifiers = algorithm::verifiers(&token.signer.signature_algorithm, token.hash_function()?)?;
        let (signed, signature) = (token.signed()?, token.signer.signature.as_bytes());
        if !verifiers.any(|verifier| end_entity.verify_signature(verifier, &signed, signature).is_ok()) {
            return Err(TimestampFault::Signature { authority: authority() });
        }
        certificate.check_signed_id(token)?;
        certificate.check_usage().map_err(|fault| TimestampFault::Usage { authority: authority(), fault })?;

        let seconds = u64::try_from(time).map_err(|_| chain("it was before 1970".to_owned()))?;
        let root = CertificateDer::from(self.root.der());
        let anchor = anchor_from_trusted_cert(&root).map_err(|error| chain(webpki_fault(&error)))?;
        let mut between = self.intermediates.clone();
        if self.leaf.is_none() {
            between.extend(token.enclosed.iter().map(|der| CertificateDer::from(*der).into_owned()));
        }
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        // One between may name its purposes, and must then name this. That of the leaf has been checked.
        let usage = KeyUsage::required_if_present(TIME_STAMPING);
        end_entity
            .verify_for_usage(ALL_VERIFICATION_ALGS, &[anchor], &between, at, usage, None, None)
            .map_err(|error| chain(webpki_fault(&error)))?;
        // webpki knows no end of a trusted certificate.
        if !self.root.is_valid_at(time) {
            return Err(chain("the trusted certificate was not".to_owned()));
        }
        if !self.validity.contains(seconds) {
            return Err(TimestampFault::Validity { authority: authority(), time, validity: self.validity });
        }
        Ok(Timestamp { seconds, authority: self.name.clone() })
    }
}

impl Timestamp {
    /// Unix seconds. What was stamped was there no later.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// The authority's name.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// The fault that was found later in the checks.
pub(super) fn later(one: TimestampFault, other: TimestampFault) -> TimestampFault {
    if other.progress() > one.progress() { other } else { one }
}

fn webpki_fault(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CertExpired { .. } => "it had expired".to_owned(),
        webpki::Error::CertNotValidYet { .. } => "it was not valid yet".to_owned(),
        webpki::Error::UnknownIssuer => "it does not lead to the trusted certificate".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_of_a_later_check_is_told_and_of_two_of_one_check_the_first() {
        let authority = || "stand-in".to_owned();
        let signature = |authority: &str| TimestampFault::Signature { authority: authority.to_owned() };
        let attribute = TimestampFault::Attribute("signing-certificate");
        let usage = TimestampFault::Usage { authority: authority(), fault: "it is for anything" };
        let chain = |fault: &str| TimestampFault::Chain { authority: authority(), time: 0, fault: fault.to_owned() };
        let validity = |time| TimestampFault::Validity { authority: authority(), time, validity: Validity::ALWAYS };
        // In the order of the checks, those of one check together.
        let checks = [
            vec![TimestampFault::UnknownAuthority],
            vec![signature("one"), signature("other")],
            vec![attribute, usage],
            vec![chain("it had expired"), chain("it was not valid yet")],
            vec![validity(1), validity(2)],
            vec![TimestampFault::Imprint, TimestampFault::Signers],
        ];
        let faults =
            || checks.iter().enumerate().flat_map(|(place, faults)| faults.iter().map(move |one| (place, one)));
        for (place, one) in faults() {
            for (other_place, other) in faults() {
                let told = if other_place > place { other } else { one };
                assert_eq!(&later(one.clone(), other.clone()), told, "{one:?}, then {other:?}");
            }
        }
    }
}
