//! The certificate of an authority: whether a time stamp names it, and whether it is for time stamps.

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::Certificate as X509;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};

use super::algorithm::{HashFunction, is_sha1};
use super::asn1::{
    Elements, EssCertId, EssCertIdV2, IssuerAndSerialNumber, IssuerSerial, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2,
    SigningCertificate,
};
use super::fault::TimestampFault;
use super::token::{TimeStampToken, elements};

/// RFC 3161 section 2.3.
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// The signer's certificate is the first; the rest of a chain may follow.
const MAX_CERTIFICATE_IDS: usize = 16;
/// `directoryName` of GeneralName (RFC 5280 section 4.2.1.6).
const DIRECTORY_NAME: u32 = 4;

/// A certificate, parsed. Nobody has vouched for it yet.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    der: Vec<u8>,
    parsed: X509,
    /// DER.
    issuer: Vec<u8>,
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Result<Self, der::Error> {
        let parsed = X509::from_der(der)?;
        let issuer = parsed.tbs_certificate().issuer().to_der()?;
        Ok(Self { der: der.to_vec(), parsed, issuer })
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns whether it is a certification authority's (RFC 5280 section 4.2.1.9). One that cannot be read is not.
    pub(super) fn is_ca(&self) -> bool {
        let constraints = self.parsed.tbs_certificate().get_extension::<BasicConstraints>();
        matches!(constraints, Ok(Some((_, BasicConstraints { ca: true, .. }))))
    }

    /// The subject's name, as RFC 4514 writes it.
    pub(super) fn subject(&self) -> String {
        self.parsed.tbs_certificate().subject().to_string()
    }

    /// `time` is in Unix seconds.
    pub(super) fn is_valid_at(&self, time: i64) -> bool {
        let validity = self.parsed.tbs_certificate().validity();
        let seconds =
            |time: &x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        (seconds(&validity.not_before)..=seconds(&validity.not_after)).contains(&time)
    }

    /// Returns whether the time stamp names this certificate as its signer's (RFC 5652 section 5.3).
    pub(super) fn is_named_by(&self, token: &TimeStampToken<'_>) -> bool {
        let signer = token.signer.signer;
        if signer.tag() == Tag::Sequence {
            let Ok(name) = signer.decode_as::<IssuerAndSerialNumber<'_>>() else { return false };
            return name.issuer.to_der().is_ok_and(|issuer| issuer == self.issuer)
                && name.serial_number.as_bytes() == self.serial_number();
        }
        let id = self.parsed.tbs_certificate().get_extension::<SubjectKeyIdentifier>();
        let is_key_id = signer.tag().is_context_specific() && signer.tag().number().value() == 0;
        is_key_id && matches!(id, Ok(Some((_, id))) if id.0.as_bytes() == signer.value())
    }

    /// Checks that the signed attributes mean this certificate and no other with the same key: RFC 3161 section 2.4.2
    /// asks for SigningCertificate, RFC 5816 allows version 2 in its place. One that is there must be right.
    pub(super) fn check_signed_id(&self, token: &TimeStampToken<'_>) -> Result<(), TimestampFault> {
        const NAME: &str = "signing-certificate";
        let mut is_named = false;
        for (oid, is_v2) in [(SIGNING_CERTIFICATE, false), (SIGNING_CERTIFICATE_V2, true)] {
            let Some(value) = token.attribute(oid)? else { continue };
            let ids: SigningCertificate<'_> = value.decode_as().map_err(TimestampFault::malformed(NAME))?;
            let ids = elements(ids.certificates.0, NAME, MAX_CERTIFICATE_IDS)?;
            let id = ids.first().ok_or(TimestampFault::Attribute(NAME))?;
            let (is_hash, issuer) = if is_v2 {
                let id: EssCertIdV2<'_> = id.decode_as().map_err(TimestampFault::malformed(NAME))?;
                let function = id.hash_algorithm.map_or(Ok(HashFunction::Sha256), |algorithm| {
                    HashFunction::of(&algorithm, "the hash of the certificate")
                })?;
                (function.is_hash(id.hash.as_bytes(), &self.der), id.issuer_serial)
            } else {
                let id: EssCertId<'_> = id.decode_as().map_err(TimestampFault::malformed(NAME))?;
                (is_sha1(id.hash.as_bytes(), &self.der), id.issuer_serial)
            };
            if !is_hash || !issuer.is_none_or(|issuer| self.is_issued_by(&issuer)) {
                return Err(TimestampFault::Attribute(NAME));
            }
            is_named = true;
        }
        if is_named { Ok(()) } else { Err(TimestampFault::Attribute(NAME)) }
    }

    fn is_issued_by(&self, name: &IssuerSerial<'_>) -> bool {
        name.serial_number.as_bytes() == self.serial_number() && self.has_issuer(name.issuer)
    }

    fn has_issuer(&self, general_names: Elements<'_>) -> bool {
        let Ok(names) = elements(general_names.0, "signing-certificate", MAX_CERTIFICATE_IDS) else {
            return false;
        };
        names.iter().any(|name| {
            name.tag().is_context_specific()
                && name.tag().number().value() == DIRECTORY_NAME
                && name.value() == self.issuer
        })
    }

    fn serial_number(&self) -> &[u8] {
        self.parsed.tbs_certificate().serial_number().as_bytes()
    }

    /// Checks that the certificate is for time stamps and nothing else, and says so critically (RFC 3161 section 2.3).
    /// Otherwise a certificate that its authority gave out for something else could make time.
    pub(super) fn check_usage(&self) -> Result<(), &'static str> {
        let certificate = self.parsed.tbs_certificate();
        match certificate.get_extension::<ExtendedKeyUsage>() {
            Ok(Some((true, usage))) if usage.0 == [TIME_STAMPING] => {}
            Ok(Some((false, usage))) if usage.0 == [TIME_STAMPING] => {
                return Err("its extended key usage is not critical");
            }
            _ => return Err("its extended key usage is not 'time stamping'"),
        }
        match certificate.get_extension::<KeyUsage>() {
            Ok(None) => Ok(()),
            Ok(Some((_, usage))) if usage.digital_signature() || usage.non_repudiation() => Ok(()),
            _ => Err("its key usage is not 'digital signature'"),
        }
    }
}
