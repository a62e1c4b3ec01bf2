//! The parts of a time stamp in ASN.1: the request and the response of RFC 3161, the signed data of RFC 5652 and the
//! attributes of RFC 5035.
//!
//! Signed parts, and those that do not matter here, are kept as the bytes that came. Only DER is read: nothing of
//! indefinite length, and nothing behind the end.

use der::asn1::{AnyRef, BitStringRef, IntRef, ObjectIdentifier, OctetStringRef, UintRef, Utf8StringRef};
use der::{DecodeValue, EncodeValue, Enumerated, Header, Length, Reader, Sequence, Writer};
use x509_cert::ext::Extensions;

/// RFC 5652 section 5.1.
pub(super) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// RFC 3161 section 2.4.2: the content of a time stamp.
pub(super) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// Signed attributes: RFC 5652 section 11.1 and 11.2, RFC 5035 section 5.4 and 3.
pub(super) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(super) const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// The elements of a SEQUENCE OF, or of a SET OF that has another tag, as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elements<'a>(pub &'a [u8]);

impl<'a> Sequence<'a> for Elements<'a> {}

impl<'a> DecodeValue<'a> for Elements<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        AnyRef::decode_value(reader, header).map(|any| Self(any.value()))
    }
}

impl EncodeValue for Elements<'_> {
    fn value_len(&self) -> der::Result<Length> {
        self.0.len().try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

/// An algorithm; what its parameters are depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Sequence)]
pub(super) struct AlgorithmIdentifier<'a> {
    pub oid: ObjectIdentifier,
    pub parameters: Option<AnyRef<'a>>,
}

/// RFC 3161 section 2.4.1: the hash of what is stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Sequence)]
pub(super) struct MessageImprint<'a> {
    pub hash_algorithm: AlgorithmIdentifier<'a>,
    pub hashed_message: &'a OctetStringRef,
}

/// RFC 3161 section 2.4.1, without policy and extensions.
#[derive(Debug, Sequence)]
pub(super) struct TimeStampReq<'a> {
    pub version: u8,
    pub message_imprint: MessageImprint<'a>,
    pub nonce: UintRef<'a>,
    #[asn1(default = "Default::default")]
    pub cert_req: bool,
}

/// RFC 3161 section 2.4.2.
#[derive(Debug, Sequence)]
pub(super) struct TimeStampResp<'a> {
    pub status: PkiStatusInfo<'a>,
    pub time_stamp_token: Option<AnyRef<'a>>,
}

/// RFC 3161 section 2.4.2.
#[derive(Debug, Sequence)]
pub(super) struct PkiStatusInfo<'a> {
    pub status: PkiStatus,
    pub status_string: Option<Vec<Utf8StringRef<'a>>>,
    pub fail_info: Option<BitStringRef<'a>>,
}

/// RFC 3161 section 2.4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumerated)]
#[asn1(type = "INTEGER")]
#[repr(u8)]
pub(super) enum PkiStatus {
    Granted = 0,
    GrantedWithMods = 1,
    Rejection = 2,
    Waiting = 3,
    RevocationWarning = 4,
    RevocationNotification = 5,
}

/// RFC 3161 section 2.4.2: what an authority signs.
#[derive(Debug, Sequence)]
pub(super) struct TstInfo<'a> {
    pub version: u8,
    pub policy: ObjectIdentifier,
    pub message_imprint: MessageImprint<'a>,
    pub serial_number: IntRef<'a>,
    /// Of type GeneralizedTime, and perhaps with a part of a second, which `der`'s type refuses.
    pub gen_time: AnyRef<'a>,
    pub accuracy: Option<Elements<'a>>,
    #[asn1(default = "Default::default")]
    pub ordering: bool,
    pub nonce: Option<IntRef<'a>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub tsa: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub extensions: Option<Extensions>,
}

/// RFC 5652 section 3.
#[derive(Debug, Sequence)]
pub(super) struct ContentInfo<'a> {
    pub content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub content: AnyRef<'a>,
}

/// RFC 5652 section 5.1.
#[derive(Debug, Sequence)]
pub(super) struct CmsSignedData<'a> {
    pub version: u8,
    pub digest_algorithms: AnyRef<'a>,
    pub encap_content_info: EncapsulatedContentInfo<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub certificates: Option<Elements<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub crls: Option<Elements<'a>>,
    /// A set of [`SignerInfo`].
    pub signer_infos: AnyRef<'a>,
}

/// RFC 5652 section 5.2.
#[derive(Debug, Sequence)]
pub(super) struct EncapsulatedContentInfo<'a> {
    pub content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub content: Option<&'a OctetStringRef>,
}

/// RFC 5652 section 5.3.
#[derive(Debug, Sequence)]
pub(super) struct SignerInfo<'a> {
    pub version: u8,
    /// IssuerAndSerialNumber, or a SubjectKeyIdentifier under the tag 0.
    pub signer: AnyRef<'a>,
    pub digest_algorithm: AlgorithmIdentifier<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub signed_attributes: Option<Elements<'a>>,
    pub signature_algorithm: AlgorithmIdentifier<'a>,
    pub signature: &'a OctetStringRef,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub unsigned_attributes: Option<Elements<'a>>,
}

/// RFC 5652 section 10.2.4.
#[derive(Debug, Sequence)]
pub(super) struct IssuerAndSerialNumber<'a> {
    /// A Name.
    pub issuer: AnyRef<'a>,
    pub serial_number: IntRef<'a>,
}

/// RFC 5652 section 5.3.
#[derive(Debug, Sequence)]
pub(super) struct Attribute<'a> {
    pub oid: ObjectIdentifier,
    /// A set.
    pub values: AnyRef<'a>,
}

/// RFC 5035 section 5.4 and 3: both SigningCertificate and SigningCertificateV2, since the parts are read later.
#[derive(Debug, Sequence)]
pub(super) struct SigningCertificate<'a> {
    /// A sequence of [`EssCertId`] or [`EssCertIdV2`], the signer's first.
    pub certificates: Elements<'a>,
    pub policies: Option<Elements<'a>>,
}

/// RFC 2634 section 5.4.1. The hash is SHA-1.
#[derive(Debug, Sequence)]
pub(super) struct EssCertId<'a> {
    pub hash: &'a OctetStringRef,
    pub issuer_serial: Option<IssuerSerial<'a>>,
}

/// RFC 5035 section 4. Without an algorithm the hash is SHA-256.
#[derive(Debug, Sequence)]
pub(super) struct EssCertIdV2<'a> {
    pub hash_algorithm: Option<AlgorithmIdentifier<'a>>,
    pub hash: &'a OctetStringRef,
    pub issuer_serial: Option<IssuerSerial<'a>>,
}

/// RFC 5035 section 5: the issuer as GeneralNames.
#[derive(Debug, Sequence)]
pub(super) struct IssuerSerial<'a> {
    pub issuer: Elements<'a>,
    pub serial_number: IntRef<'a>,
}

#[cfg(test)]
mod tests {
    use der::{Decode as _, Encode as _};

    use super::*;

    #[test]
    fn elements_are_written_as_they_came() {
        assert_eq!(Elements(&[]).to_der().unwrap(), [0x30, 0]);
        assert_eq!(Elements(&[2, 1, 7, 5, 0]).to_der().unwrap(), [0x30, 5, 2, 1, 7, 5, 0]);
        let large = [5, 0].repeat(300);
        let der = Elements(&large).to_der().unwrap();
        assert_eq!(der[..4], [0x30, 0x82, 2, 0x58]);
        assert_eq!(Elements::from_der(&der).unwrap(), Elements(&large));
    }
}
