//! The moves that a tag's row remembers, for those who ask.

use http::Response;
use serde_json::json;

use super::error::Refusal;
use super::response::text;
use super::{Body, Service};
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::oci::JSON;

impl Service {
    /// Answers the digests that a tag was refused at. Nothing is recorded, and neither the log nor a registry is asked.
    pub(super) async fn moves(&self, tag: &Tag, deadline: Deadline) -> Result<Response<Body>, Refusal> {
        // Referrers tags have no row.
        let refused = match tag.is_referrers_tag() {
            true => None,
            false => self.moves.of(tag, deadline).await.map_err(Refusal::no_evidence)?,
        };
        let refused = refused.ok_or_else(|| Refusal::Unseen(tag.clone()))?;
        let mut answer = json!(refused);
        answer["tag"] = tag.canonical().into();
        Ok(text(answer.to_string(), JSON))
    }
}
