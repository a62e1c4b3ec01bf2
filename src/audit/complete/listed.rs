//! A sighting as an instance or its ledger lists it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::dsse;
use crate::key::PublicKey;
use crate::ledger::VerifiedRow;
use crate::sighting::{SignedStatement, parse_statement, statement};
use crate::tlog::LogKeys;

/// A listed sighting whose statement a trusted key signed.
#[derive(Debug, Clone)]
pub(crate) struct ListedStatement {
    pub statement: SignedStatement,
    /// Its entry; `None` while the row is pending.
    pub place: Option<ListedPlace>,
}

/// An entry's place, by the list's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedPlace {
    /// In hexadecimal.
    pub log_id: String,
    pub index: u64,
}

/// A line of `GET /sightings/`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedLine {
    tag: String,
    digest: String,
    log_id: Option<String>,
    log_index: Option<String>,
    #[serde(default)]
    pending: bool,
    envelope: ListedEnvelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<ListedSignature>,
}

#[derive(Deserialize)]
struct ListedSignature {
    sig: String,
}

impl ListedStatement {
    /// Checks a line of an instance's list. The error says what does not hold.
    pub(super) fn parse(line: &[u8], keys: &[PublicKey]) -> Result<Self, String> {
        let line: ListedLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let decode = |text: &str| BASE64_STANDARD.decode(text).ok();
        let payload = decode(&line.envelope.payload).ok_or("its payload is not base64")?;
        let (tag, digest) = parse_statement(&payload).ok_or("its statement is not one of tlogistry's")?;
        if line.envelope.payload_type != dsse::IN_TOTO || tag.canonical() != line.tag || digest.as_str() != line.digest
        {
            return Err("it says otherwise than its statement".to_owned());
        }
        let signed = |signature: &ListedSignature| {
            let signature = decode(&signature.sig)?;
            keys.iter().find_map(|key| SignedStatement::check(tag.clone(), digest.clone(), key, signature.clone()))
        };
        let statement = line.envelope.signatures.iter().find_map(signed);
        let statement = statement.ok_or("its signature is not by a key that counts")?;
        let place = match (line.pending, line.log_id, line.log_index) {
            (true, _, None) => None,
            (false, Some(log_id), Some(index)) => {
                let number = index.parse().ok().filter(|number: &u64| number.to_string() == index);
                Some(ListedPlace { log_id, index: number.ok_or("its log index is not a number")? })
            }
            _ => return Err("it is neither recorded nor pending".to_owned()),
        };
        Ok(Self { statement, place })
    }

    /// A row of the ledger.
    pub(super) fn of_row(row: &VerifiedRow, log_keys: &LogKeys) -> Self {
        match row {
            VerifiedRow::Pending(statement, _) => Self { statement: statement.clone(), place: None },
            VerifiedRow::Recorded(sighting) => {
                let entry = sighting.entry();
                // A verified entry was checked with one of the keys.
                let log_id = entry.log_key(log_keys).map(|key| hex::encode(key.id())).unwrap_or_default();
                let place = Some(ListedPlace { log_id, index: entry.log_index() });
                Self { statement: sighting.statement().clone(), place }
            }
        }
    }

    /// The sha256 of the signed bytes.
    pub(super) fn message(&self) -> [u8; 32] {
        self.statement.signed_sha256()
    }

    /// The statement's bytes.
    pub(super) fn payload(&self) -> Vec<u8> {
        statement(self.statement.tag(), self.statement.digest())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::image::Digest;
    use crate::sighting::LocalKey;

    fn line(key: &LocalKey) -> Value {
        let (tag, digest) = ("ghcr.io/org/app:v1".parse().unwrap(), Digest::sha256(b"v1"));
        let payload = statement(&tag, &digest);
        let signature = key.sign(&dsse::pae(dsse::IN_TOTO, &payload)).unwrap();
        json!({
            "tag": tag.canonical(), "digest": digest.as_str(), "logId": "ab", "logIndex": "7",
            "envelope": {
                "payload": BASE64_STANDARD.encode(payload), "payloadType": dsse::IN_TOTO,
                "signatures": [{"keyid": "", "sig": BASE64_STANDARD.encode(signature)}],
            },
        })
    }

    #[test]
    fn a_line_counts_only_if_its_statement_is_signed_by_a_key_that_counts_and_says_the_same() {
        let (key, other) = (LocalKey::generate().unwrap(), LocalKey::generate().unwrap());
        let keys = [other.public_key().clone(), key.public_key().clone()];
        let parse = |line: &Value| ListedStatement::parse(line.to_string().as_bytes(), &keys);
        let good = line(&key);
        let listed = parse(&good).unwrap();
        assert_eq!(listed.place, Some(ListedPlace { log_id: "ab".to_owned(), index: 7 }));
        assert_eq!(listed.statement.digest(), &Digest::sha256(b"v1"));

        let changed = |change: &dyn Fn(&mut Value)| {
            let mut line = good.clone();
            change(&mut line);
            parse(&line)
        };
        let pending = changed(&|line| {
            line["pending"] = json!(true);
            line.as_object_mut().unwrap().remove("logIndex");
        });
        assert_eq!(pending.unwrap().place, None);
        type Alteration<'a> = (&'a str, &'a dyn Fn(&mut Value));
        let faults: &[Alteration<'_>] = &[
            ("tag", &|line| line["tag"] = json!("ghcr.io/org/app:v2")),
            ("digest", &|line| line["digest"] = json!(Digest::sha256(b"v2").as_str())),
            ("type", &|line| line["envelope"]["payloadType"] = json!("text/plain")),
            ("payload", &|line| line["envelope"]["payload"] = json!("e30=")),
            ("no base64", &|line| line["envelope"]["payload"] = json!("e")),
            ("signature", &|line| line["envelope"]["signatures"][0]["sig"] = json!("AAAA")),
            ("no signature", &|line| line["envelope"]["signatures"] = json!([])),
            ("index", &|line| line["logIndex"] = json!("07")),
            ("index in JSON", &|line| line["logIndex"] = json!(7)),
            ("negative index", &|line| line["logIndex"] = json!("-7")),
            ("no index", &|line| line["logIndex"] = Value::Null),
            ("no log", &|line| line["logId"] = Value::Null),
            ("both", &|line| line["pending"] = json!(true)),
        ];
        for (what, change) in faults {
            assert!(changed(change).is_err(), "{what}");
        }
        assert!(ListedStatement::parse(b"", &keys).is_err() && ListedStatement::parse(b"[]", &keys).is_err());
        let stranger = line(&LocalKey::generate().unwrap());
        assert_eq!(parse(&stranger).unwrap_err(), "its signature is not by a key that counts");
    }
}
