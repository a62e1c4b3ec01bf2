//! Time stamps as RFC 3161 and RFC 5652 have them, made with certificates of the test's own, and every odd form of
//! them.

use der::asn1::{AnyRef, IntRef};
use der::{Decode as _, Encode as _, Sequence};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, SerialNumber, SignatureAlgorithm, SigningKey as _, date_time_ymd,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::filed::der::{sequence, tlv};

/// For the kinds of keys and of their use.
pub use rcgen;

const BOOLEAN_TRUE: &[u8] = &[1, 1, 0xff];
const OCTET_STRING: u8 = 4;
const SET: u8 = 0x31;
const GENERALIZED_TIME: u8 = 24;

pub const SHA256: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
pub const SHA384: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
pub const SHA512: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];
const ECDSA_WITH_SHA256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_WITH_SHA384: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const ECDSA_WITH_SHA512: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
const RSA_WITH_SHA256: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 11];
const SIGNED_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 7, 2];
pub const TST_INFO: &[u8] = &[6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 9, 16, 1, 4];
pub const CONTENT_TYPE: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 9, 3];
pub const MESSAGE_DIGEST: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 9, 4];
pub const SIGNING_CERTIFICATE: &[u8] = &[6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 9, 16, 2, 12];
pub const SIGNING_CERTIFICATE_V2: &[u8] = &[6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 9, 16, 2, 47];
/// Any policy will do: Sigstore's.
const POLICY: &[u8] = &[6, 9, 0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 2];
/// id-kp-timeStamping and id-kp-codeSigning, in a sequence.
pub const TIME_STAMPING: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8];
pub const CODE_SIGNING: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 3];

/// A request, as a client posts it.
#[derive(Sequence)]
pub struct TimeStampReq<'a> {
    pub version: u8,
    pub message_imprint: AnyRef<'a>,
    pub nonce: Option<IntRef<'a>>,
    #[asn1(default = "Default::default")]
    pub cert_req: bool,
}

/// The shape of an authority's certificates.
#[derive(Clone)]
pub struct Certified {
    pub algorithm: &'static SignatureAlgorithm,
    /// Key purposes, in DER.
    pub purposes: &'static [&'static [u8]],
    pub is_critical: bool,
    pub key_usages: &'static [KeyUsagePurpose],
    /// The first and the last year of the certificate that signs.
    pub years: (i32, i32),
    /// The last year of the root.
    pub root_until: i32,
    pub has_intermediate: bool,
    /// Purposes of the one between; it names none if this is empty.
    pub purposes_between: &'static [&'static [u8]],
}

impl Default for Certified {
    fn default() -> Self {
        Self {
            algorithm: &rcgen::PKCS_ECDSA_P256_SHA256,
            purposes: &[TIME_STAMPING],
            is_critical: true,
            key_usages: &[KeyUsagePurpose::DigitalSignature],
            years: (2020, 2049),
            root_until: 2049,
            has_intermediate: false,
            purposes_between: &[],
        }
    }
}

/// A part of a time stamp that can be changed while it is made: a list of its elements in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Response,
    SignedData,
    Info,
    Attributes,
    Signer,
}

/// A change of a part.
pub type Edit<'a> = (Part, &'a dyn Fn(&mut Vec<Vec<u8>>));

type Digest = fn(&[u8]) -> Vec<u8>;

/// An authority: its key, and certificates made at run time.
pub struct Stamper {
    key: KeyPair,
    /// DER: the certificate that signs, perhaps one between, the root.
    pub chain: Vec<Vec<u8>>,
    issuer: Vec<u8>,
}

const SERIAL: u8 = 7;
const KEY_ID: [u8; 20] = [9; 20];

impl Default for Stamper {
    fn default() -> Self {
        Self::of(&Certified::default())
    }
}

