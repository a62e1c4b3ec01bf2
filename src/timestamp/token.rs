//! A time stamp, taken apart. Nothing of it is believed before a certificate has been found for it.

use chrono::{NaiveDate, NaiveDateTime};
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, Tagged as _};

use super::algorithm::HashFunction;
use super::asn1::{
    Attribute, CONTENT_TYPE, CmsSignedData, ContentInfo, Elements, MESSAGE_DIGEST, PkiStatus, PkiStatusInfo,
    SIGNED_DATA, SignerInfo, TST_INFO, TimeStampResp, TstInfo,
};
use super::fault::TimestampFault;
use crate::foreign::shown;

/// Public authorities send 1 to 8 KiB, most of it their certificates.
pub(super) const MAX_TOKEN_BYTES: usize = 32 << 10;
/// A chain has two or three, and a cross-signed one a few more.
const MAX_ENCLOSED_CERTIFICATES: usize = 16;
/// The four that RFC 3161 and CAdES ask for, and as many again.
const MAX_ATTRIBUTES: usize = 16;

/// A time stamp of the right form.
#[derive(Debug)]
pub(super) struct TimeStampToken<'a> {
    /// The content whose hash the authority signed.
    content: &'a [u8],
    pub info: TstInfo<'a>,
    /// The time in Unix seconds.
    pub time: i64,
    pub signer: SignerInfo<'a>,
    /// All attributes with the bytes that are signed.
    attributes: Elements<'a>,
    /// Certificates that came along, in no order, as DER. Anybody can have put them there.
    pub enclosed: Vec<&'a [u8]>,
}

impl<'a> TimeStampToken<'a> {
    /// Parses a TimeStampResp.
    pub(super) fn parse(response: &'a [u8]) -> Result<Self, TimestampFault> {
        if response.len() > MAX_TOKEN_BYTES {
            return Err(TimestampFault::TooLarge(MAX_TOKEN_BYTES));
        }
        let response = TimeStampResp::from_der(response).map_err(TimestampFault::malformed("TimeStampResp"))?;
        let token = match (response.status.status, response.time_stamp_token) {
            (PkiStatus::Granted | PkiStatus::GrantedWithMods, Some(token)) => token,
            (PkiStatus::Granted | PkiStatus::GrantedWithMods, None) => {
                return Err(TimestampFault::unfit("TimeStampResp", "it has no time stamp"));
            }
            _ => return Err(TimestampFault::Refused(refusal(&response.status))),
        };
        let content = token.decode_as::<ContentInfo<'a>>().map_err(TimestampFault::malformed("ContentInfo"))?;
        if content.content_type != SIGNED_DATA {
            return Err(TimestampFault::unfit("ContentInfo", "it holds no signed data"));
        }
        Self::from_signed_data(content.content.decode_as().map_err(TimestampFault::malformed("SignedData"))?)
    }

    fn from_signed_data(signed: CmsSignedData<'a>) -> Result<Self, TimestampFault> {
        let content = match signed.encap_content_info.content {
            Some(content) if signed.encap_content_info.content_type == TST_INFO => content.as_bytes(),
            _ => return Err(TimestampFault::unfit("SignedData", "it holds no TSTInfo")),
        };
        let info = TstInfo::from_der(content).map_err(TimestampFault::malformed("TSTInfo"))?;
        if info.version != 1 {
            return Err(TimestampFault::unfit("TSTInfo", "its version is not 1"));
        }
        if let Some(critical) = info.extensions.iter().flatten().find(|extension| extension.critical) {
            return Err(TimestampFault::CriticalExtension(critical.extn_id.to_string()));
        }
        let signers = set(signed.signer_infos, "SignerInfos", 1).map_err(|_| TimestampFault::Signers)?;
        let [signer] = signers[..] else { return Err(TimestampFault::Signers) };
        let signer: SignerInfo<'a> = signer.decode_as().map_err(TimestampFault::malformed("SignerInfo"))?;
        // Without attributes nothing would say whose certificate was meant (RFC 3161 section 2.4.2).
        let attributes = signer.signed_attributes.ok_or(TimestampFault::Attribute("message-digest"))?;
        let time = time(info.gen_time)?;
        let enclosed = signed.certificates.map_or(Ok(Vec::new()), enclosed)?;
        let token = Self { content, info, time, signer, attributes, enclosed };
        token.check_attributes()?;
        Ok(token)
    }

    /// Checks that the attributes speak of this content (RFC 5652 section 11.1 and 11.2).
    fn check_attributes(&self) -> Result<(), TimestampFault> {
        let content_type = self.attribute(CONTENT_TYPE)?;
        if content_type.and_then(|value| value.decode_as().ok()) != Some(TST_INFO) {
            return Err(TimestampFault::Attribute("content-type"));
        }
        let digest = self.attribute(MESSAGE_DIGEST)?.filter(|value| value.tag() == Tag::OctetString);
        let digest = digest.ok_or(TimestampFault::Attribute("message-digest"))?;
        if !self.hash_function()?.is_hash(digest.value(), self.content) {
            return Err(TimestampFault::Attribute("message-digest"));
        }
        Ok(())
    }

    pub(super) fn hash_function(&self) -> Result<HashFunction, TimestampFault> {
        HashFunction::of(&self.signer.digest_algorithm, "the hash function")
    }

