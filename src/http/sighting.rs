//! A tag's sighting and the keys that it is checked with, for those who check it themselves.

use http::Response;

use super::client::Client;
use super::error::Refusal;
use super::response::text;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::evidence::{BUNDLE_TYPE, Bundle, trusted_root};
use crate::image::Tag;
use crate::oci::JSON;
use crate::rate_limit::Source;

const PEM: &str = "application/x-pem-file";

impl Service {
    /// Answers the bundle of one tag, or a page about it. Nothing is recorded, and no registry is asked. A search of the
    /// log is charged to `source`.
    pub(super) async fn sighting(
        &self,
        tag: &Tag,
        source: Option<Source>,
        client: &Client,
        deadline: Deadline,
    ) -> Result<Response<Body>, Refusal> {
        // Referrers tags are never recorded.
        let sighting = if tag.is_referrers_tag() {
            None
        } else {
            self.verdicts.sighting(tag, source, deadline).await.map_err(Refusal::no_evidence)?
        };
        let sighting = sighting.ok_or_else(|| Refusal::Unseen(tag.clone()))?;
        if client.wants_page() {
            return Ok(self.sighting_page(&sighting, client, deadline).await);
        }
        Ok(text(Bundle::new(&sighting).to_json(), BUNDLE_TYPE))
    }

    /// Answers the public half of the key that new sightings are signed with.
    pub(super) async fn key(&self, deadline: Deadline) -> Result<Response<Body>, Refusal> {
        let key = self.verdicts.public_key(deadline).await.map_err(Refusal::no_evidence)?;
        Ok(text(key.pem().to_owned(), PEM))
    }

    /// Answers the logs' keys, in the form that Sigstore's tools take.
    pub(super) fn trusted_root(&self) -> Response<Body> {
        let verdicts = &self.verdicts;
        text(trusted_root(verdicts.log_keys(), |key| verdicts.url_of(key)), JSON)
    }
}