impl Stamper {
    pub fn of(certified: &Certified) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let root = authority("stand-in root", certified.root_until);
        let root_der = root.self_signed(&root_key).unwrap().der().to_vec();
        let root = Issuer::new(root, root_key);
        let mut chain = vec![root_der];
        let key = KeyPair::generate_for(certified.algorithm).unwrap();
        let leaf = leaf(certified);
        let leaf = if certified.has_intermediate {
            let (mut params, between_key) = (authority("stand-in between", 2049), KeyPair::generate().unwrap());
            params.custom_extensions.extend(usage(certified.purposes_between, false));
            chain.insert(0, params.signed_by(&between_key, &root).unwrap().der().to_vec());
            leaf.signed_by(&key, &Issuer::new(params, between_key))
        } else {
            leaf.signed_by(&key, &root)
        };
        chain.insert(0, leaf.unwrap().der().to_vec());
        Self { key, issuer: name_of_issuer(certified), chain }
    }

    /// A time stamp (a TimeStampResp) for a request, of a time such as `20260101000000Z`.
    pub fn stamp(&self, request: &TimeStampReq<'_>, time: &str, edits: &[Edit<'_>]) -> Vec<u8> {
        let edited = |part: Part, mut elements: Vec<Vec<u8>>| {
            edits.iter().filter(|(of, _)| *of == part).for_each(|(_, edit)| edit(&mut elements));
            elements
        };
        let (hash, signature_algorithm, digest) = self.algorithms();
        let info = edited(
            Part::Info,
            vec![
                vec![2, 1, 1],
                POLICY.to_vec(),
                request.message_imprint.to_der().unwrap(),
                vec![2, 1, 9],
                tlv(GENERALIZED_TIME, time.as_bytes()),
                request.nonce.map(|nonce| nonce.to_der().unwrap()).unwrap_or_default(),
            ],
        );
        let info = tlv(0x30, &info.concat());
        let attributes = edited(
            Part::Attributes,
            vec![
                attribute(CONTENT_TYPE, TST_INFO),
                attribute(MESSAGE_DIGEST, &tlv(OCTET_STRING, &digest(&info))),
                attribute(SIGNING_CERTIFICATE_V2, &self.certificate_id()),
            ],
        )
        .concat();
        let signature = self.key.sign(&tlv(SET, &attributes)).unwrap();
        let signer = edited(
            Part::Signer,
            vec![
                vec![2, 1, 1],
                sequence(&[&self.issuer, &[2, 1, SERIAL]]),
                sequence(&[hash]),
                tlv(0xa0, &attributes),
                signature_algorithm,
                tlv(OCTET_STRING, &signature),
            ],
        );
        let signed = edited(
            Part::SignedData,
            vec![
                vec![2, 1, 3],
                tlv(SET, &sequence(&[hash])),
                sequence(&[TST_INFO, &tlv(0xa0, &tlv(OCTET_STRING, &info))]),
                if request.cert_req { tlv(0xa0, &self.chain[0]) } else { Vec::new() },
                tlv(SET, &tlv(0x30, &signer.concat())),
            ],
        );
        let token = sequence(&[SIGNED_DATA, &tlv(0xa0, &tlv(0x30, &signed.concat()))]);
        tlv(0x30, &edited(Part::Response, vec![sequence(&[&[2, 1, 0]]), token]).concat())
    }

    /// The hash's identifier, the signature algorithm, and the hash, as goes with the key.
    fn algorithms(&self) -> (&'static [u8], Vec<u8>, Digest) {
        let algorithm = self.key.algorithm();
        let sha256: Digest = |bytes| Sha256::digest(bytes).to_vec();
        let sha384: Digest = |bytes| Sha384::digest(bytes).to_vec();
        let sha512: Digest = |bytes| Sha512::digest(bytes).to_vec();
        if *algorithm == rcgen::PKCS_ECDSA_P256_SHA256 {
            (SHA256, sequence(&[ECDSA_WITH_SHA256]), sha256)
        } else if *algorithm == rcgen::PKCS_ECDSA_P384_SHA384 {
            (SHA384, sequence(&[ECDSA_WITH_SHA384]), sha384)
        } else if *algorithm == rcgen::PKCS_ECDSA_P521_SHA512 {
            (SHA512, sequence(&[ECDSA_WITH_SHA512]), sha512)
        } else if *algorithm == rcgen::PKCS_RSA_SHA256 {
            (SHA256, sequence(&[RSA_WITH_SHA256, &[5, 0]]), sha256)
        } else if *algorithm == rcgen::PKCS_ED25519 {
            // RFC 8419 section 3.1.
            (SHA512, sequence(&[ED25519]), sha512)
        } else {
            panic!("{algorithm:?} has no name here")
        }
    }

    /// A time stamp that nobody asked for over HTTP.
    pub fn stamp_of(&self, signature: &[u8], time: &str, edits: &[Edit<'_>]) -> Vec<u8> {
        let imprint = imprint(SHA256, &Sha256::digest(signature));
        let message_imprint = AnyRef::from_der(&imprint).unwrap();
        self.stamp(&TimeStampReq { version: 1, message_imprint, nonce: None, cert_req: true }, time, edits)
    }

    /// SigningCertificateV2, with issuer and serial number.
    pub fn certificate_id(&self) -> Vec<u8> {
        let issuer = sequence(&[&sequence(&[&tlv(0xa4, &self.issuer)]), &[2, 1, SERIAL]]);
        let id = sequence(&[&tlv(OCTET_STRING, &Sha256::digest(&self.chain[0])), &issuer]);
        sequence(&[&sequence(&[&id])])
    }

    /// The signer's key identifier, under the tag that a SignerInfo has for it.
    pub fn key_id() -> Vec<u8> {
        tlv(0x80, &KEY_ID)
    }

    pub fn pem(&self) -> String {
        let block = |der: &Vec<u8>| {
            let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, der);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        self.chain.iter().map(block).collect()
    }
}

