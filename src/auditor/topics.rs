//! The topics that findings are told to.

use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::error::DisplayErrorContext;

use super::alert::{Untold, Urgency};
use super::notification::Scene;
use crate::config::AuditorConfig;
use crate::deadline::{Deadline, Elapsed};

/// The time for one message.
const TIME: Duration = Duration::from_secs(8);

pub(super) struct Topics {
    client: Client,
    page: String,
    notice: String,
}

/// The reason why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The topic, the network or the permissions failed. Carries the SDK's words.
    #[error("the findings cannot be told to {topic}: {error}")]
    Unavailable {
        /// The topic's ARN.
        topic: String,
        /// The SDK's words.
        error: String,
    },
    /// No answer came in time. The message may have been sent all the same.
    #[error("the findings cannot be told: no answer in time")]
    Timeout(#[from] Elapsed),
}

impl Topics {
    pub(super) fn new(client: Client, config: &AuditorConfig) -> Self {
        Self { client, page: config.page_topic.clone(), notice: config.notice_topic.clone() }
    }

    /// Tells findings, each to the topic of its urgency.
    pub(super) async fn tell(&self, untold: &Untold, scene: &Scene<'_>) -> Result<(), TellError> {
        for (urgency, topic) in [(Urgency::Page, &self.page), (Urgency::Notice, &self.notice)] {
            let Some(message) = scene.message(untold, urgency) else { continue };
            let request = self.client.publish().topic_arn(topic).subject(message.subject).message(message.text);
            Deadline::after(TIME).bound_boxed(request.send()).await?.map_err(|error| TellError::Unavailable {
                topic: topic.clone(),
                error: DisplayErrorContext(error).to_string(),
            })?;
        }
        Ok(())
    }
}