    /// The one value of a signed attribute. One that is there twice, or with more values, is as wrong as a missing one.
    pub(super) fn attribute(&self, oid: ObjectIdentifier) -> Result<Option<AnyRef<'a>>, TimestampFault> {
        let mut found = None;
        for item in elements(self.attributes.0, "signed attributes", MAX_ATTRIBUTES)? {
            let attribute: Attribute<'a> = item.decode_as().map_err(TimestampFault::malformed("signed attributes"))?;
            if attribute.oid != oid {
                continue;
            }
            match set(attribute.values, "signed attributes", 1)?[..] {
                [value] if found.is_none() => found = Some(value),
                _ => return Err(TimestampFault::unfit("signed attributes", "one is there twice, or has no value")),
            }
        }
        Ok(found)
    }

    /// The bytes that the signature covers: the attributes as they came, as a SET (RFC 5652 section 5.4).
    pub(super) fn signed(&self) -> Result<Vec<u8>, TimestampFault> {
        let set = AnyRef::new(Tag::Set, self.attributes.0).and_then(|set| set.to_der());
        set.map_err(TimestampFault::malformed("signed attributes"))
    }
}

/// The authority's words. Bits of `failInfo` are as RFC 3161 section 2.4.2 numbers them.
fn refusal(status: &PkiStatusInfo<'_>) -> String {
    const REASONS: [(usize, &str); 8] = [
        (0, "it does not know the hash function"),
        (2, "it does not allow or support the request"),
        (5, "the request is malformed"),
        (14, "its clock is not available"),
        (15, "it does not know the policy"),
        (16, "it does not know the extension"),
        (17, "it does not know what was asked for"),
        (25, "it failed"),
    ];
    let bits = status.fail_info.map(|bits| bits.bits().collect::<Vec<_>>()).unwrap_or_default();
    let reasons =
        REASONS.iter().filter(|(bit, _)| bits.get(*bit) == Some(&true)).map(|(_, reason)| (*reason).to_owned());
    let words = status.status_string.iter().flatten().map(|text| format!("'{}'", shown(text.as_str())));
    let said: Vec<String> = reasons.chain(words.take(1)).collect();
    if said.is_empty() { format!("{:?}", status.status) } else { said.join(", ") }
}

fn enclosed<'a>(certificates: Elements<'a>) -> Result<Vec<&'a [u8]>, TimestampFault> {
    const PART: &str = "certificates";
    let mut reader = SliceReader::new(certificates.0).map_err(TimestampFault::malformed(PART))?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        if found.len() == MAX_ENCLOSED_CERTIFICATES {
            return Err(TimestampFault::unfit(PART, "there are too many"));
        }
        found.push(reader.tlv_bytes().map_err(TimestampFault::malformed(PART))?);
    }
    Ok(found)
}

/// The elements of a SET, at most `limit`.
fn set<'a>(set: AnyRef<'a>, part: &'static str, limit: usize) -> Result<Vec<AnyRef<'a>>, TimestampFault> {
    set.tag().assert_eq(Tag::Set).map_err(TimestampFault::malformed(part))?;
    elements(set.value(), part, limit)
}

/// The elements of a value, at most `limit`.
pub(super) fn elements<'a>(
    value: &'a [u8],
    part: &'static str,
    limit: usize,
) -> Result<Vec<AnyRef<'a>>, TimestampFault> {
    let mut reader = SliceReader::new(value).map_err(TimestampFault::malformed(part))?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        if found.len() == limit {
            return Err(TimestampFault::unfit(part, "there are too many"));
        }
        found.push(AnyRef::decode(&mut reader).map_err(TimestampFault::malformed(part))?);
    }
    Ok(found)
}

/// Unix seconds. A second that has begun counts as a whole one: the time is to be no earlier than the authority's.
///
/// Form: RFC 3161 section 2.4.2, `YYYYMMDDhhmmss[.s...]Z`.
fn time(time: AnyRef<'_>) -> Result<i64, TimestampFault> {
    let text =
        Some(time).filter(|time| time.tag() == Tag::GeneralizedTime).and_then(|time| str::from_utf8(time.value()).ok());
    let time = text.and_then(|text| text.strip_suffix('Z')).and_then(|text| match text.split_once('.') {
        None => whole_seconds(text),
        Some((_, "")) => None,
        Some((whole, part)) if part.bytes().all(|digit| digit.is_ascii_digit()) => {
            Some(whole_seconds(whole)? + i64::from(part.bytes().any(|digit| digit != b'0')))
        }
        Some(_) => None,
    });
    // Nobody stamped anything before 1970.
    time.filter(|time| *time >= 0).ok_or_else(|| TimestampFault::unfit("TSTInfo", "it has no time"))
}

fn whole_seconds(digits: &str) -> Option<i64> {
    if digits.len() != 14 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits[range].parse::<u32>().ok();
    let date = NaiveDate::from_ymd_opt(number(0..4)? as i32, number(4..6)?, number(6..8)?)?;
    let time: NaiveDateTime = date.and_hms_opt(number(8..10)?, number(10..12)?, number(12..14)?)?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        time(AnyRef::new(Tag::GeneralizedTime, text.as_bytes()).unwrap()).ok()
    }

    #[test]
    fn a_time_is_read_to_the_second_and_never_made_earlier() {
        assert_eq!(read("20260101000000Z"), Some(1_767_225_600));
        assert_eq!(read("20260101000000.000Z"), Some(1_767_225_600));
        assert_eq!(read("20260101000000.0001Z"), Some(1_767_225_601));
        assert_eq!(read("19700101000000Z"), Some(0));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "20260101000000",
            "20260101000000.Z",
            "20260101000000.5",
            "20260101000000.5xZ",
            "20260101000000+0100",
            "202601010000Z",
            "20261301000000Z",
            "20260230000000Z",
            "20260101240000Z",
            "20260101000061Z",
            "+0260101000000Z",
            "19691231235959Z",
            "2026010100000\u{e9}Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let utc_time = AnyRef::new(Tag::UtcTime, b"20260101000000Z").unwrap();
        assert!(time(utc_time).is_err());
    }
}