/// A refusal: status 2, and why.
pub fn refusal(words: &str, bits: &[u8]) -> Vec<u8> {
    let words = sequence(&[&tlv(12, words.as_bytes())]);
    sequence(&[&sequence(&[&[2, 1, 2], &words, &tlv(3, bits)])])
}

pub fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[kind, &tlv(SET, value)])
}

pub fn imprint(hash: &[u8], digest: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(&[hash, &[5, 0]]), &tlv(OCTET_STRING, digest)])
}

/// An extension of a TSTInfo.
pub fn extensions(is_critical: bool) -> Vec<u8> {
    let critical = if is_critical { BOOLEAN_TRUE } else { &[] };
    tlv(0xa1, &sequence(&[&[6, 3, 0x2a, 3, 4], critical, &tlv(OCTET_STRING, &[5, 0])]))
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params
}

fn authority(name: &str, until: i32) -> CertificateParams {
    let mut params = named(name);
    params.not_after = date_time_ymd(until, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(certified: &Certified) -> CertificateParams {
    let mut params = named("stand-in time-stamping authority");
    (params.not_before, params.not_after) =
        (date_time_ymd(certified.years.0, 1, 1), date_time_ymd(certified.years.1, 1, 1));
    params.serial_number = Some(SerialNumber::from(vec![SERIAL]));
    params.key_usages = certified.key_usages.to_vec();
    params.key_identifier_method = KeyIdMethod::PreSpecified(KEY_ID.to_vec());
    params.is_ca = IsCa::ExplicitNoCa;
    params.custom_extensions.extend(usage(certified.purposes, certified.is_critical));
    params
}

/// rcgen's own is never critical.
fn usage(purposes: &[&[u8]], is_critical: bool) -> Option<CustomExtension> {
    let mut usage = CustomExtension::from_oid_content(&[2, 5, 29, 37], sequence(purposes));
    usage.set_criticality(is_critical);
    (!purposes.is_empty()).then_some(usage)
}

/// The DER of the name of the leaf's issuer.
fn name_of_issuer(certified: &Certified) -> Vec<u8> {
    let name = if certified.has_intermediate { "stand-in between" } else { "stand-in root" };
    sequence(&[&tlv(SET, &sequence(&[&[6, 3, 0x55, 4, 3], &tlv(12, name.as_bytes())]))])
}
